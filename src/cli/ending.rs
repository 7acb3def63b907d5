//! What people and programs are told at the end of a run.
//!
//! Text of what happened; nothing here decides anything.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::exit::Exit;
use super::terminal::harmless;
use crate::domain::answer::FailureClass;
use crate::domain::record::Outcome;
use crate::journal::JournalError;
use crate::launch::{Ended, InputEnd, OutputFailure};
use crate::rules::budget::UsedUp;
use crate::rules::retry::Stop;
use crate::rules::stats::{Group, Requests, Summary, Unasked};
use crate::shutdown::StopReason;
use crate::store::RunDir;

/// Groups of failures that are told to people; programs get them all.
const TOLD: usize = 10;

/// What a summary needs to know beside how the run ended.
pub(super) struct Told {
    /// The server, as people know it.
    pub target: String,
    /// Where the reports are; `-` is standard output.
    pub reports: Vec<PathBuf>,
    /// Where the run is kept, if it is.
    pub place: Option<Place>,
}

/// Where a run is kept.
pub(super) struct Place {
    /// Its folder.
    pub folder: RunDir,
    /// What was said by `--state-dir`.
    pub state_dir: Option<OsString>,
}

impl Place {
    /// One line that says where the run is.
    pub(super) fn where_it_is(&self) -> String {
        format!("run {} in {}", self.folder.id, self.folder.path.display())
    }

    /// The command that goes on with the run.
    pub(super) fn resume(&self) -> String {
        let state = match &self.state_dir {
            Some(folder) => format!(" --state-dir {}", quoted(&folder.to_string_lossy())),
            None => String::new(),
        };
        format!("bk-launch resume {}{state}", self.folder.id)
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Told {
    /// One line that says where the run is, and how it is resumed.
    pub(super) fn how_to_go_on(&self) -> Option<String> {
        let place = self.place.as_ref()?;
        Some(format!("{}; go on with: {}", place.where_it_is(), place.resume()))
    }
}

/// Why a session left something undone, in a word or a few for the journal. A report that
/// is missing is something, too: a resume writes it.
pub(super) fn word(ended: &Ended) -> Option<String> {
    if !leaves_rows(ended) {
        return ended.failure.as_ref().map(|_| StopReason::Output.word());
    }
    Some(match (&ended.stop_reason, &ended.input) {
        (Some(stop_reason), _) => stop_reason.word(),
        (None, InputEnd::Failed(_)) => "the input failed".into(),
        (None, _) => "limit".into(),
    })
}

/// Whether rows are to be done yet, or may be.
fn leaves_rows(ended: &Ended) -> bool {
    let Ended { summary, input, .. } = ended;
    summary.cut_off > 0 || matches!(input, InputEnd::NotReached | InputEnd::Failed(_))
}

/// How a run ended, for people.
pub(super) fn text(ended: &Ended, told: &Told) -> String {
    let mut text = counts(&ended.summary);
    if let Some(queued) = not_looked_at(&ended.summary) {
        let _ = write!(text, "\n{queued}");
    }
    for group in ended.summary.failures().into_iter().take(TOLD) {
        let _ = write!(text, "\n{}", failure(group));
    }
    let groups = ended.summary.failures().len();
    if groups > TOLD {
        let _ = write!(text, "\n  and {} more kinds; the report has each row", groups - TOLD);
    }
    if ended.requests.starts > 0 {
        let _ = write!(text, "\n{}\n{}", requests(ended), latencies(ended));
    }
    if let Some(unasked) = unasked(&ended.requests.unasked) {
        let _ = write!(text, "\n{unasked}");
    }
    if let Some(incomplete) = incomplete(ended) {
        let _ = write!(text, "\n{incomplete}");
    }
    if let Some(why) = stopped(ended, &told.target) {
        let _ = write!(text, "\nstopped: {why}");
    }
    if ended.summary.cut_off_in_doubt > 0 {
        let _ = write!(
            text,
            "\n{} of the rows that were cut off may have been started",
            ended.summary.cut_off_in_doubt
        );
    }
    for report in &told.reports {
        if report.as_os_str() != "-" {
            let _ = write!(text, "\nreport: {}", report.display());
        }
    }
    if let Some(next) = next(ended, told) {
        let _ = write!(text, "\n{next}");
    }
    text
}

/// What is missing of the input.
fn incomplete(ended: &Ended) -> Option<String> {
    let rows = ended.summary.rows();
    match &ended.input {
        InputEnd::Failed(error) => {
            Some(format!("input incomplete: {rows} rows were read, then {error}"))
        }
        InputEnd::Incomplete => Some(format!(
            "input incomplete: {rows} rows were read before an earlier session stopped"
        )),
        InputEnd::Reached | InputEnd::NotReached => None,
    }
}

/// What could not be asked, and what may mend that.
fn unasked(unasked: &Unasked) -> Option<String> {
    let Unasked { states, links, lookups: _, to_header } = *unasked;
    let mut text = String::new();
    if states > 0 {
        let rows = if states == 1 { "1 row" } else { &format!("{states} rows") };
        let _ = write!(text, "the state of {rows} could not be asked for: the server refused");
    }
    if links > 0 {
        let links = if links == 1 { "1 link" } else { &format!("{links} links") };
        let joint = if text.is_empty() { "" } else { "\n" };
        let _ =
            write!(text, "{joint}{links} could not be asked for: the server refused, or failed");
    }
    if to_header > 0 {
        text.push_str(
            "\n  if this is the legacy ESB, say --esb-legacy-get (it puts the credentials into the URL)",
        );
    }
    (states + links > 0).then_some(text)
}

/// `12 rows: 10 started, 2 failed`
pub(super) fn counts(summary: &Summary) -> String {
    let counts: Vec<_> =
        summary.counts().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let rows = summary.rows();
    let plural = if rows == 1 { "" } else { "s" };
    match counts.as_slice() {
        [] => "no rows".into(),
        counts => format!("{rows} row{plural}: {}", counts.join(", ")),
    }
}

/// What `started` leaves open where nobody asked for the task's state.
fn not_looked_at(summary: &Summary) -> Option<String> {
    let which = match (summary.started_by_reply, summary.started()) {
        (0, _) => return None,
        (queued, started) if queued == started => "started".into(),
        (queued, started) => format!("{queued} of {started} started"),
    };
    Some(format!("  {which}: queued by the server; whether they run was not looked at (--confirm)"))
}

fn failure(group: &Group) -> String {
    let Group { outcome, error, message, example, rows } = group;
    let said = if message.is_empty() { String::new() } else { format!(": {}", harmless(message)) };
    let many = if *rows == 1 {
        format!("line {example}")
    } else {
        format!("{rows} rows, the first in line {example}")
    };
    let kind = if error.is_empty() { String::new() } else { format!(" ({})", harmless(error)) };
    format!("  {outcome}{kind} {many}{said}\n    {}", advice(*outcome, error))
}

/// One sentence on what to do about rows that ended so.
fn advice(outcome: Outcome, error: &str) -> &'static str {
    match (outcome, error.parse().ok()) {
        (Outcome::Invalid, _) => "mend these rows; they were never sent",
        (Outcome::Unconfirmed, None) => {
            "the server took these tasks, but does not run them; look whether its workers do"
        }
        (Outcome::Unconfirmed, Some(_)) => {
            "accepted, but their state could not be asked: look at these tasks in bk-sops"
        }
        (Outcome::Unknown, _) => {
            "look at these tasks before you start them again: some attempt may have started them"
        }
        (Outcome::AlreadyStarted, _) => "somebody else started these tasks, or an earlier run did",
        (Outcome::Rejected, Some(FailureClass::Permission)) => {
            "ask for the right to operate these tasks, or use an account that has it"
        }
        (Outcome::Rejected, Some(FailureClass::NotFound)) => {
            "check the ids, and that scope says what bk_biz_id is an id of"
        }
        (Outcome::Rejected, _) => "the server cannot read this request; look at its message",
        (Outcome::Failed, Some(FailureClass::ThrottledBiz | FailureClass::ThrottledApp)) => {
            "surely not started; launch these rows again later, or with a lower --rate"
        }
        _ => "surely not started; launch these rows again when the server is well",
    }
}

fn requests(ended: &Ended) -> String {
    let Requests { starts, retries, questions, .. } = &ended.requests;
    let seconds = ended.took.as_secs_f64();
    let questions = match questions {
        0 => String::new(),
        1 => " and 1 question".into(),
        many => format!(" and {many} questions"),
    };
    format!(
        "{starts} requests ({retries} retries, {} throttled answers, {} holds){questions} in {seconds:.1} s: {:.1}/s",
        ended.counters.throttled,
        ended.counters.holds,
        rate(ended)
    )
}

#[expect(clippy::cast_precision_loss, reason = "a rate is told with one digit after the point")]
fn rate(ended: &Ended) -> f64 {
    ended.requests.starts as f64 / ended.took.as_secs_f64().max(1e-6)
}

const PERCENTILES: [(&str, f64); 4] = [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0)];

fn latencies(ended: &Ended) -> String {
    let shown = |latency: Option<Duration>| {
        latency.map_or_else(|| "-".into(), |latency| format!("{:.1} ms", millis(latency)))
    };
    let percentiles: Vec<_> = PERCENTILES
        .iter()
        .map(|(name, percent)| {
            format!("{name} {}", shown(ended.requests.latencies.percentile(*percent)))
        })
        .collect();
    format!(
        "latency: {}, max {}",
        percentiles.join(", "),
        shown(ended.requests.latencies.longest())
    )
}

fn millis(latency: Duration) -> f64 {
    (latency.as_secs_f64() * 1e6).round() / 1e3
}

fn stopped(ended: &Ended, target: &str) -> Option<String> {
    match (&ended.failure, &ended.stop_reason) {
        (Some(OutputFailure::Report(failure)), _) if failure.is_closed_stdout() => Some(
            "standard output was closed, and there was no other report; add one with -o FILE"
                .into(),
        ),
        (Some(failure), _) => Some(failure.to_string()),
        (None, Some(stop_reason)) => Some(why(stop_reason, target)),
        (None, None) => None,
    }
}

/// Why it was stopped.
pub(super) fn why(stop_reason: &StopReason, target: &str) -> String {
    match stop_reason {
        StopReason::Signal(signal) => format!("by {}", signal.name()),
        StopReason::Answer { stop: Stop::Auth, message } => format!(
            "the server refuses the credentials: {}\n  \
             check BK_APP_CODE, BK_APP_SECRET and BK_TOKEN or BK_USERNAME, and that the app may \
             use the API of bk-sops",
            harmless(message)
        ),
        StopReason::Answer { stop: Stop::Config, message } => format!(
            "this is no way to the API: {}\n  \
             check the URL given by --esb or --gateway (or its variable): {target}",
            harmless(message)
        ),
        StopReason::Answer { stop: Stop::NeverReached, message } => format!(
            "the server was never reached: {}\n  check that it is up, and the URL: {target}",
            harmless(message)
        ),
        StopReason::Answer { stop: Stop::Throttled, message } => format!(
            "every request of the app was refused for the whole of --throttle-patience: {}\n  \
             resume when its limit lets requests through again",
            harmless(message)
        ),
        StopReason::Outage { lasted, message } => format!(
            "the server was gone for {} s, longer than --outage-patience: {}",
            lasted.as_secs(),
            harmless(message)
        ),
        StopReason::Question { class, message } => question(*class, message),
        StopReason::Output => "the journal or a report could not be written".into(),
        StopReason::Broken(what) => broken(what),
        StopReason::Window => "the window closed".into(),
        StopReason::SloMissed(missed) => missed.to_string(),
        StopReason::Declined => "the next stage was declined".into(),
        StopReason::Budget(UsedUp { failures, tolerated }) => format!(
            "{failures} rows failed, and --max-failures tolerates {tolerated}; mend what is wrong, and resume"
        ),
    }
}

/// A failure of this program itself.
fn broken(what: &str) -> String {
    format!(
        "a part of bk-launch failed, which is a mistake in it: {}\n  report it with this text and \
         the output of -vv",
        harmless(what)
    )
}

/// Why the first question of a run that is to confirm stopped it.
fn question(class: FailureClass, message: &str) -> String {
    let hint = match class {
        FailureClass::Permission => {
            "--confirm needs the right to view these tasks (task_view); ask for it, or go without (--confirm=off)"
        }
        FailureClass::Auth => {
            "check the credentials; if this is the legacy ESB, which reads those of a GET from its \
             query alone, say --esb-legacy-get, or go without (--confirm=off)"
        }
        _ => "check the URL given by --esb or --gateway (or its variable)",
    };
    let said = harmless(message);
    format!(
        "the first get_task_status was refused ({class}), and nothing was started: {said}\n  {hint}"
    )
}

/// The run that a resume can finish, if something is left and it is still there.
fn unfinished<'a>(ended: &Ended, told: &'a Told) -> Option<&'a Place> {
    let is_left = leaves_rows(ended) || ended.failure.is_some();
    told.place.as_ref().filter(|_| is_left && !is_gone(ended))
}

/// Whether somebody took the run's folder away.
const fn is_gone(ended: &Ended) -> bool {
    matches!(&ended.failure, Some(OutputFailure::Journal(JournalError::Gone { .. })))
}

/// The command that goes on from here, where something is left.
fn next(ended: &Ended, told: &Told) -> Option<String> {
    let summary = &ended.summary;
    if is_gone(ended) {
        return Some("the run cannot be resumed; its report says what became of each row".into());
    }
    if told.place.is_some() {
        return unfinished(ended, told).and_then(|_| told.how_to_go_on());
    }
    if summary.pending() == 0 {
        return None;
    }
    let reports = &told.reports;
    let csv = |path: &&PathBuf| path.extension().is_none_or(|e| e.eq_ignore_ascii_case("csv"));
    let report = reports.iter().filter(|path| path.as_os_str() != "-").find(csv)?;
    Some(format!(
        "next: awk -F, 'NR==1 || $5==\"pending\"' {} | bk-launch run - -o rest.csv",
        report.display()
    ))
}

/// How a run ended, for programs. `docs/input-and-report.md` has the schema.
pub(super) fn json(ended: &Ended, told: &Told) -> Value {
    let summary = &ended.summary;
    let failures: Vec<_> = summary
        .failures()
        .into_iter()
        .map(|group| {
            json!({
                "outcome": group.outcome.as_str(),
                "error": group.error,
                "message": group.message,
                "rows": group.rows,
                "example_line": group.example,
                "advice": advice(group.outcome, &group.error),
            })
        })
        .collect();
    let mut latency: serde_json::Map<_, _> = PERCENTILES
        .iter()
        .map(|(name, percent)| {
            ((*name).to_owned(), json!(ended.requests.latencies.percentile(*percent).map(millis)))
        })
        .collect();
    latency.insert("max".into(), json!(ended.requests.latencies.longest().map(millis)));
    json!({
        "rows": summary.rows(),
        "outcomes": summary.all_counts().collect::<std::collections::BTreeMap<_, _>>(),
        "bad": summary.bad(),
        "cut_off": summary.cut_off,
        "cut_off_in_doubt": summary.cut_off_in_doubt,
        "failures": failures,
        "requests": ended.requests.starts,
        "retries": ended.requests.retries,
        "questions": ended.requests.questions,
        "states_not_asked": ended.requests.unasked.states,
        "links_not_asked": ended.requests.unasked.links,
        "throttled": ended.counters.throttled,
        "holds": ended.counters.holds,
        "seconds": (ended.took.as_secs_f64() * 1e3).round() / 1e3,
        "requests_per_second": (rate(ended) * 10.0).round() / 10.0,
        "latency_ms": latency,
        "stopped": stopped(ended, &told.target),
        "input_error": match &ended.input {
            InputEnd::Failed(error) => Some(error.to_string()),
            InputEnd::Reached | InputEnd::NotReached | InputEnd::Incomplete => None,
        },
        "input_incomplete": incomplete(ended),
        "run": told.place.as_ref().map(|place| place.folder.id.to_string()),
        "folder": told.place.as_ref().map(|place| place.folder.path.display().to_string()),
        "resume": unfinished(ended, told).map(Place::resume),
        "reports": told.reports.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "target": told.target,
        "exit": Exit::of(ended).code(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_says_what_to_check() {
        let answer = |stop| StopReason::Answer { stop, message: "said".into() };
        for (stop_reason, hint) in [
            (answer(Stop::Auth), "BK_APP_SECRET"),
            (answer(Stop::Config), "check the URL given by --esb or --gateway"),
            (answer(Stop::NeverReached), "http://h/"),
        ] {
            let text = why(&stop_reason, "http://h/");
            assert!(text.contains("said") && text.contains(hint), "{text}");
        }
    }

    #[test]
    fn a_word_is_quoted_for_a_shell_only_where_it_must_be() {
        for (word, expected) in
            [("/var/lib/x-1", "/var/lib/x-1"), ("", "''"), ("a b", "'a b'"), ("a'b", r"'a'\''b'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn what_could_not_be_asked_names_the_flag_that_may_mend_it() {
        let of = |states, links, to_header| {
            unasked(&Unasked { states, links, lookups: 9, to_header }).unwrap_or_default()
        };
        assert_eq!(of(0, 0, 0), "");
        let text = of(2, 1, 5);
        assert!(text.starts_with("the state of 2 rows could not be asked for"), "{text}");
        assert!(text.contains("\n1 link could not be asked for"), "{text}");
        assert!(text.contains("--esb-legacy-get"), "{text}");
        assert!(!of(0, 3, 0).contains("--esb-legacy-get"), "of another reason");
    }

    #[test]
    fn every_bad_outcome_has_its_advice() {
        for (outcome, error, part) in [
            (Outcome::Invalid, "task_id is empty", "mend these rows"),
            (Outcome::Unknown, "ambiguous", "may have started"),
            (Outcome::Unconfirmed, "", "does not run them"),
            (Outcome::Unconfirmed, "not_found", "their state could not be asked"),
            (Outcome::Rejected, "permission", "the right"),
            (Outcome::Rejected, "not_found", "scope"),
            (Outcome::Failed, "throttled_biz", "--rate"),
            (Outcome::Failed, "transient", "surely not started"),
        ] {
            assert!(advice(outcome, error).contains(part), "{outcome} {error}");
        }
    }
}
