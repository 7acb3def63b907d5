//! Nothing leaves outside of the window, nor after a stop.

use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::answers::may_have_left;
use super::clock::{steps, wall};
use super::limits::told;
use super::settings::{Settings, WindowWords, time};
use super::{Broken, Going};
use crate::history::{Event, Fault, History, Way, When};
use crate::server::At;
use crate::world::witness::{Departure, Kind};

/// Time within which a request by a proxy, which is looked at when it is picked, and not when it
/// leaves, may miss that the window is over.
const UNSEEN_BY_A_PROXY: Duration = Duration::from_millis(1100);

/// The moments of a window by the wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub start: Option<Timestamp>,
    pub stop: Option<Timestamp>,
}

impl Window {
    /// Returns the window that the flags of a session mean, which begins when the wall clock shows
    /// `now`; its times are in UTC.
    pub fn of(words: &WindowWords, now: Timestamp) -> Self {
        if let Some((from, to)) = words.daily.as_deref().and_then(|daily| daily.split_once('-')) {
            let stop = next(to, now);
            // The last beginning before that end.
            let start = on_days(from, stop).filter(|start| *start < stop).last();
            return Self { start, stop: Some(stop) };
        }
        let start = words.start_at.as_deref().map(|start| moment(start, now, now));
        let after = start.unwrap_or(now);
        Self { start, stop: words.stop_at.as_deref().map(|stop| moment(stop, now, after)) }
    }
}

fn moment(text: &str, now: Timestamp, after: Timestamp) -> Timestamp {
    if let Some(text) = text.strip_prefix('+') {
        return now + SignedDuration::try_from(time(text)).unwrap();
    }
    if !text.contains('T') {
        return next(text, after);
    }
    let local = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().unwrap()).unwrap();
    text.parse().unwrap_or_else(|_| local())
}

/// The next time after `after` that clocks show `text`.
fn next(text: &str, after: Timestamp) -> Timestamp {
    on_days(text, after).find(|moment| *moment > after).unwrap()
}

/// When clocks show `text` on the day before `about`, on that day, and on the one after.
fn on_days(text: &str, about: Timestamp) -> impl Iterator<Item = Timestamp> {
    let padded = if text.find(':') == Some(1) { format!("0{text}") } else { text.to_owned() };
    let time: Time = padded.trim().parse().unwrap();
    let today = TimeZone::UTC.to_datetime(about).date();
    (-1..=1).map(move |day: i64| {
        let day = today.checked_add(day.days()).unwrap();
        TimeZone::UTC.to_timestamp(day.to_datetime(time)).unwrap()
    })
}

/// Checks that the last of `departures` left within the session's window, and before a signal.
pub fn inside(
    history: &History,
    settings: &Settings,
    going: Going,
    departures: &[Departure],
) -> Result<(), Broken> {
    let Some((last, before)) = departures.split_last() else { return Ok(()) };
    if !may_have_left(last) {
        return Ok(());
    }
    if let Some(signal) = going.signal.filter(|signal| *signal < last.at) {
        let what = format!("{} left after the signal at {signal:?}", told(last));
        return Err(Broken { promise: "nothing leaves after a signal", what });
    }
    let words = &settings.window;
    if *words == WindowWords::default() || steps_at_a_request(history) {
        return Ok(());
    }
    let window = Window::of(words, wall(history, going.began).0);
    if let Some(start) = window.start
        && highest(history, going.began, last.at) < start
    {
        let what = format!("{} left before {start}", told(last));
        return Err(Broken { promise: "nothing leaves before the window", what });
    }
    let Some(stop) = window.stop else { return Ok(()) };
    if history.server.way == Way::Proxied && sleeps(history) {
        // It may be picked before and leave after.
        return Ok(());
    }
    let clock = ClockOf { history, began: going.began, first: departures[0].at };
    let grace = match history.server.way {
        Way::Direct => Duration::ZERO,
        Way::Proxied => UNSEEN_BY_A_PROXY,
    };
    if clock.is_over(stop, last.at.saturating_sub(grace)) {
        let what = format!("{} left after {stop}", told(last));
        return Err(Broken { promise: "nothing leaves after the window", what });
    }
    let is_first = last.kind == Kind::Start
        && !before.iter().any(|other| other.kind == Kind::Start && other.key == last.key);
    let last_row = stop - SignedDuration::try_from(words.cutoff).unwrap();
    if is_first && history.server.way == Way::Direct && clock.is_over(last_row, last.at) {
        let what = format!("{} left first after {last_row}", told(last));
        return Err(Broken { promise: "no new row leaves after the cutoff", what });
    }
    Ok(())
}

/// Whether the wall clock steps at a time that the history alone does not tell.
fn steps_at_a_request(history: &History) -> bool {
    let of_clock =
        |event: &Event| matches!(event.what, Fault::WallClockStep(_) | Fault::Suspend(_));
    let mut steps = history.events.iter().filter(|event| of_clock(event));
    steps.any(|event| !matches!(event.when, When::At(_)))
}

fn sleeps(history: &History) -> bool {
    history.events.iter().any(|event| matches!(event.what, Fault::Suspend(_)))
}

/// The most that the wall clock showed from `began` to `at`.
fn highest(history: &History, began: At, at: At) -> Timestamp {
    let moments = steps(history, began, at).chain([at]);
    moments.map(|moment| wall(history, moment).1).max().unwrap()
}

/// Both clocks by which a window ends.
struct ClockOf<'a> {
    history: &'a History,
    began: At,
    /// When the session's first request left; by then it had looked at the clocks.
    first: At,
}

impl ClockOf<'_> {
    /// Whether `stop` is over at `at` by either clock.
    fn is_over(&self, stop: Timestamp, at: At) -> bool {
        let Self { history, began, first } = *self;
        let looked = steps(history, began, first).chain([began]);
        let by_timer = looked.map(|look| {
            let left = wall(history, look).0.duration_until(stop);
            look + Duration::try_from(left).unwrap_or_default()
        });
        wall(history, at).0 >= stop || by_timer.max().is_some_and(|deadline| at >= deadline)
    }
}
