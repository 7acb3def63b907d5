//! The exit code says how a session ended.

use std::time::Duration;

use serde_json::Value;

use super::rows::OUTPUT_FAILED;
use super::settings::{Settings, Tolerated, WindowWords};
use super::{Broken, Night};
use crate::history::{Before, Fault, History, InputKind, ListedRow, Route, TaskFate};
use crate::world::witness::{SessionEnd, SessionFacts};

/// How a summary begins to tell of a mistake in the program.
const BROKEN: &str = "a part of bk-launch failed";

/// Checks the exit code of a session by what happened in it.
pub fn says_why(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    match &facts.end {
        SessionEnd::Refused { code, text } => {
            let is_known = match *code {
                2 => session == 0 || may_be_refused(night, settings, session),
                4 => settings.window != WindowWords::default(),
                OUTPUT_FAILED => may_fail_to_write(night.history, settings),
                _ => false,
            };
            holds(is_known, || format!("{code}, without a session: {text}"))
        }
        // Nobody read its summary.
        SessionEnd::Exited { json, .. } if json.is_null() => Ok(()),
        SessionEnd::Exited { code, json, .. } => {
            if json["stopped"].as_str().is_some_and(|why| why.starts_with(BROKEN)) {
                return Err(Broken {
                    promise: "no part of the program fails",
                    what: json.to_string(),
                });
            }
            let told = || format!("{code}: {json}");
            let signal = facts.signal.is_some();
            holds(*code < 128 || (signal && matches!(code, 129 | 130 | 143)), told)?;
            let has_end = settings.window.stop_at.is_some() || settings.window.daily.is_some();
            holds(*code != 4 || has_end, told)?;
            if *code == OUTPUT_FAILED {
                return holds(may_fail_to_write(night.history, settings), told);
            }
            holds(expected(night.history, json, settings).contains(code), told)?;
            if is_cut_off(night) && (*code == 0 || (session == 0 && has_stopped(json, *code))) {
                return Err(Broken { promise: "an input that was cut off is told", what: told() });
            }
            let is_calm = night.history.heals(session, facts.began);
            if is_calm && can_finish(night.history, settings) && !matches!(code, 0 | 1) {
                return Err(Broken { promise: "a calm session finishes the run", what: told() });
            }
            Ok(())
        }
        SessionEnd::Killed | SessionEnd::PoweredOff => Ok(()),
    }
}

/// Whether the first session surely did not read its input to the end.
fn is_cut_off(night: &Night) -> bool {
    let is_stream = night.history.input != InputKind::File;
    let has_limit = Settings::of(night.history, 0).limit.is_some();
    is_stream && !has_limit && night.facts(0).rows_read < night.history.list.len() as u64
}

/// Whether a session was stopped, and its exit code does not say so.
fn has_stopped(json: &Value, code: u8) -> bool {
    !json["stopped"].is_null() && code == 1
}

/// Whether a session that nothing befalls can finish the run: the server answers in time, and takes
/// the questions that have to be asked, and all rows may fail.
fn can_finish(history: &History, settings: &Settings) -> bool {
    let is_throttled = history.server.app_limit.is_some();
    let answers = settings.timeout > history.server.latency.1 * 2;
    let connects = settings.connect_timeout > history.server.connect;
    let asks = !(history.server.route == Route::LegacyEsb && settings.confirm.is_some());
    let fails = settings.tolerated.is_none_or(|tolerated| tolerated == Tolerated::Share(100.0));
    let is_refused = |row: &ListedRow| row.fate == TaskFate::Denied;
    let may_ask = settings.confirm.is_none() || !history.list.iter().any(is_refused);
    // Probes of rows that bk-sops fails on are up to 5 s apart.
    let rows = u32::try_from(history.list.len()).unwrap();
    let breaks = history.list.iter().any(|row| row.fate == TaskFate::Breaks);
    let probes = !breaks || settings.outage_patience > Duration::from_secs(6) * rows;
    !is_throttled && answers && connects && asks && fails && may_ask && probes
}

/// Whether there is a reason to refuse a resume: no run that is kept, somebody who changed a report
/// or the server, or a window.
fn may_be_refused(night: &Night, settings: &Settings, session: usize) -> bool {
    let people = night.history.sessions[..=session].iter().flat_map(|plan| &plan.before);
    let mut people = people.filter(|deed| matches!(deed, Before::EditReport | Before::OtherTarget));
    let in_order = |facts: &SessionFacts| {
        facts.journaled
            && !matches!(facts.end, SessionEnd::Refused { .. })
            && !matches!(facts.end, SessionEnd::Exited { code, .. } if code == OUTPUT_FAILED)
    };
    people.next().is_some()
        || settings.window != WindowWords::default()
        || may_fail_to_write(night.history, settings)
        || !night.witness.sessions[..session].iter().all(in_order)
}

fn holds(it: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if it { Ok(()) } else { Err(Broken { promise: "the exit code says why", what: what() }) }
}

/// Whether anything happened because of which a journal or a report cannot be written.
pub fn may_fail_to_write(history: &History, settings: &Settings) -> bool {
    let of_disk = |fault: &Fault| {
        matches!(
            fault,
            Fault::JournalFull(_)
                | Fault::CommitFails
                | Fault::StdoutCloses
                | Fault::StdoutStalls(_)
        )
    };
    history.events.iter().any(|event| of_disk(&event.what))
        || settings.outputs.iter().any(|output| output == "full")
}

/// The exit codes that fit a summary, other than that of an output that failed.
fn expected(history: &History, json: &Value, settings: &Settings) -> Vec<u8> {
    let count = |name: &str| json[name].as_u64().unwrap_or_default();
    let finished = if count("bad") > 0 || !json["input_incomplete"].is_null() {
        vec![1]
    } else if json.get("requests").is_none() {
        // A run that was finished before, whose input may have been incomplete.
        vec![0, 1]
    } else if settings.lookup && count("links_not_asked") > 0 {
        vec![0, 1]
    } else {
        vec![0]
    };
    let cut_off = count("cut_off") > 0;
    let is_file = history.input == InputKind::File;
    match json["stopped"].as_str() {
        None if cut_off && settings.limit.is_none() => Vec::new(),
        None => finished,
        Some(why) => {
            let stopped = match why {
                "by SIGHUP" => 129,
                "by SIGINT" => 130,
                "by SIGTERM" => 143,
                "the window closed" => 4,
                _ => 3,
            };
            match (cut_off, is_file) {
                (true, _) => vec![stopped],
                (false, true) => finished,
                // More may have come.
                (false, false) => [finished, vec![stopped]].concat(),
            }
        }
    }
}
