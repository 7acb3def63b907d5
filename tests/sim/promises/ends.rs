//! It ends: no session lasts longer than all its waits together.

use std::time::Duration;

use super::clock::wall;
use super::settings::{Settings, floats};
use super::window::Window;
use super::{Broken, Night};
use crate::history::{ExchangeFault, Fault, History, InputKind};
use crate::server::At;
use crate::world::witness::SessionEnd;

/// Longest hold that an answer can bring about.
const LONGEST_HOLD: Duration = Duration::from_hours(1);

/// Time that a session takes for its end when nothing is out any more.
const SOON: Duration = Duration::from_secs(6);

/// Checks how long a session lasted.
pub fn in_time(night: &Night, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    let (lasted, longest) =
        (facts.ended.saturating_sub(facts.began), longest(night.history, session, facts.began));
    if lasted > longest {
        let what = format!("session {session} lasted for {lasted:?}, and {longest:?} is much");
        return Err(Broken { promise: "it ends", what });
    }
    Ok(())
}

/// Checks that a session which was told to stop waited for nothing but what was out.
pub fn soon_after_a_signal(night: &Night, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    let SessionEnd::Exited { .. } = facts.end else { return Ok(()) };
    let Some(signal) = facts.signal else { return Ok(()) };
    let backs = night.departures(session).iter().map(|one| one.back.as_ref().map(|(at, _)| *at));
    // One that never came back was waited for until the end.
    let Some(last) = backs.chain([Some(signal)]).try_fold(signal, |last, at| Some(last.max(at?)))
    else {
        return Ok(());
    };
    let of_machine = |fault: Fault| match fault {
        Fault::SlowDisk(time, more) => time + more * 4,
        Fault::StdoutStalls(time) | Fault::Suspend(time) => time,
        _ => Duration::ZERO,
    };
    let spare: Duration = night.history.events.iter().map(|one| of_machine(one.what)).sum();
    // The copy of a stream is read as slowly, and to its end.
    let reading = match night.history.input {
        InputKind::Stream { pause } if session > 0 => pause * rows(night.history),
        InputKind::Stream { .. } | InputKind::File => Duration::ZERO,
    };
    if facts.ended > last + SOON + spare + reading {
        let what = format!(
            "the signal came at {signal:?}, all was back at {last:?}, and the session ended at {:?}",
            facts.ended
        );
        return Err(Broken { promise: "a signal ends it soon", what });
    }
    Ok(())
}

/// Number of rows, and one for the end of the list.
fn rows(history: &History) -> u32 {
    u32::try_from(history.list.len()).unwrap() + 1
}

/// Returns a time that a session which begins at `began` never lasts, as generous as can be: each
/// row waits for everything that there is to wait for, one row after the other.
pub fn longest(history: &History, session: usize, began: At) -> Duration {
    let settings = Settings::of(history, session);
    let rows = rows(history);
    let sends = settings.retries + 2;
    let request = settings.timeout + settings.connect_timeout + settings.backoff.1;
    let confirm = settings.confirm.unwrap_or_default();
    let turn = [settings.rate, settings.rate_per_biz]
        .into_iter()
        .flatten()
        .map(|rate| Duration::from_secs_f64(rate.per.as_secs_f64() / rate.count));
    let turn = turn.max().unwrap_or_default();
    // Confirming asks every 8 s.
    let questions = u32::try_from(confirm.as_secs() / 8).unwrap() + 8;
    let of_row = (request + confirm + (request + turn) * questions) * sends;
    let limits = &history.server;
    let periods = limits.biz_limits.iter().map(|(_, _, period)| *period);
    let periods = periods.chain(limits.app_limit.map(|(_, period)| period));
    let refill = periods.max().unwrap_or_default();
    let pause = match history.input {
        InputKind::File => Duration::ZERO,
        InputKind::Stream { pause } => pause,
    };
    let patience = settings.throttle_patience + settings.outage_patience;
    let stages = u32::try_from(settings.stages.len()).unwrap();
    wait_for_window(history, &settings, began)
        + (of_row + refill + pause + patience) * rows
        + settings.stage_pause * stages
        + of_events(history) * sends
        + LONGEST_HOLD
}

/// Time until the window of a session begins, if the wall clock is put back at once.
fn wait_for_window(history: &History, settings: &Settings, began: At) -> Duration {
    let now = wall(history, began).0;
    let window = Window::of(&settings.window, now);
    let left = window.start.map(|start| now.duration_until(start));
    left.and_then(|left| Duration::try_from(left).ok()).unwrap_or_default() + settings.window.jitter
}

/// Time that all faults take, one after the other.
fn of_events(history: &History) -> Duration {
    let of_fault = |fault: Fault| match fault {
        Fault::Outage(_, time)
        | Fault::Connect(_, time)
        | Fault::Revoked(time)
        | Fault::Suspend(time)
        | Fault::StdoutStalls(time)
        | Fault::Exchange(ExchangeFault::Late(time)) => time,
        Fault::Stall(time, more) => time + more,
        Fault::SlowDisk(time, more) => {
            time + more.mul_f64(8.0 * floats(history.list.len() as u64 + 8))
        }
        Fault::WallClockStep(seconds) => Duration::from_secs(seconds.unsigned_abs()),
        _ => Duration::ZERO,
    };
    history.events.iter().map(|event| of_fault(event.what)).sum()
}
