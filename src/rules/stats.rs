//! Totals of a run: counts, groups of failures and latencies, added up from records and attempts.
//!
//! Only counts; `cli` presents them.

use std::collections::BTreeMap;
use std::time::Duration;

use enum_map::EnumMap;
use hdrhistogram::Histogram;

use crate::domain::answer::{AnswerClass, Verdict};
use crate::domain::record::{
    AlreadyStarted, Doubt, Ending, KnownBy, Outcome, OutcomeKind, Record, Standing,
};

/// Maximum number of separate groups of failures; all further failures form one group.
const MAX_GROUPS: usize = 50;

/// Maximum number of lines that are kept of a group as examples.
const MAX_EXAMPLES: usize = 3;

/// Counts over all records of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    by_outcome: EnumMap<OutcomeKind, u64>,
    /// Started rows known only by the server's reply: it queued their tasks.
    pub started_by_reply: u64,
    /// Rows that a stop cut off, or that were not reached.
    pub cut_off: u64,
    /// Cut-off rows that may have been started.
    pub cut_off_in_doubt: u64,
    /// Cut-off rows that count as bad until a resume settles them.
    cut_off_bad: u64,
    already: AlreadyStarted,
    bad: u64,
    groups: BTreeMap<(Outcome, String, String), Group>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub outcome: Outcome,
    /// The `error` of the report: a class, or what is wrong with a row.
    pub error: String,
    /// The server's message for the first of them.
    pub message: String,
    /// Lines of the first of them.
    pub examples: Vec<u64>,
    pub rows: u64,
}

impl Summary {
    /// Returns an empty summary; `already` says how `already_started` counts.
    #[must_use]
    pub fn new(already: AlreadyStarted) -> Self {
        Self { already, ..Self::default() }
    }

    pub fn add(&mut self, record: &Record) {
        self.by_outcome[record.outcome.kind()] += 1;
        let by_reply = record.outcome == Outcome::Started(KnownBy::Reply);
        self.started_by_reply += u64::from(by_reply);
        if let Ending::CutOff(doubt) = record.ending {
            self.cut_off += 1;
            self.cut_off_in_doubt += u64::from(doubt != Doubt::None);
        }
        match record.outcome.kind().standing(self.already) {
            Standing::Bad => {
                self.bad += 1;
                self.cut_off_bad += u64::from(record.ending != Ending::Settled);
                // A row that was cut off is no failure, unless nothing can finish it.
                if record.ending == Ending::Settled || record.outcome == Outcome::Unknown {
                    self.group(record);
                }
            }
            Standing::Good | Standing::Neutral | Standing::Resumable => {}
        }
    }

    /// Adds a failure to its group: that of messages that differ only in digits.
    fn group(&mut self, record: &Record) {
        let (error, message) = match &record.row.task {
            Err(bad) => (bad.fault.to_string(), ""),
            Ok(_) => (
                record.class().map(|class| class.to_string()).unwrap_or_default(),
                record.message(),
            ),
        };
        let mut key = (record.outcome, without_digits(&error), without_digits(message));
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            key = (record.outcome, "others".into(), String::new());
        }
        let group = self.groups.entry(key).or_insert_with(|| Group {
            outcome: record.outcome,
            error,
            message: message.to_owned(),
            examples: Vec::new(),
            rows: 0,
        });
        group.rows += 1;
        if group.examples.len() < MAX_EXAMPLES {
            group.examples.push(record.row.line);
        }
    }

    #[must_use]
    pub const fn by_outcome(&self) -> EnumMap<OutcomeKind, u64> {
        self.by_outcome
    }

    /// Counts of the outcomes that occurred.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.all_counts().filter(|(_, count)| *count > 0)
    }

    pub fn all_counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.by_outcome.into_iter().map(|(outcome, count)| (outcome.as_str(), count))
    }

    /// Failures, the largest group first.
    #[must_use]
    pub fn failures(&self) -> Vec<&Group> {
        let mut groups: Vec<_> = self.groups.values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.rows));
        groups
    }

    #[must_use]
    pub fn rows(&self) -> u64 {
        self.by_outcome.values().sum()
    }

    #[must_use]
    pub fn started(&self) -> u64 {
        self.by_outcome[OutcomeKind::Started]
    }

    #[must_use]
    pub const fn bad(&self) -> u64 {
        self.bad
    }

    /// Rows that ended bad, and will not be resumed.
    #[must_use]
    pub const fn settled_bad(&self) -> u64 {
        self.bad - self.cut_off_bad
    }

    #[must_use]
    pub fn pending(&self) -> u64 {
        self.by_outcome[OutcomeKind::Pending]
    }
}

/// Replaces each run of digits by one `#`.
fn without_digits(text: &str) -> String {
    let mut shape = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_ascii_digit() {
            shape.push(c);
        } else if !shape.ends_with('#') {
            shape.push('#');
        }
    }
    shape
}

/// Requests of one session.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// `start_task` requests that were answered or given up.
    pub starts: u64,
    /// Starts that were not the session's first for their row.
    pub retries: u64,
    /// Questions for states and links.
    pub questions: u64,
    pub unasked: Unasked,
    /// Starts by the meaning of their answers.
    pub by_class: EnumMap<AnswerClass, u64>,
    pub latencies: Latencies,
}

/// Rows about which a question failed, or was refused by the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unasked {
    /// Rows whose state could not be asked for.
    pub states: u64,
    /// Rows whose link could not be looked up.
    pub links: u64,
    /// All rows whose link was to be looked up.
    pub lookups: u64,
    /// Refusals of an ESB's GET with the credentials in the header alone, as the legacy ESB has
    /// them (FACTS.md section 2).
    pub to_header: u64,
}

impl Unasked {
    /// Whether links were looked up, and every lookup failed.
    #[must_use]
    pub const fn has_no_link(&self) -> bool {
        self.lookups > 0 && self.links == self.lookups
    }
}

impl Requests {
    /// Adds a row's first start, and what its answer meant.
    pub fn first(&mut self, verdict: &Verdict, latency: Duration) {
        self.starts += 1;
        self.by_class[verdict.class()] += 1;
        self.latencies.add(latency);
    }

    /// Adds a start of a row that was sent before.
    pub fn again(&mut self, verdict: &Verdict, latency: Duration) {
        self.retries += 1;
        self.first(verdict, latency);
    }
}

/// Durations of requests, in a [`histogram`].
#[derive(Clone, Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
    total: Duration,
}

/// Maximum time in a [`histogram`], in microseconds.
pub(crate) const MAX_MICROS: u64 = 600_000_000;

/// Returns an empty histogram of microseconds: three digits, from 1 µs to 10 min.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_MICROS, 3).expect("the bounds are in order")
}

impl Default for Latencies {
    fn default() -> Self {
        Self { histogram: histogram(), total: Duration::ZERO }
    }
}

impl Latencies {
    pub fn add(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(MAX_MICROS);
        self.histogram.saturating_record(micros.max(1));
        self.total += latency;
    }

    /// Returns the latency that `percent` of the requests did not exceed; `None` if there are none.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let found = || Duration::from_micros(self.histogram.value_at_percentile(percent));
        (!self.histogram.is_empty()).then(found)
    }

    /// Maximum latency; `None` if there are none.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        (!self.histogram.is_empty()).then(|| Duration::from_micros(self.histogram.max()))
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Number of requests that took at most `bound`, within the three digits.
    #[must_use]
    pub fn within(&self, bound: Duration) -> u64 {
        let micros = u64::try_from(bound.as_micros()).unwrap_or(MAX_MICROS);
        self.histogram.count_between(0, micros)
    }

    #[must_use]
    pub const fn total(&self) -> Duration {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::{FailureClass, Reply};
    use crate::domain::record::Attempted;
    use crate::domain::request_id::{RequestId, RunId};
    use crate::domain::row::Row;
    use crate::domain::task::{Business, Scope, Task};

    fn rejected(line: u64, message: &str) -> Record {
        let id = "1".parse().unwrap();
        let sent = "2026-12-01T14:00:00Z".parse().unwrap();
        Record {
            row: Row {
                line,
                task: Ok(Task { business: Business { scope: Scope::CmdbBiz, id }, id }),
                carried: Box::new([]),
            },
            outcome: Outcome::Rejected,
            ending: Ending::Settled,
            attempts: 3,
            first_sent: None,
            last: Some(Box::new(Attempted {
                id: RequestId::new(&RunId::new(sent, 1), 1, line, 3),
                sent,
                latency: Duration::ZERO,
                reply: Reply { message: message.into(), ..Reply::default() },
                class: Some(FailureClass::NotFound),
            })),
            reason: None,
            elapsed: None,
        }
    }

    #[test]
    fn failures_that_differ_in_digits_alone_are_one_group() {
        let mut summary = Summary::new(AlreadyStarted::Ok);
        for (line, message) in
            [(2, "Task(id=17) does not exist"), (3, "Task(id=4) does not exist"), (4, "no")]
        {
            summary.add(&rejected(line, message));
        }
        let groups: Vec<_> =
            summary.failures().iter().map(|g| (g.rows, &*g.examples, &*g.message)).collect();
        let expected = [(2, &[2, 3][..], "Task(id=17) does not exist"), (1, &[4], "no")];
        assert_eq!(groups, expected);
        assert_eq!(summary.bad(), 3);
    }

    #[test]
    fn groups_do_not_grow_without_end() {
        let mut summary = Summary::new(AlreadyStarted::Ok);
        for line in 0..200 {
            let message: String = std::iter::repeat_n('x', line).collect();
            summary.add(&rejected(line as u64, &message));
        }
        assert_eq!(summary.failures().len(), MAX_GROUPS + 1);
        assert_eq!(summary.failures().iter().map(|group| group.rows).sum::<u64>(), 200);
        assert_eq!(summary.failures()[0].examples.len(), MAX_EXAMPLES);
    }

    #[test]
    fn percentiles_are_those_of_the_requests() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50.0), None);
        for millis in 1..=100 {
            latencies.add(Duration::from_millis(millis));
        }
        for (percent, millis) in [(50.0, 50.0), (99.0, 99.0), (100.0, 100.0)] {
            let found = latencies.percentile(percent).unwrap().as_secs_f64() * 1000.0;
            assert!((found / millis - 1.0).abs() < 0.001, "p{percent}: {found} ms");
        }
        latencies.add(Duration::from_hours(2));
        assert!(latencies.longest().unwrap() >= Duration::from_mins(9));
    }
}
