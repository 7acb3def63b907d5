//! The wall clock of the machine as it was in truth.

use jiff::{SignedDuration, Timestamp};

use crate::history::{Fault, History, When};
use crate::server::{At, TRUE_START};

/// Returns what the wall clock shows at `at`: the lowest and the highest, if it is put ahead or
/// back at that very moment. It goes on while the machine is suspended, as true time does.
pub fn wall(history: &History, at: At) -> (Timestamp, Timestamp) {
    let steps_before = |is_before: &dyn Fn(At) -> bool| {
        let steps =
            history.events.iter().filter_map(|event| match (event.when, step(event.what)) {
                (When::At(when), Some(step)) if is_before(when) => Some(step),
                _ => None,
            });
        steps.fold(SignedDuration::ZERO, |sum, step| sum + step)
    };
    let start = Timestamp::from_second(TRUE_START).unwrap();
    let shows = |step| start + SignedDuration::try_from(at).unwrap() + step;
    let (one, other) =
        (shows(steps_before(&|when| when < at)), shows(steps_before(&|when| when <= at)));
    (one.min(other), one.max(other))
}

/// Returns the moments after `from` and up to `to` at which the wall clock is put ahead or back.
pub fn steps(history: &History, from: At, to: At) -> impl Iterator<Item = At> {
    history.events.iter().filter_map(move |event| match event.when {
        When::At(when) if step(event.what).is_some() && from < when && when <= to => Some(when),
        _ => None,
    })
}

fn step(fault: Fault) -> Option<SignedDuration> {
    match fault {
        Fault::WallClockStep(seconds) => Some(SignedDuration::from_secs(seconds)),
        _ => None,
    }
}
