//! A row is given up only when it may be: as unknown after a question, for the limit of its business
//! after the patience.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answers::{Said, heard, is_throttled};
use super::rows::{complete, number, text};
use super::sends::is_sent_start;
use super::settings::Settings;
use super::{Broken, Night};
use crate::history::{Event, ExchangeFault, Fault, History, OutageKind, TaskFate, Way};
use crate::server::At;
use crate::world::witness::{Kind, SessionEnd};

/// Checks the rows that a session gave up.
pub fn for_a_reason(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    let earlier = night.witness.sessions[..session].iter().rev();
    let mut begun = earlier.filter(|facts| !matches!(facts.end, SessionEnd::Refused { .. }));
    let nothing = BTreeMap::new();
    let before = begun.next().map_or(&nothing, |facts| &facts.settled);
    let is_new = |line: u64| {
        let reopens = |outcome: &String| settings.retry_failed && settings.is_failure(outcome);
        before.get(&line).is_none_or(reopens)
    };
    unknown_after_a_question(night, session, is_new)?;
    throttled_with_patience(night, settings, session, is_new)
}

/// Checks that the state of a task was asked for before its row was called unknown.
fn unknown_after_a_question(
    night: &Night,
    session: usize,
    is_new: impl Fn(u64) -> bool,
) -> Result<(), Broken> {
    let facts = night.facts(session);
    let is_asked = facts.journaled
        && matches!(facts.end, SessionEnd::Exited { .. })
        && night.history.server.way == Way::Direct
        && !fails_by_itself(night.history);
    if !is_asked {
        return Ok(());
    }
    let unknown = facts.settled.iter().filter(|(_, outcome)| *outcome == "unknown");
    for (line, _) in unknown.filter(|(line, _)| is_new(**line)) {
        let of_row = || night.departures(session).iter().filter(|one| one.line == Some(*line));
        let sent = of_row().filter(|one| is_sent_start(one)).map(|one| one.at).max();
        let asked = of_row().filter(|one| one.kind == Kind::Status).map(|one| one.at).max();
        if asked.is_none() || asked < sent {
            let what = format!("line {line} is unknown: sent at {sent:?}, asked at {asked:?}");
            return Err(Broken { promise: "a row is unknown only after a question", what });
        }
    }
    Ok(())
}

/// Whether bk-sops may answer that it failed: questions about rows that it fails on are given up.
fn fails_by_itself(history: &History) -> bool {
    let own = |event: &Event| {
        matches!(
            event.what,
            Fault::Outage(OutageKind::IamAway, _)
                | Fault::Exchange(ExchangeFault::Capture(_) | ExchangeFault::Page(..))
        )
    };
    history.events.iter().any(own) || history.list.iter().any(|row| row.fate == TaskFate::Breaks)
}

/// Checks that rows fail for the limit of their business only if nothing of it was granted for
/// `--throttle-patience`.
fn throttled_with_patience(
    night: &Night,
    settings: &Settings,
    session: usize,
    is_new: impl Fn(u64) -> bool,
) -> Result<(), Broken> {
    if settings.retries == 0 {
        return Ok(());
    }
    for report in complete(night, settings, session) {
        for line in report {
            let at = number(line, "line").unwrap_or_default();
            let is_failed =
                text(line, "outcome") == "failed" && text(line, "error") == "throttled_biz";
            let business = (text(line, "scope"), text(line, "bk_biz_id"));
            if is_failed && is_new(at) && !was_starved(night, session, business, settings) {
                let what = format!("{line:?}; the patience is {:?}", settings.throttle_patience);
                return Err(Broken { promise: "a throttle is waited for with patience", what });
            }
        }
    }
    Ok(())
}

/// Whether a business got nothing but refusals for the whole patience.
fn was_starved(
    night: &Night,
    session: usize,
    (scope, biz): (&str, &str),
    settings: &Settings,
) -> bool {
    let starts = night.departures(session).iter().filter(|one| {
        one.kind == Kind::Start && one.key.scope == scope && one.key.biz.to_string() == biz
    });
    let mut heard_at: Vec<(At, bool)> = Vec::new();
    for start in starts {
        let Some((at, _)) = start.back else { continue };
        let is_granted = matches!(heard(start), Some(Said::Accepted | Said::AlreadyStarted));
        if is_granted || is_throttled(start) {
            heard_at.push((at, is_granted));
        }
    }
    heard_at.sort_unstable();
    let patience = settings.throttle_patience.saturating_sub(Duration::from_millis(1));
    let mut since = None;
    heard_at.into_iter().any(|(at, is_granted)| {
        since = if is_granted { None } else { since.or(Some(at)) };
        since.is_some_and(|since| at >= since + patience)
    })
}
