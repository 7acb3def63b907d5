//! A row says what is true of its task, and how that is known.

use std::collections::BTreeMap;

use super::answers::{Said, heard, may_be_taken, may_have_left, state};
use super::rows::{complete, text};
use super::sends::FIRST_LINE;
use super::settings::Settings;
use super::{Broken, Night};
use crate::history::{Key, ListedRow};
use crate::server::TaskTruth;
use crate::world::witness::{Departure, Kind, Line, SessionEnd};

/// A row with an outcome, and everything that bears on it.
struct Claim<'a> {
    number: u64,
    outcome: &'a str,
    /// Its line in a report, if there is one.
    line: Option<&'a Line>,
    truth: &'a TaskTruth,
    starts: Vec<&'a Departure>,
    questions: Vec<&'a Departure>,
    /// Whether a session had noted it and then died.
    was_noted: bool,
    may_be_pending: bool,
}

/// Checks the outcome of each row, by the reports, else by the journal.
pub fn true_to_the_world(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    let journal = facts.settled.iter().map(|(line, outcome)| (*line, outcome.as_str(), None));
    let reports = complete(night, settings, session);
    let report = reports.first().copied().unwrap_or_default();
    let report = report.iter().filter_map(|line| {
        Some((text(line, "line").parse().ok()?, text(line, "outcome"), Some(line)))
    });
    let nothing = TaskTruth::default();
    let by_key = by_key(night, session);
    for (number, outcome, line) in journal.chain(report) {
        let index = usize::try_from(number.saturating_sub(FIRST_LINE)).unwrap();
        let Some(key) = night.history.list.get(index).and_then(ListedRow::key) else { continue };
        if outcome == "duplicate" || outcome == "invalid" {
            continue;
        }
        let of_task = by_key.get(&key).map_or(&[][..], Vec::as_slice);
        let of_kind = |kind| of_task.iter().copied().filter(move |one| one.kind == kind);
        let claim = Claim {
            number,
            outcome,
            line,
            truth: night.truth.get(&key).unwrap_or(&nothing),
            starts: of_kind(Kind::Start).filter(|one| may_have_left(one)).collect(),
            questions: of_kind(Kind::Status).collect(),
            was_noted: was_noted(night, session, number),
            may_be_pending: may_be_pending(&facts.end, settings),
        };
        claim.check()?;
    }
    Ok(())
}

fn by_key<'a>(night: &Night<'a>, session: usize) -> BTreeMap<&'a Key, Vec<&'a Departure>> {
    let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for departure in night.departures_until(session) {
        by_key.entry(&departure.key).or_default().push(departure);
    }
    by_key
}

/// Whether a row may be left over.
fn may_be_pending(end: &SessionEnd, settings: &Settings) -> bool {
    match end {
        SessionEnd::Exited { code: 0 | 1, .. } => settings.limit.is_some(),
        SessionEnd::Exited { .. }
        | SessionEnd::Refused { .. }
        | SessionEnd::Killed
        | SessionEnd::PoweredOff => true,
    }
}

/// Whether a session before this one noted that the row may be sent, and left no list of what it
/// sent.
fn was_noted(night: &Night, session: usize, line: u64) -> bool {
    let earlier = &night.witness.sessions[..session];
    earlier.iter().any(|facts| {
        let is_orderly =
            matches!(facts.end, SessionEnd::Exited { code, .. } if code != super::rows::OUTPUT_FAILED);
        !is_orderly && facts.intended.contains(&line)
    })
}

impl Claim<'_> {
    fn check(&self) -> Result<(), Broken> {
        match self.outcome {
            "started" => {
                self.is_ours()?;
                self.is_known()
            }
            "already_started" => {
                let promise = "what this run alone started is not called somebody else's";
                let heard = self.starts.iter().chain(&self.questions);
                let heard = heard.filter_map(|one| Some(one.back.as_ref()?.0)).max();
                let others = self.truth.others.iter();
                self.holds(others.min().is_some_and(|at| Some(*at) <= heard), promise)
            }
            "failed" | "rejected" => {
                let promise = "what was taken is never called failed or rejected";
                self.holds(self.truth.taken.is_empty(), promise)
            }
            "unknown" => {
                let may_be = !self.starts.is_empty() || self.was_noted;
                self.holds(may_be, "only what was sent is called unknown")
            }
            "unconfirmed" => {
                let is_taken = |one: &&Departure| {
                    is_heard(one, Said::Accepted) || is_heard(one, Said::AlreadyStarted)
                };
                let promise = "only what was accepted is called unconfirmed";
                self.holds(self.starts.iter().any(is_taken), promise)
            }
            "pending" => {
                self.holds(self.may_be_pending, "a row is pending only if the run was stopped")
            }
            _ => self.holds(false, "an outcome is one of those that there are"),
        }
    }

    fn holds(&self, it: bool, promise: &'static str) -> Result<(), Broken> {
        if it {
            return Ok(());
        }
        let ids = |departures: &[&Departure]| -> Vec<String> {
            departures.iter().map(|one| format!("{} {:?}", one.id, heard(one))).collect()
        };
        let what = format!(
            "line {} is {}: {:?}; truth: {:?}; starts: {:?}; questions: {}",
            self.number,
            self.outcome,
            self.line,
            self.truth,
            ids(&self.starts),
            self.questions.len()
        );
        Err(Broken { promise, what })
    }

    /// Checks that this run may have started the task, and that it was started.
    fn is_ours(&self) -> Result<(), Broken> {
        let was_sent = !self.starts.is_empty() || self.was_noted;
        self.holds(was_sent, "only what this run sent is called started")?;
        let TaskTruth { taken, started, others, .. } = self.truth;
        let is_true = !taken.is_empty() || started.is_some() || !others.is_empty();
        self.holds(is_true, "what is called started was started")
    }

    /// Checks that it can be known as the row says.
    fn is_known(&self) -> Result<(), Broken> {
        let Some(line) = self.line else { return Ok(()) };
        let last = self.starts.iter().find(|one| one.id == text(line, "client_request_id"));
        let (promise, it) = match text(line, "known_by") {
            "reply" => {
                let is_accepted = last.is_some_and(|one| is_heard(one, Said::Accepted));
                ("known by reply", is_accepted && !self.truth.taken.is_empty())
            }
            "retry" => ("known by retry", last.is_some_and(|last| self.was_tried_before(last))),
            "resume" => {
                let is_said = |last: &&&Departure| is_heard(last, Said::AlreadyStarted);
                let is_earlier =
                    |last: &&Departure| self.starts.iter().any(|one| one.session < last.session);
                let is_known =
                    last.filter(is_said).is_some_and(|last| self.was_noted || is_earlier(last));
                ("known by resume", is_known)
            }
            "status" => ("known by status", self.questions.iter().any(|one| self.shows(one))),
            _ => ("started is known somehow", false),
        };
        self.holds(it, promise)
    }

    /// Whether `last` was told "already started" after an attempt of its session that may have
    /// arrived.
    fn was_tried_before(&self, last: &Departure) -> bool {
        let before = |one: &&&Departure| one.session == last.session && one.at < last.at;
        is_heard(last, Said::AlreadyStarted)
            && self.starts.iter().filter(before).any(|one| may_be_taken(one))
    }

    /// Whether an answer shows truly that the task was started.
    fn shows(&self, question: &Departure) -> bool {
        let back = question.back.as_ref().map(|(at, _)| *at);
        let started = self.truth.started.as_ref().map(|(at, _)| *at);
        state(question).is_some_and(|state| state != "CREATED")
            && started.zip(back).is_some_and(|(started, back)| started <= back)
    }
}

fn is_heard(departure: &Departure, said: Said) -> bool {
    heard(departure) == Some(said)
}
