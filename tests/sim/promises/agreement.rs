//! Exit code, summary, journal and reports tell one story.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answers::may_have_left;
use super::rows::{OUTPUT_FAILED, complete, number, text};
use super::sends::is_sent_start;
use super::settings::Settings;
use super::{Broken, Night};
use crate::history::{Event, Fault, Way};
use crate::world::witness::{Kind, Line, SessionEnd};

/// Outcomes of rows that a stop may leave open.
const OPEN: [&str; 2] = ["pending", "unconfirmed"];

/// Checks that a session which was killed had shown nothing that its journal does not hold. Later
/// sessions write their reports beside, and nobody sees those.
pub fn shows_what_is_kept(night: &Night, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    let is_judged = session == 0
        && facts.journaled
        && matches!(facts.end, SessionEnd::Killed)
        && !super::exit::may_fail_to_write(night.history, &Settings::of(night.history, session));
    for line in facts.reports.iter().flatten().flatten().filter(|_| is_judged) {
        let outcome = text(line, "outcome");
        let kept = number(line, "line").and_then(|at| facts.settled.get(&at));
        if !OPEN.contains(&outcome) && kept.is_none_or(|kept| kept != outcome) {
            let what = format!("a report shows {line:?}, and the journal holds {kept:?}");
            return broken("the journal is written before the reports", what);
        }
    }
    Ok(())
}

/// Checks that all that a session told of its end agrees.
pub fn one_story(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    let SessionEnd::Exited { code, text, json } = &night.facts(session).end else {
        return Ok(());
    };
    // The summary itself may be what could not be written.
    if *code == OUTPUT_FAILED {
        return Ok(());
    }
    if json.is_null() {
        // Nobody read it.
        return Ok(());
    }
    if json["exit"] != *code {
        return broken("the summary has the exit code", format!("{code}, and {}", json["exit"]));
    }
    let reports = complete(night, settings, session);
    for report in &reports {
        of_a_report(json, report, settings)?;
    }
    if let Some(first) = reports.first() {
        attempts(night, first, session)?;
    }
    for (outcome, count) in outcomes(json) {
        // Nobody may have read the text.
        if count > 0 && !text.is_empty() && !text.contains(&format!("{count} {outcome}")) {
            let what = format!("{count} {outcome} are missing in {text:?}");
            return broken("both summaries count alike", what);
        }
    }
    of_the_journal(night, json, session)?;
    requests(night, json, session)
}

fn broken<T>(promise: &'static str, what: String) -> Result<T, Broken> {
    Err(Broken { promise, what })
}

/// The summary's number of rows with each outcome.
fn outcomes(json: &Value) -> BTreeMap<&str, u64> {
    let counts = json["outcomes"].as_object().into_iter().flatten();
    counts.map(|(outcome, count)| (outcome.as_str(), count.as_u64().unwrap_or_default())).collect()
}

fn of_a_report(json: &Value, report: &[Line], settings: &Settings) -> Result<(), Broken> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for line in report {
        *counts.entry(text(line, "outcome")).or_default() += 1;
    }
    let told: BTreeMap<&str, u64> =
        outcomes(json).into_iter().filter(|(_, count)| *count > 0).collect();
    let bad: u64 = counts.iter().filter(|(one, _)| settings.is_bad(one)).map(|(_, n)| n).sum();
    if told != counts || json["rows"] != report.len() as u64 || json["bad"] != bad {
        let what = format!("{told:?} (bad: {}), and {counts:?} (bad: {bad})", json["bad"]);
        return broken("summary and report agree", what);
    }
    Ok(())
}

/// Checks that reports count the starts of each row, where no session died that knew of some.
fn attempts(night: &Night, report: &[Line], session: usize) -> Result<(), Broken> {
    let is_orderly = |end: &SessionEnd| match end {
        SessionEnd::Exited { code, .. } => *code != OUTPUT_FAILED,
        SessionEnd::Refused { .. } => true,
        SessionEnd::Killed | SessionEnd::PoweredOff => false,
    };
    if !night.witness.sessions[..session].iter().all(|facts| is_orderly(&facts.end)) {
        return Ok(());
    }
    let mut starts: BTreeMap<u64, u64> = BTreeMap::new();
    for departure in night.departures_until(session).iter().filter(|one| is_sent_start(one)) {
        *starts.entry(departure.line.unwrap_or_default()).or_default() += 1;
    }
    for line in report {
        let at = number(line, "line").unwrap_or_default();
        let sent = starts.get(&at).copied().unwrap_or_default();
        if text(line, "outcome") != "duplicate" && number(line, "attempts") != Some(sent) {
            let what = format!("{sent} starts of line {at} left, and it tells {line:?}");
            return broken("a report counts the attempts", what);
        }
    }
    Ok(())
}

fn of_the_journal(night: &Night, json: &Value, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    if !facts.journaled {
        return Ok(());
    }
    let mut settled: BTreeMap<&str, u64> = BTreeMap::new();
    for outcome in facts.settled.values() {
        *settled.entry(outcome).or_default() += 1;
    }
    for (outcome, told) in outcomes(json) {
        let kept = settled.remove(outcome).unwrap_or_default();
        let agree = if OPEN.contains(&outcome) { kept <= told } else { kept == told };
        if !agree {
            let what = format!("{told} {outcome}, and {kept} in the journal");
            return broken("summary and journal agree", what);
        }
    }
    match settled.into_iter().next() {
        Some((outcome, count)) => {
            broken("summary and journal agree", format!("{count} {outcome} in the journal alone"))
        }
        None => Ok(()),
    }
}

/// Checks the numbers of requests. One that never left counts, but where connections break nobody
/// may have seen it but the program.
fn requests(night: &Night, json: &Value, session: usize) -> Result<(), Broken> {
    let departures = night.departures(session);
    let breaks = |event: &Event| {
        matches!(event.what, Fault::CloseIdle | Fault::Connect(..) | Fault::Suspend(_))
    };
    let is_seen =
        night.history.server.way == Way::Direct && !night.history.events.iter().any(breaks);
    for (name, is_start) in [("requests", true), ("questions", false)] {
        let of_kind = || departures.iter().filter(|one| (one.kind == Kind::Start) == is_start);
        let all = of_kind().count() as u64;
        let left = of_kind().filter(|one| may_have_left(one)).count() as u64;
        // The summary of a run that was finished before has no such numbers.
        let told = json[name].as_u64().unwrap_or_default();
        if told < left || (told > all && is_seen) {
            let what = format!("{told} {name}, and {left} to {all} left");
            return broken("the summary counts the requests", what);
        }
    }
    Ok(())
}
