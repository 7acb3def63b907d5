//! One run, as somebody sees it who looks at it closely, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::count::many;
use super::failures;
use super::runs::{self, outcomes, state};
use super::time::{full_moment, moment};
use crate::domain::count::{counted, number};
use crate::domain::duration::roughly;
use crate::domain::escape::escape_control;
use crate::domain::record::Record;
use crate::journal::{InputState, PastSession};
use crate::rules::run_pace::RunEnd;
use crate::session::find::FoundBy;
use crate::session::run_view::{ForecastBasis, RECENT, ReportState, ReportView, RunView};
use crate::session::timing::Timing;
use crate::store::Flags;

/// A page about a run.
pub(crate) struct RunPage<'a> {
    pub view: &'a RunView,
    pub found_by: FoundBy,
    /// The command that goes on with the run.
    pub resume: &'a str,
    pub zone: &'a TimeZone,
    pub now: Timestamp,
}

impl RunPage<'_> {
    /// Returns the page for people.
    pub(crate) fn text(&self) -> String {
        let run = &self.view.run;
        let mut text = format!("run {}{}\n", run.id, runs::why_this(self.found_by));
        for (label, line) in self.lines() {
            let _ = writeln!(text, "  {label:<8}{line}");
        }
        for session in &run.sessions {
            let _ = writeln!(text, "  {}", self.session(session));
        }
        if !run.state.is_alive() && !run.state.is_over() {
            let _ = writeln!(text, "  {:<8}{}", "next", self.resume);
        }
        let by_kind = failures::text(&self.view.failures);
        if !by_kind.is_empty() {
            let _ = writeln!(text, "failures:{by_kind}");
        }
        self.bad_rows(&mut text);
        text
    }

    /// Returns what is said of the run in a line each, with its label.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let RunView { run, timing, reports, .. } = self.view;
        let about = run.about.as_ref();
        let name = about.and_then(|about| about.name.clone());
        let mut lines = vec![("folder", run.folder.display().to_string())];
        lines.extend(name.map(|name| ("name", name)));
        lines.push(("state", self.state()));
        lines.extend(about.map(|about| {
            let part = match about.input {
                InputState::Ended => "",
                InputState::Incomplete => " (not read to its end)",
            };
            ("input", format!("{}{part}", about.input_name))
        }));
        lines.extend(run.sessions.last().map(|last| ("server", last.target.clone())));
        let all: u64 = run.counts.values().sum();
        let doubt = match many(self.view.in_doubt, "pending row", "pending rows") {
            Some(rows) => format!("; {rows} may already have started, and resume will check"),
            None => String::new(),
        };
        lines.push(("rows", format!("{}: {}{doubt}", number(all), outcomes(run))));
        lines.extend(self.rate().map(|rate| ("rate", rate)));
        lines.extend(self.end().map(|end| ("end", end)));
        lines.extend(timing.as_ref().and_then(|timing| Some(("window", self.window(timing)?))));
        lines.extend(reports.iter().map(|report| ("report", report_line(report))));
        lines
    }

    fn state(&self) -> String {
        let run = &self.view.run;
        let more = match (run.state.pid(), run.exit()) {
            (Some(pid), _) => format!(", process {pid}"),
            (None, Some(exit)) => format!(", exit {exit}"),
            (None, None) => String::new(),
        };
        let age = run.age().map(|age| format!("; began {} ago", roughly(age)));
        format!("{}{more}{}", state(run, self.zone), age.unwrap_or_default())
    }

    /// `18.2 rows/s, 19.0/s in the last 10 s (--rate 20/s)`
    fn rate(&self) -> Option<String> {
        let RunView { run, flags, rate, recent_rate, .. } = self.view;
        let mut text = format!("{:.1} rows/s", (*rate)?);
        if let Some(recent) = recent_rate {
            let _ = write!(text, ", {recent:.1}/s in the last {} s", RECENT.as_secs());
        }
        let wanted = flags.of_session(run.sessions.last()?.number, "rate");
        if let Some(wanted) = wanted.and_then(|values| values.first()) {
            let _ = write!(text, " (--rate {wanted})");
        }
        Some(text)
    }

    /// Says when a run that goes on will end.
    fn end(&self) -> Option<String> {
        let (basis, fit) = self.view.forecast?;
        let (when, why) = match basis {
            ForecastBasis::Achieved => ("about", ""),
            ForecastBasis::Allowed => ("at the earliest", ", by --rate"),
        };
        Some(match fit {
            RunEnd::Fits(at) => {
                let left = Duration::try_from(self.now.duration_until(at)).unwrap_or_default();
                let at = moment(at, self.zone, self.now);
                format!("{when} {at}, in {}{why}", roughly(left))
            }
            RunEnd::Leaves(rows) => {
                let rows = counted(rows, "row", "rows");
                format!("not within the window: about {rows} will be left{why}")
            }
        })
    }

    fn window(&self, timing: &Timing) -> Option<String> {
        let Timing { window, zone, cutoff, misfit: _ } = timing;
        let told = |at| moment(at, zone, self.now);
        let mut text = match (window.start.filter(|start| *start > self.now), window.stop) {
            (Some(start), Some(stop)) => format!("from {} to {}", told(start), told(stop)),
            (Some(start), None) => format!("from {}", told(start)),
            (None, Some(stop)) => format!("until {}", told(stop)),
            (None, None) => return None,
        };
        if !cutoff.is_zero() {
            let _ = write!(text, ", no new row in the last {}", roughly(*cutoff));
        }
        Some(text)
    }

    fn session(&self, session: &PastSession) -> String {
        let run = &self.view.run;
        let last = run.sessions.last().unwrap_or(session);
        let is_last = last.number == session.number;
        let ending = match (&session.ended, &session.ending, session.exit) {
            (Some(ended), Some(ending), Some(exit)) => {
                format!("{} ({ending}, exit {exit})", full_moment(*ended, self.zone))
            }
            (Some(ended), ..) => full_moment(*ended, self.zone),
            (None, ..) if run.state.is_alive() && is_last => "now".into(),
            (None, ..) => "? (it died)".into(),
        };
        let number = session.number;
        let began = full_moment(session.began, self.zone);
        let mut text = format!("session {number}: {began} to {ending}");
        if session.target != last.target {
            let _ = write!(text, ", at {}", session.target);
        }
        let own = self.view.flags.sessions.get(&number).map(flags).unwrap_or_default();
        let retry = session.retry_failed.then(|| "--retry-failed".to_owned());
        let all: Vec<_> = retry.into_iter().chain(own).collect();
        if !all.is_empty() {
            let _ = write!(text, ", with {}", all.join(" "));
        }
        text
    }

    fn bad_rows(&self, text: &mut String) {
        let RunView { bad_rows, .. } = self.view;
        match (bad_rows.len() as u64, self.view.bad()) {
            (0, _) => return,
            (shown, all) if shown < all => {
                let (shown, all) = (number(shown), number(all));
                let _ = writeln!(text, "bad rows, the first {shown} of {all} (--bad shows all):");
            }
            _ => text.push_str("bad rows:\n"),
        }
        for record in bad_rows {
            let _ = writeln!(text, "  {}", bad_row(record));
        }
    }

    /// Returns what a list of runs has of it, and more, for programs.
    pub(crate) fn json(&self) -> Value {
        let RunView { run, flags, failures, bad_rows, rate, recent_rate, .. } = self.view;
        let RunView { forecast, timing, reports, in_doubt, .. } = self.view;
        let mut page = runs::json(run);
        let (end, leaves) = match forecast {
            Some((_, RunEnd::Fits(at))) => (Some(format!("{at:.0}")), None),
            Some((_, RunEnd::Leaves(rows))) => (None, Some(*rows)),
            None => (None, None),
        };
        let basis = forecast.map(|(basis, _)| match basis {
            ForecastBasis::Achieved => "achieved",
            ForecastBasis::Allowed => "allowed",
        });
        let window = timing.as_ref().map(|timing| {
            let told = |at: Option<Timestamp>| at.map(|at| at.to_string());
            json!({ "start": told(timing.window.start), "stop": told(timing.window.stop) })
        });
        page["failures"] = failures::json(failures).into();
        page["bad_rows"] = bad_rows.iter().map(bad_row_json).collect();
        page["rows_per_second"] = rounded(*rate);
        page["recent_rows_per_second"] = rounded(*recent_rate);
        page["in_doubt"] = (*in_doubt).into();
        page["expected_end"] = end.into();
        page["expected_by"] = basis.into();
        page["window_leaves"] = leaves.into();
        page["window"] = window.into();
        page["reports"] = reports.iter().map(report_json).collect();
        page["flags"] = json!(flags.flags);
        let resumable = !run.state.is_alive() && !run.state.is_over();
        page["resume"] = resumable.then_some(self.resume).into();
        for session in page["sessions"].as_array_mut().into_iter().flatten() {
            let number = session["session"].as_u64().and_then(|number| u32::try_from(number).ok());
            let own = number.and_then(|number| flags.sessions.get(&number));
            session["flags"] = json!(own.cloned().unwrap_or_default());
        }
        page
    }
}

fn rounded(rate: Option<f64>) -> Value {
    json!(rate.map(|rate| (rate * 10.0).round() / 10.0))
}

/// Flags as they are typed.
fn flags(flags: &Flags) -> Vec<String> {
    let told = |(name, values): (&String, &Vec<String>)| match values.as_slice() {
        [] => vec![format!("--{name}")],
        values => values.iter().map(|value| format!("--{name}={value}")).collect(),
    };
    flags.iter().flat_map(told).collect()
}

const fn report_words(state: ReportState) -> (&'static str, &'static str) {
    match state {
        ReportState::Complete => ("complete", ""),
        ReportState::Growing => ("growing", " (grows while the run goes on)"),
        ReportState::Beside => ("beside", " (written when the run ends)"),
        ReportState::Partial => ("partial", " (not complete)"),
        ReportState::Changed => ("changed", " (changed since the run wrote it)"),
        ReportState::Missing => ("missing", " (not there any more)"),
    }
}

fn report_line(report: &ReportView) -> String {
    format!("{}{}", report.path.display(), report_words(report.state).1)
}

fn report_json(report: &ReportView) -> Value {
    json!({
        "path": report.path.display().to_string(),
        "session": report.session,
        "state": report_words(report.state).0,
    })
}

/// `line 3: failed (transient), task 7 of business 2: bk-sops is away`
fn bad_row(record: &Record) -> String {
    let (what, error) = match &record.row.task {
        Ok(task) => (task.to_string(), record.class().map(|class| class.to_string())),
        Err(bad) => {
            let ids = format!("task {:?} of {:?}", bad.task_id, bad.biz_id);
            (ids, Some(bad.fault.to_string()))
        }
    };
    let error = error.map(|error| format!(" ({})", escape_control(&error))).unwrap_or_default();
    let message = match record.message() {
        "" => String::new(),
        message => format!(": {}", escape_control(message)),
    };
    format!("line {}: {}{error}, {what}{message}", record.row.line, record.outcome)
}

fn bad_row_json(record: &Record) -> Value {
    let (biz_id, task_id, scope, error) = match &record.row.task {
        Ok(task) => (
            json!(task.business.id.get()),
            json!(task.id.get()),
            task.business.scope.as_str(),
            record.class().map(|class| class.to_string()),
        ),
        Err(bad) => {
            (json!(bad.biz_id), json!(bad.task_id), &*bad.scope, Some(bad.fault.to_string()))
        }
    };
    json!({
        "line": record.row.line,
        "bk_biz_id": biz_id,
        "task_id": task_id,
        "scope": scope,
        "outcome": record.outcome.as_str(),
        "error": error,
        "message": record.message(),
        "attempts": record.attempts,
    })
}
