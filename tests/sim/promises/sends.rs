//! Nothing is sent that nobody asked for: only rows of the list, noted before, not settled yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::answers::{Said, heard, may_have_left};
use super::limits::told;
use super::settings::Settings;
use super::{Broken, Night};
use crate::history::{Fault, InputKind, Key, ListedRow};
use crate::world::witness::{Departure, Kind, SessionEnd};

/// Line of the input's first row.
pub const FIRST_LINE: u64 = 2;

/// Time after which an acceptance that is to be confirmed surely stands in the journal.
const NOTED_WITHIN: Duration = Duration::from_secs(10);

/// Returns the line of the first row with each task of a list.
pub fn first_lines(list: &[ListedRow]) -> BTreeMap<Key, u64> {
    let mut lines = BTreeMap::new();
    for (line, row) in (FIRST_LINE..).zip(list) {
        if let Some(key) = row.key() {
            lines.entry(key).or_insert(line);
        }
    }
    lines
}

/// Checks all that left in a session.
pub fn only_what_may_be_sent(
    night: &Night,
    settings: &Settings,
    session: usize,
) -> Result<(), Broken> {
    let departures = night.departures(session);
    refused_sessions_send_nothing(night, session)?;
    of_the_list(night, departures)?;
    noted_before(night, session)?;
    not_settled(night, settings, session)?;
    accepted_is_asked_first(night, session)?;
    let broken = |promise, what| Err(Broken { promise, what });
    let mut accepted = BTreeSet::new();
    let mut started = BTreeSet::new();
    for departure in departures {
        match departure.kind {
            Kind::Start => {
                started.insert(&departure.key);
                if settings.confirm.is_none() && accepted.contains(&departure.key) {
                    let what = format!("{} left after an accepted start", told(departure));
                    return broken("what was accepted is not sent again", what);
                }
                if heard(departure) == Some(Said::Accepted) {
                    accepted.insert(&departure.key);
                }
            }
            Kind::Detail if !settings.lookup => {
                return broken("links are asked for with --lookup alone", told(departure));
            }
            Kind::Status | Kind::Detail => {}
        }
    }
    if let Some(limit) = settings.limit
        && started.len() as u64 > limit
    {
        let what = format!("{} rows were sent; the limit is {limit}", started.len());
        return broken("no more rows than the limit", what);
    }
    ids_are_used_once(night, session)
}

fn refused_sessions_send_nothing(night: &Night, session: usize) -> Result<(), Broken> {
    match (&night.facts(session).end, night.departures(session).first()) {
        (SessionEnd::Refused { code, .. }, Some(departure)) => {
            let what = format!("{} left, and the session ended with {code}", told(departure));
            Err(Broken { promise: "a session that does not begin sends nothing", what })
        }
        _ => Ok(()),
    }
}

/// Checks that each request is for a row that was read, and names it.
fn of_the_list(night: &Night, departures: &[Departure]) -> Result<(), Broken> {
    let lines = first_lines(&night.history.list);
    let read = match (night.history.input, departures.first()) {
        (InputKind::Stream { .. }, Some(first)) if first.session == 0 => {
            night.facts(0).rows_read + FIRST_LINE
        }
        _ => u64::MAX,
    };
    for departure in departures {
        let line = lines.get(&departure.key).copied();
        let is_listed = line.is_some_and(|line| line < read) && departure.line == line;
        if !is_listed || line_of(&departure.id) != line {
            let what = format!("{} is for {:?}", told(departure), departure.key);
            return Err(Broken { promise: "only rows that were read are sent", what });
        }
    }
    Ok(())
}

/// The line that a request's id names.
fn line_of(id: &str) -> Option<u64> {
    let (_, rest) = id.rsplit_once("-l")?;
    rest.split('-').next()?.parse().ok()
}

/// Checks that the journal held an intent of the session for each row that it sent.
fn noted_before(night: &Night, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    if !facts.journaled {
        return Ok(());
    }
    let noted: BTreeSet<u64> = facts.intended.iter().copied().collect();
    let starts = night.departures(session).iter().filter(|departure| is_sent_start(departure));
    for departure in starts {
        if departure.line.is_none_or(|line| !noted.contains(&line)) {
            let promise = "a row is noted before it is sent";
            return Err(Broken { promise, what: told(departure) });
        }
    }
    Ok(())
}

/// Whether a start left, as far as can be known.
pub fn is_sent_start(departure: &Departure) -> bool {
    departure.kind == Kind::Start && may_have_left(departure)
}

/// Checks that no row is sent that earlier sessions settled, unless it is taken up again.
fn not_settled(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    let earlier = night.witness.sessions[..session].iter().rev();
    let mut begun = earlier.filter(|facts| !matches!(facts.end, SessionEnd::Refused { .. }));
    let Some(before) = begun.next() else { return Ok(()) };
    for departure in night.departures(session) {
        let outcome = departure.line.and_then(|line| before.settled.get(&line));
        let is_over = |outcome: &str| !(settings.retry_failed && settings.is_failure(outcome));
        if let Some(outcome) = outcome.filter(|outcome| is_over(outcome)) {
            let what = format!("{} left, and its row was {outcome}", told(departure));
            return Err(Broken { promise: "a settled row is not sent again", what });
        }
    }
    Ok(())
}

/// Checks that what the session before had accepted, before it died, is looked at before it is sent
/// again.
fn accepted_is_asked_first(night: &Night, session: usize) -> Result<(), Broken> {
    let Some(last) = session.checked_sub(1) else { return Ok(()) };
    let died = night.facts(last);
    let settings = Settings::of(night.history, last);
    let delays = |fault: &Fault| matches!(fault, Fault::SlowDisk(..) | Fault::StdoutStalls(_));
    let is_noted = died.journaled
        && matches!(died.end, SessionEnd::Killed | SessionEnd::PoweredOff)
        && settings.confirm.is_some()
        && !super::exit::may_fail_to_write(night.history, &settings)
        && !night.history.events.iter().any(|event| delays(&event.what));
    if !is_noted {
        return Ok(());
    }
    let accepted = night.departures(last).iter().filter(|departure| {
        let came = departure.back.as_ref().map(|(at, _)| *at + NOTED_WITHIN);
        departure.kind == Kind::Start
            && heard(departure) == Some(Said::Accepted)
            && came.is_some_and(|at| at <= died.ended)
    });
    for departure in accepted {
        let of_row = |one: &&Departure| one.key == departure.key && may_have_left(one);
        let first = night.departures(session).iter().find(of_row);
        let is_open = departure.line.is_none_or(|line| !died.settled.contains_key(&line));
        if let Some(first) = first.filter(|first| is_open && first.kind == Kind::Start) {
            let what = format!("{} left, and {} was accepted", told(first), told(departure));
            return Err(Broken { promise: "what was accepted is looked at first", what });
        }
    }
    Ok(())
}

fn ids_are_used_once(night: &Night, session: usize) -> Result<(), Broken> {
    let mut used = BTreeSet::new();
    for departure in night.departures_until(session).iter().filter(|one| is_sent_start(one)) {
        if !used.insert(&departure.id) {
            let promise = "each start has an id of its own";
            return Err(Broken { promise, what: told(departure) });
        }
    }
    Ok(())
}
