//! Nights in which something leaves when nothing may, or that never end.

use std::time::Duration;

use jiff::Timestamp;

use super::night::{Told, flag, millis};
use crate::history::{Event, Fault, Flag, When};
use crate::promises::settings::Settings;
use crate::promises::window::Window;
use crate::world::witness::Back;

/// A night of a session that a signal stops after its second start.
fn signalled(at: u64) -> Told {
    let mut told = Told::new();
    told.witness.departures.truncate(2);
    for line in 4..=5 {
        let key = told.key(line);
        told.truth.remove(&key);
        told.settle(0, line, "pending");
    }
    told.tell(0);
    told.witness.sessions[0].signal = Some(millis(at));
    told.exits(0, 130, Some("by SIGINT"));
    told
}

#[test]
fn nothing_leaves_after_a_signal() {
    signalled(310).keeps();
    signalled(300).keeps();
    signalled(299).breaks("nothing leaves after a signal");
}

#[test]
fn a_window_is_that_of_the_flags() {
    // 2026-09-21, 14:13:20
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    for (flags, start, stop) in [
        (vec![], None, None),
        (vec![flag("start-at", "+90s")], Some(90), None),
        (vec![flag("start-at", "14:14"), flag("stop-at", "14:15:20")], Some(40), Some(120)),
        (vec![flag("stop-at", "2026-09-21T14:14:20Z")], None, Some(60)),
        (vec![flag("stop-at", "2026-09-21T22:14:20+08:00")], None, Some(60)),
        (vec![flag("window", "14:10-14:15")], Some(-200), Some(100)),
        (vec![flag("window", "14:14-14:15")], Some(40), Some(100)),
        (vec![flag("window", "14:14-14:13")], Some(40 - 86_400), None),
    ] {
        let history = Told::new().with(flags.clone()).history;
        let window = Window::of(&Settings::of(&history, 0).window, now);
        let seconds = |moment: Option<Timestamp>| moment.map(|it| it.as_second() - 1_790_000_000);
        if let Some(start) = start.filter(|start| *start > 0) {
            assert_eq!(seconds(window.start), Some(start), "{flags:?}");
        }
        if stop.is_some() {
            assert_eq!((seconds(window.start), seconds(window.stop)), (start, stop), "{flags:?}");
        }
    }
}

/// A night whose four starts leave at 200 to 500 ms, with a fault at 250 ms.
fn windowed(flags: Vec<Flag>, fault: Option<Fault>) -> Told {
    let mut told = Told::new().with(flags);
    if let Some(what) = fault {
        told.befalls(Event { when: When::At(millis(250)), what });
    }
    told
}

#[test]
fn nothing_leaves_outside_of_the_window() {
    let before = "nothing leaves before the window";
    windowed(vec![flag("start-at", "+200ms")], None).keeps();
    windowed(vec![flag("start-at", "+201ms")], None).breaks(before);
    // It has begun, whatever the clock shows later.
    windowed(vec![flag("start-at", "+200ms")], Some(Fault::WallClockStep(-9))).keeps();
    windowed(vec![flag("start-at", "+350ms")], Some(Fault::WallClockStep(9))).breaks(before);
    let after = "nothing leaves after the window";
    windowed(vec![flag("stop-at", "+501ms")], None).keeps();
    windowed(vec![flag("stop-at", "+500ms")], None).breaks(after);
    windowed(vec![flag("stop-at", "+5s")], Some(Fault::WallClockStep(5))).breaks(after);
    windowed(vec![flag("stop-at", "+6s")], Some(Fault::WallClockStep(5))).keeps();
    // The clock that timers go by ends it as well.
    windowed(vec![flag("stop-at", "+450ms")], Some(Fault::WallClockStep(-9))).breaks(after);
    let new = "no new row leaves after the cutoff";
    let flags = |cutoff| vec![flag("stop-at", "+1s"), flag("cutoff", cutoff)];
    windowed(flags("499ms"), None).keeps();
    windowed(flags("500ms"), None).breaks(new);
}

#[test]
fn a_row_that_was_sent_may_go_again_after_the_cutoff() {
    let mut told = windowed(vec![flag("stop-at", "+1s"), flag("cutoff", "499ms")], None);
    told.first(2).back.as_mut().unwrap().1 = Back::Lost;
    told.start(0, 2, 900, 2);
    told.settle(0, 2, "started");
    told.tell(0);
    told.keeps();
}

#[test]
fn a_session_that_lasts_longer_than_all_its_waits_is_broken() {
    let mut told = Told::new();
    told.witness.sessions[0].ended = Duration::from_hours(2);
    told.keeps();
    told.witness.sessions[0].ended = Duration::from_hours(200);
    told.breaks("it ends");
}
