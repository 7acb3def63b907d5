//! The window of a session, read from the flags that were saved.

use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::timing::{Misfit, Timing};
use crate::rules::window::{Daily, Window, WindowRequest};
use crate::store::SavedFlags;

/// Returns the window that `session` had, which began at `began`; `None` if it had none. Without
/// `--tz` its times are those of `zone`.
pub(super) fn of_session(
    flags: &SavedFlags,
    session: u32,
    began: Timestamp,
    zone: &TimeZone,
) -> Option<Timing> {
    let of_this = |name: &str| flags.sessions.get(&session)?.get(name)?.first();
    let (start, stop) = (of_this("start-at"), of_this("stop-at"));
    if start.is_none() && stop.is_none() {
        return daily(flags, session, began, zone);
    }
    let when = |word: Option<&String>| word.and_then(|word| word.parse().ok());
    let asked = WindowRequest::Between(when(start), when(stop));
    timing(flags, session, asked, began, zone)
}

/// Returns the present or the next window of each day, as `session` had it; `None` if it had none.
pub(super) fn daily(
    flags: &SavedFlags,
    session: u32,
    now: Timestamp,
    zone: &TimeZone,
) -> Option<Timing> {
    let daily = value::<Daily>(flags, session, "window")?;
    timing(flags, session, WindowRequest::Daily(daily), now, zone)
}

fn timing(
    flags: &SavedFlags,
    session: u32,
    asked: WindowRequest,
    at: Timestamp,
    zone: &TimeZone,
) -> Option<Timing> {
    let named = flags.of_session(session, "tz").and_then(|values| values.first());
    let zone = named.and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(|| zone.clone());
    let cutoff = value::<SignedDuration>(flags, session, "cutoff");
    let cutoff = cutoff.and_then(|cutoff| Duration::try_from(cutoff).ok()).unwrap_or_default();
    let window = asked.at(at, &zone).ok().filter(|window| *window != Window::default())?;
    Some(Timing { window, zone, cutoff, misfit: Misfit::Told })
}

/// Returns the value that a flag had in `session`.
fn value<T: FromStr>(flags: &SavedFlags, session: u32, name: &str) -> Option<T> {
    flags.of_session(session, name)?.first()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_that_of_the_session_or_of_the_run() {
        let began: Timestamp = "2026-12-01T23:00:00Z".parse().unwrap();
        for (run, second, stop, last_row) in [
            ("", "", None, None),
            ("window=22:00-04:00", "", Some("2026-12-02T04:00:00Z"), Some("2026-12-02T04:00:00Z")),
            (
                "window=22:00-04:00 cutoff=10m",
                "",
                Some("2026-12-02T04:00:00Z"),
                Some("2026-12-02T03:50:00Z"),
            ),
            (
                "window=22:00-04:00",
                "stop-at=+30m",
                Some("2026-12-01T23:30:00Z"),
                Some("2026-12-01T23:30:00Z"),
            ),
            (
                "window=06:00-09:00",
                "tz=Asia/Shanghai",
                Some("2026-12-02T01:00:00Z"),
                Some("2026-12-02T01:00:00Z"),
            ),
        ] {
            let flags = |words: &str| {
                let pairs = words.split_whitespace().filter_map(|word| word.split_once('='));
                pairs.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).collect()
            };
            let mut saved = SavedFlags { flags: flags(run), ..SavedFlags::default() };
            saved.note_session(2, flags(second));
            let timing = of_session(&saved, 2, began, &TimeZone::UTC);
            let found = timing.as_ref().and_then(|timing| timing.window.stop);
            assert_eq!(found, stop.map(|at| at.parse().unwrap()), "{run} {second}");
            let found = timing.and_then(|timing| timing.last_row());
            assert_eq!(found, last_row.map(|at| at.parse().unwrap()), "{run} {second}");
        }
    }
}
