//! The summary at the end of a session, for people and for programs.
//!
//! Text of what happened; nothing here decides anything.

pub(super) mod unfinished;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::count::many;
use super::failures;
use super::location::RunLocation;
use crate::domain::answer::FailureClass;
use crate::domain::count::{Digits, counted, number};
use crate::domain::escape::escape_control;
use crate::domain::shell_word::shell_word;
use crate::launch::{Ended, InputEnd, OutputFailure};
use crate::rules::budget::UsedUp;
use crate::rules::forecast::MIN_RATE_TIME;
use crate::rules::retry::Stop;
use crate::rules::stats::{Requests, Summary, Unasked};
use crate::session::exit::Exit;
use crate::session::note::leaves_rows;
use crate::shutdown::StopReason;
use unfinished::{in_doubt, incomplete, is_gone, limited};

/// What a summary needs to know beside how the run ended.
pub(crate) struct SummaryContext {
    /// The server, as people know it.
    pub target: String,
    /// Paths of the reports; `-` is standard output.
    pub reports: Vec<PathBuf>,
    /// Folder of the run, if it is kept.
    pub location: Option<RunLocation>,
}

impl SummaryContext {
    /// Says how to resume the run, in a line.
    pub(crate) fn how_to_go_on(&self) -> Option<String> {
        self.location.as_ref().map(|location| format!("next: {}", location.resume()))
    }
}

/// Returns the summary for people.
pub(crate) fn text(ended: &Ended, context: &SummaryContext) -> String {
    let mut text = counts(&ended.summary);
    if let Some(queued) = not_looked_at(&ended.summary) {
        let _ = write!(text, "\n{queued}");
    }
    if let Some(limit) = limited(ended) {
        let _ = write!(text, "\n{limit}");
    }
    text.push_str(&failures::text(&ended.summary));
    if ended.requests.starts > 0 {
        let _ = write!(text, "\n{}\n{}", requests(ended), latencies(ended));
    }
    if let Some(unasked) = unasked(&ended.requests.unasked) {
        let _ = write!(text, "\n{unasked}");
    }
    if let Some(incomplete) = incomplete(ended, Digits::Grouped) {
        let _ = write!(text, "\n{incomplete}");
    }
    if let Some(why) = stopped(ended, context, Digits::Grouped) {
        let _ = write!(text, "\nstopped: {why}");
    }
    if let Some(in_doubt) = in_doubt(ended, context.location.as_ref()) {
        let _ = write!(text, "\n{in_doubt}");
    }
    for report in &context.reports {
        if report.as_os_str() != "-" {
            let _ = write!(text, "\nreport: {}", report.display());
        }
    }
    if let Some(next) = next(ended, context) {
        let _ = write!(text, "\n{next}");
    }
    text
}

/// Says what could not be asked, and what may mend that.
fn unasked(unasked: &Unasked) -> Option<String> {
    let Unasked { states, links, lookups: _, to_header } = *unasked;
    let mut text = String::new();
    if states > 0 {
        let rows = counted(states, "row", "rows");
        let _ = write!(text, "the state of {rows} could not be asked for: the server refused");
    }
    if links > 0 {
        let links = counted(links, "link", "links");
        let joint = if text.is_empty() { "" } else { "\n" };
        let _ =
            write!(text, "{joint}{links} could not be asked for: the server refused, or failed");
    }
    if to_header > 0 {
        text.push_str(
            "\n  if this is the legacy ESB, use --esb-legacy-get (it puts the credentials into the URL)",
        );
    }
    (states + links > 0).then_some(text)
}

/// `12 rows: 10 started, 2 failed`
pub(crate) fn counts(summary: &Summary) -> String {
    let counts: Vec<_> =
        summary.counts().map(|(outcome, count)| format!("{} {outcome}", number(count))).collect();
    match counts.as_slice() {
        [] => "no rows: nothing was started".into(),
        counts => format!("{}: {}", counted(summary.rows(), "row", "rows"), counts.join(", ")),
    }
}

/// What `started` leaves open where nobody asked for the task's state.
fn not_looked_at(summary: &Summary) -> Option<String> {
    let which = match (summary.started_by_reply, summary.started()) {
        (0, _) => return None,
        (queued, started) if queued == started => "started".into(),
        (queued, started) => format!("{} of the {} started", number(queued), number(started)),
    };
    Some(format!("  {which}: queued by the server; --confirm also checks that they run"))
}

fn requests(ended: &Ended) -> String {
    let Requests { starts, retries, questions, .. } = &ended.requests;
    let seconds = ended.took.as_secs_f64();
    let asked = *questions;
    let questions = many(asked, "question", "questions");
    let achieved = if ended.took < MIN_RATE_TIME {
        String::new()
    } else {
        // Questions count in the rate, too. Of n requests the last leaves n - 1 turns after the first.
        let turns = (starts + asked).saturating_sub(1);
        format!(": {}", ended.figures.wanted.achieved(rate(turns, ended)))
    };
    format!(
        "{} ({}, {}, {}){} in {seconds:.1} s{achieved}",
        counted(*starts, "request", "requests"),
        counted(*retries, "retry", "retries"),
        counted(ended.counters.throttled, "throttled answer", "throttled answers"),
        counted(ended.counters.holds, "hold", "holds"),
        questions.map_or_else(String::new, |questions| format!(" and {questions}")),
    )
}

#[expect(clippy::cast_precision_loss, reason = "a rate is told with one digit after the point")]
fn rate(starts: u64, ended: &Ended) -> f64 {
    starts as f64 / ended.took.as_secs_f64().max(1e-6)
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

fn stopped(ended: &Ended, context: &SummaryContext, digits: Digits) -> Option<String> {
    match (&ended.failure, &ended.stop_reason) {
        (Some(OutputFailure::Report(failure)), _) if failure.is_closed_stdout() => Some(
            "standard output was closed, and there was no other report; add one with -o FILE"
                .into(),
        ),
        (Some(failure), _) => Some(failure.to_string()),
        (None, Some(StopReason::Budget(used_up))) => {
            let next = unfinished(ended, context).map(RunLocation::resume);
            Some(format!("{} {}", over_budget(used_up, digits), fix(next.as_deref())))
        }
        (None, Some(cause)) => Some(why(cause, &context.target)),
        (None, None) => None,
    }
}

/// Says why a session was stopped, and what to do.
pub(crate) fn why(cause: &StopReason, target: &str) -> String {
    match cause {
        StopReason::Signal(signal) => format!("by {}", signal.name()),
        StopReason::Answer { stop: Stop::Auth, message } => format!(
            "the server refuses the credentials: {}\n  \
             check BK_APP_CODE, BK_APP_SECRET and BK_TOKEN or BK_USERNAME, and that the app may \
             use the API of bk-sops",
            escape_control(message)
        ),
        StopReason::Answer { stop: Stop::Config, message } => format!(
            "the URL does not lead to bk-sops: {}\n  \
             check the URL given by --esb or --gateway (or its variable): {target}",
            escape_control(message)
        ),
        StopReason::Answer { stop: Stop::NeverReached, message } => format!(
            "the server was never reached: {}\n  check that it is up, and that the URL is right: \
             {target}",
            escape_control(message)
        ),
        StopReason::Answer { stop: Stop::Throttled, message } => format!(
            "every request of the app was refused for the whole of --throttle-patience: {}\n  \
             resume when its limit lets requests through again",
            escape_control(message)
        ),
        StopReason::Outage { lasted, message } => format!(
            "the server was gone for {} s, longer than --outage-patience: {}",
            lasted.as_secs(),
            escape_control(message)
        ),
        StopReason::Question { class, message } => question(*class, message),
        StopReason::Output => "the journal or a report could not be written".into(),
        StopReason::Broken(what) => broken(what),
        StopReason::Window => "the window closed".into(),
        StopReason::SloMissed(missed) => missed.to_string(),
        StopReason::Declined => "the next stage was declined".into(),
        StopReason::Budget(used_up) => over_budget(used_up, Digits::Grouped),
    }
}

/// Says that more rows failed than `--max-failures` tolerates.
fn over_budget(used_up: &UsedUp, digits: Digits) -> String {
    let UsedUp { failures, tolerated } = *used_up;
    let failed = digits.counted(failures, "row failed", "rows failed");
    format!("{failed} (limit {}).", digits.number(tolerated))
}

/// Says what comes after too many failures; `next` is the command that resumes the run.
fn fix(next: Option<&str>) -> String {
    match next {
        Some(next) => format!("Fix the cause, then: {next}"),
        None => "Fix the cause before you launch the rest".into(),
    }
}

/// A failure of this program itself.
fn broken(what: &str) -> String {
    format!(
        "a part of bk-launch failed, which is a bug in it: {}\n  report it with this text and \
         the output of -vv",
        escape_control(what)
    )
}

/// Why the first question of a run that is to confirm stopped it.
fn question(class: FailureClass, message: &str) -> String {
    let hint = match class {
        FailureClass::Permission => {
            "--confirm needs the right to view these tasks (task_view): ask for it, or use --confirm=off"
        }
        FailureClass::Auth => {
            "check the credentials; if this is the legacy ESB, which reads those of a GET from its \
             query alone, use --esb-legacy-get or --confirm=off"
        }
        _ => "check the URL given by --esb or --gateway (or its variable)",
    };
    let said = escape_control(message);
    format!(
        "the first get_task_status was refused ({class}), and nothing was started: {said}\n  {hint}"
    )
}

/// Returns the run that a resume can finish, if it is still there.
fn unfinished<'a>(ended: &Ended, context: &'a SummaryContext) -> Option<&'a RunLocation> {
    let is_left = leaves_rows(ended) || ended.failure.is_some();
    context.location.as_ref().filter(|_| is_left && !is_gone(ended))
}

/// Returns the command that goes on from here, if something is left.
fn next(ended: &Ended, context: &SummaryContext) -> Option<String> {
    let summary = &ended.summary;
    if is_gone(ended) {
        return Some("the run cannot be resumed; its report says what became of each row".into());
    }
    if context.location.is_some() {
        let is_told = matches!(ended.stop_reason, Some(StopReason::Budget(_)));
        let is_told = is_told && ended.failure.is_none();
        let next = unfinished(ended, context).filter(|_| !is_told).and(context.how_to_go_on());
        let wrong_url = matches!(
            ended.stop_reason,
            Some(StopReason::Answer { stop: Stop::Config | Stop::NeverReached, .. })
        );
        // The run keeps its URL.
        let another = if wrong_url { " (for another URL: with --esb or --gateway)" } else { "" };
        return next.map(|next| next + another);
    }
    if summary.pending() == 0 {
        return None;
    }
    let report = context.reports.iter().find(|path| path.as_os_str() != "-")?;
    let report = shell_word(&report.to_string_lossy());
    Some(format!("next: bk-launch run {report} --where outcome=pending -o rest.csv"))
}

/// How a run ended, for programs. `docs/input-and-report.md` has the schema.
pub(crate) fn json(ended: &Ended, context: &SummaryContext) -> Value {
    let summary = &ended.summary;
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
        "failures": failures::json(summary),
        "requests": ended.requests.starts,
        "retries": ended.requests.retries,
        "questions": ended.requests.questions,
        "states_not_asked": ended.requests.unasked.states,
        "links_not_asked": ended.requests.unasked.links,
        "throttled": ended.counters.throttled,
        "holds": ended.counters.holds,
        "seconds": (ended.took.as_secs_f64() * 1e3).round() / 1e3,
        "requests_per_second": (rate(ended.requests.starts, ended) * 10.0).round() / 10.0,
        "latency_ms": latency,
        "stopped": stopped(ended, context, Digits::Plain),
        "input_error": match &ended.input {
            InputEnd::Failed(error) => Some(error.to_string()),
            InputEnd::Reached | InputEnd::NotReached | InputEnd::Incomplete => None,
        },
        "input_incomplete": incomplete(ended, Digits::Plain),
        "run": context.location.as_ref().map(|place| place.folder.id.to_string()),
        "folder": context.location.as_ref().map(|place| place.folder.path.display().to_string()),
        "resume": unfinished(ended, context).map(RunLocation::resume),
        "reports": context.reports.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "target": context.target,
        "exit": Exit::of(ended).code(),
    })
}

#[cfg(test)]
mod tests;
