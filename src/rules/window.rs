//! Decides when a run may send: maintenance windows.
//!
//! A time of day that a change of the clocks skips means the moment as long after the change as it
//! would have been after midnight; one that occurs twice means the first.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use thiserror::Error;

/// A moment as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// The next time that clocks show this.
    Time(Time),
    /// Date and time in the zone.
    Local(DateTime),
    /// The same moment in every zone.
    Moment(Timestamp),
    /// Time after the program's start.
    After(Duration),
}

impl FromStr for When {
    type Err = WindowError;

    /// Reads `22:00`, `2026-12-01T22:00`, `2026-12-01T22:00+08:00` or `+90m`.
    fn from_str(text: &str) -> Result<Self, WindowError> {
        if let Some(after) = text.strip_prefix('+') {
            let after = after.parse::<SignedDuration>().ok();
            let after = after.and_then(|after| Duration::try_from(after).ok());
            return after.map(Self::After).ok_or(WindowError::When);
        }
        if !text.contains('T') {
            return time_of_day(text).map(Self::Time).ok_or(mistaken(text, WindowError::When));
        }
        let moment = text.parse().map(Self::Moment);
        moment.or_else(|_| text.parse().map(Self::Local)).map_err(|_| WindowError::When)
    }
}

/// A daily window, such as `22:00-04:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Daily {
    from: Time,
    to: Time,
}

impl FromStr for Daily {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let (from, to) = text.split_once('-').ok_or(WindowError::Daily)?;
        let time = |text: &str| time_of_day(text.trim()).ok_or(mistaken(text, WindowError::Daily));
        match (time(from)?, time(to)?) {
            (from, to) if from == to => Err(WindowError::Empty),
            (from, to) => Ok(Self { from, to }),
        }
    }
}

/// Returns why `text` is no time of day.
fn mistaken(text: &str, form: WindowError) -> WindowError {
    if text.trim() == "24:00" { WindowError::Midnight } else { form }
}

fn time_of_day(text: &str) -> Option<Time> {
    let has_form = text.len() >= 4
        && text.contains(':')
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    let padded = if text.find(':') == Some(1) { format!("0{text}") } else { text.to_owned() };
    padded.parse().ok().filter(|_| has_form)
}

/// A window as requested, still without a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowRequest {
    /// From the first moment (by default now) to the second (by default never).
    Between(Option<When>, Option<When>),
    Daily(Daily),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// Moment from which requests may leave; `None` for at once.
    pub start: Option<Timestamp>,
    /// Moment from which no request leaves.
    pub stop: Option<Timestamp>,
}

impl WindowRequest {
    /// Returns the window meant at `now`, in `zone`, or an error if it would stop before it starts.
    pub(crate) fn at(self, now: Timestamp, zone: &TimeZone) -> Result<Window, WindowError> {
        match self {
            Self::Daily(daily) => daily.at(now, zone),
            Self::Between(start, stop) => {
                let start = start.map(|start| moment(start, now, now, zone)).transpose()?;
                let stop = stop.map(|stop| moment(stop, now, start.unwrap_or(now), zone));
                let stop = stop.transpose()?;
                if stop.is_some_and(|stop| stop <= start.unwrap_or(now)) {
                    return Err(WindowError::Order);
                }
                Ok(Window { start: start.filter(|start| *start > now), stop })
            }
        }
    }
}

/// Returns the moment that `when` means; a time of day is the next one after `after`.
fn moment(
    when: When,
    now: Timestamp,
    after: Timestamp,
    zone: &TimeZone,
) -> Result<Timestamp, WindowError> {
    match when {
        When::Moment(moment) => Ok(moment),
        When::Local(local) => zone.to_timestamp(local).map_err(|_| WindowError::Far),
        When::After(after) => now.checked_add(after).map_err(|_| WindowError::Far),
        When::Time(time) => (0..3)
            .filter_map(|day| on_day(time, after, day, zone))
            .find(|moment| *moment > after)
            .ok_or(WindowError::Far),
    }
}

/// Returns when clocks show `time` on the day that is `days` after that of `moment`.
fn on_day(time: Time, moment: Timestamp, days: i64, zone: &TimeZone) -> Option<Timestamp> {
    let day = zone.to_datetime(moment).date().checked_add(days.days()).ok()?;
    zone.to_timestamp(day.to_datetime(time)).ok()
}

impl Daily {
    fn at(self, now: Timestamp, zone: &TimeZone) -> Result<Window, WindowError> {
        let nights = i64::from(self.to < self.from);
        let of_day = |day| {
            Some((on_day(self.from, now, day, zone)?, on_day(self.to, now, day + nights, zone)?))
        };
        let (start, stop) =
            (-1..3).filter_map(of_day).find(|(_, stop)| *stop > now).ok_or(WindowError::Far)?;
        Ok(Window { start: Some(start).filter(|start| *start > now), stop: Some(stop) })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum WindowError {
    #[error("write a moment as 22:00, 2026-12-01T22:00, 2026-12-01T22:00+08:00 or +90m")]
    When,
    #[error("write a window as 22:00-04:00")]
    Daily,
    #[error("midnight is 00:00, and not 24:00")]
    Midnight,
    #[error("a window that starts and stops at the same time has no length")]
    Empty,
    #[error("the stop is not after the start")]
    Order,
    #[error("that moment is too far away")]
    Far,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    /// Returns the window requested at `now`, as text in the zone.
    fn told(asked: WindowRequest, now: &str, name: &str) -> String {
        let zone = zone(name);
        let now = zone.to_timestamp(now.parse().unwrap()).unwrap();
        let tell = |moment: Option<Timestamp>| match moment {
            Some(moment) => zone.to_datetime(moment).strftime("%d %H:%M").to_string(),
            None => "-".into(),
        };
        match asked.at(now, &zone) {
            Ok(Window { start, stop }) => format!("{} to {}", tell(start), tell(stop)),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_daily_window_is_the_present_or_the_next_one() {
        let daily = |text: &str| WindowRequest::Daily(text.parse().unwrap());
        let (shanghai, berlin) = ("Asia/Shanghai", "Europe/Berlin");
        for (window, now, zone, expected) in [
            ("22:00-04:00", "2026-12-01T12:00", shanghai, "01 22:00 to 02 04:00"),
            ("22:00-04:00", "2026-12-01T22:00", shanghai, "- to 02 04:00"),
            ("22:00-04:00", "2026-12-02T03:59", shanghai, "- to 02 04:00"),
            ("22:00-04:00", "2026-12-02T04:00", shanghai, "02 22:00 to 03 04:00"),
            ("09:00-17:30", "2026-12-01T08:00", shanghai, "01 09:00 to 01 17:30"),
            ("09:00-17:30", "2026-12-01T17:30", shanghai, "02 09:00 to 02 17:30"),
            ("00:00-23:59", "2026-12-01T00:00", shanghai, "- to 01 23:59"),
            // The clocks go forward at 02:00 on March 29th, and back at 03:00 on October 25th.
            ("02:30-05:00", "2026-03-28T23:00", berlin, "29 03:30 to 29 05:00"),
            ("22:00-02:30", "2026-03-28T23:00", berlin, "- to 29 03:30"),
            ("02:30-05:00", "2026-10-24T23:00", berlin, "25 02:30 to 25 05:00"),
        ] {
            assert_eq!(told(daily(window), now, zone), expected, "{window} at {now} in {zone}");
        }
    }

    #[test]
    fn moments_are_the_next_of_their_kind() {
        let between = |start: &str, stop: &str| {
            let when = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
            WindowRequest::Between(when(start), when(stop))
        };
        for (start, stop, expected) in [
            ("", "", "- to -"),
            ("22:00", "", "01 22:00 to -"),
            ("9:00", "", "02 09:00 to -"),
            ("12:00", "", "02 12:00 to -"),
            ("", "04:00", "- to 02 04:00"),
            ("22:00", "21:00", "01 22:00 to 02 21:00"),
            ("+90m", "+3h", "01 13:30 to 01 15:00"),
            ("2026-12-01T22:00", "2026-12-02T04:00+08:00", "01 22:00 to 02 04:00"),
            ("2026-12-01T14:00Z", "", "01 22:00 to -"),
            // A start in the past means at once.
            ("2026-11-30T22:00", "04:00", "- to 01 04:00"),
            ("2026-11-30T22:00", "+1h", "- to 01 13:00"),
            ("22:00", "2026-12-01T21:00", "the stop is not after the start"),
            ("", "2026-12-01T11:00", "the stop is not after the start"),
            ("+2h", "+2h", "the stop is not after the start"),
        ] {
            let found = told(between(start, stop), "2026-12-01T12:00", "Asia/Shanghai");
            assert_eq!(found, expected, "{start:?} to {stop:?}");
        }
    }

    #[test]
    fn what_is_no_moment_says_how_one_is_written() {
        for text in ["", "22", "25:00", "22:60", "soon", "+", "+-3h", "+soon", "2026-12-01", "2200"]
        {
            assert_eq!(text.parse::<When>(), Err(WindowError::When), "{text}");
        }
        assert_eq!("24:00".parse::<When>(), Err(WindowError::Midnight));
        for (text, error) in [
            ("22:00", WindowError::Daily),
            ("22:00-", WindowError::Daily),
            ("22:00-25:00", WindowError::Daily),
            ("22:00-24:00", WindowError::Midnight),
            ("24:00-04:00", WindowError::Midnight),
            ("22:00-22:00", WindowError::Empty),
        ] {
            assert_eq!(text.parse::<Daily>(), Err(error), "{text}");
        }
    }
}
