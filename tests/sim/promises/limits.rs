//! The limits hold for every request: how many leave in any second, how many are out.

use std::time::Duration;

use super::Broken;
use super::answers::may_have_left;
use super::settings::{Rate, Settings, floor};
use crate::history::{History, Way};
use crate::server::At;
use crate::world::witness::{Back, Departure, Kind};

const SECOND: Duration = Duration::from_secs(1);

/// Time for which a request without an answer waits for more requests to leave.
const ONE_MORE: Duration = Duration::from_secs(5);

/// Time after its timeouts within which a request is surely back.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// Checks how many requests left in the seconds before the last of `departures`.
pub fn rates(
    history: &History,
    settings: &Settings,
    departures: &[Departure],
) -> Result<(), Broken> {
    let Some(last) = departures.last() else { return Ok(()) };
    if let Some(rate) = settings.rate {
        let among = |departure: &Departure| may_have_left(departure);
        keeps(rate, settings.burst, departures, &among).map_err(|what| broken("rate", what))?;
    }
    // By a proxy, a business takes its turn when a request is picked, and not when it leaves.
    if let (Some(rate), Kind::Start, Way::Direct) =
        (settings.rate_per_biz, last.kind, history.server.way)
    {
        let among = |departure: &Departure| may_have_left(departure) && is_alike(departure, last);
        keeps(rate, 1, departures, &among).map_err(|what| broken("rate of a business", what))?;
    }
    Ok(())
}

/// Whether both are starts of one business.
fn is_alike(one: &Departure, other: &Departure) -> bool {
    one.kind == Kind::Start
        && other.kind == Kind::Start
        && (one.key.biz, &one.key.scope) == (other.key.biz, &other.key.scope)
}

/// Whether no second holds more than the rate and its burst, and no other time up to a unit of the
/// rate more than that and what a turn may be late.
fn keeps(
    rate: Rate,
    burst: u32,
    departures: &[Departure],
    among: &dyn Fn(&Departure) -> bool,
) -> Result<(), String> {
    let Some(last) = departures.last() else { return Ok(()) };
    let per_second = rate.count / rate.per.as_secs_f64();
    // One at once, and what becomes due in 10 ms, but less than two of a slow rate.
    let at_once = (1.0 + per_second.min(99.0) / 100.0).max(per_second / 100.0).max(burst.into());
    let late = (per_second / 100.0).min(0.1);
    let may_leave = |time: Duration, spare: f64| {
        floor(per_second * time.as_secs_f64() + at_once + spare + 1e-6)
    };
    let in_a_second = may_leave(SECOND, 0.0);
    let from = last.at.saturating_sub(rate.per);
    let recent = departures.iter().rev().take_while(|departure| departure.at >= from);
    for (left, first) in (1..).zip(recent.filter(|departure| among(departure))) {
        let time = last.at.saturating_sub(first.at);
        let most = may_leave(time, late);
        let most = if time <= SECOND { most.min(in_a_second) } else { most };
        if left > most {
            let last = told(last);
            return Err(format!("{left} requests left in the {time:?} up to {last}; {most} may"));
        }
    }
    Ok(())
}

/// Checks that a slot was free for `last`, and that its row and its business had none too many.
pub fn slots(
    history: &History,
    settings: &Settings,
    before: &[Departure],
    last: &Departure,
) -> Result<(), Broken> {
    let horizon = settings.timeout + settings.connect_timeout + BACK_WITHIN;
    let recent = before.iter().rev().take_while(|other| other.at + horizon >= last.at);
    let (mut all, mut alike, mut starts) = (1, 1, 1);
    for other in recent.filter(|other| is_out(other, last.at)) {
        all += 1;
        alike += usize::from(is_alike(other, last));
        starts += u64::from(other.kind == Kind::Start);
        if other.key == last.key {
            let what = format!("{} left while {} was out", told(last), told(other));
            return Err(broken("one request of a row at a time", what));
        }
    }
    let many = |what: &str, out: usize, most: usize| {
        format!("{out} requests {what} are out with {}; {most} may be", told(last))
    };
    let most = settings.concurrency.min(settings.lookahead);
    if all > most {
        return Err(broken("requests out at once", many("in all", all, most)));
    }
    let most = settings.concurrency_per_biz;
    if last.kind == Kind::Start && alike > most {
        return Err(broken("starts of a business out at once", many("of it", alike, most)));
    }
    if let Some(may_fail) = settings.may_fail(history)
        && last.kind == Kind::Start
        && history.server.way == Way::Direct
        && starts > may_fail + 1
    {
        let what = format!("{starts} starts are out with {}; {may_fail} may fail", told(last));
        return Err(broken("no more starts out than may fail", what));
    }
    Ok(())
}

/// Checks that little leaves until somebody has answered. By a proxy, time counts from the pick.
pub fn first_answer(
    history: &History,
    before: &[Departure],
    last: &Departure,
) -> Result<(), Broken> {
    if history.server.way == Way::Proxied {
        return Ok(());
    }
    let mut since = last.at;
    let mut out: Vec<&Departure> = Vec::new();
    for departure in before {
        match &departure.back {
            Some((at, Back::Answer(_) | Back::CutOff(_))) if *at <= last.at => return Ok(()),
            Some(_) | None => {}
        }
        out.retain(|other| is_out(other, departure.at));
        if out.is_empty() {
            since = departure.at;
        }
        out.push(departure);
    }
    out.retain(|other| is_out(other, last.at));
    let more = u32::try_from(out.len()).unwrap();
    if !out.is_empty() && last.at < since + ONE_MORE * more {
        let what = format!("{} left with {more} out since {since:?}", told(last));
        return Err(broken("little leaves before the first answer", what));
    }
    Ok(())
}

/// Whether a request was still out when another left at `at`; a request that came back at that
/// very moment was not.
pub fn is_out(departure: &Departure, at: At) -> bool {
    departure.back.as_ref().is_none_or(|(back, _)| *back > at)
}

/// Names a request.
pub fn told(departure: &Departure) -> String {
    format!("{} ({:?}, at {:?})", departure.id, departure.kind, departure.at)
}

const fn broken(promise: &'static str, what: String) -> Broken {
    Broken { promise, what }
}
