//! Times and moments as people say them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time as people say it.
pub(crate) fn roughly(time: Duration) -> String {
    match time.as_secs() {
        0..120 => format!("{} s", time.as_secs_f64().ceil()),
        seconds @ 120..7200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A moment in `zone`; the date is left out if it is that of `now`.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone, now: Timestamp) -> String {
    let there = at.to_zoned_datetime(zone.clone());
    let today = now.to_zoned_datetime(zone.clone()).date() == there.date();
    let form = if today { "%H:%M:%S %:z" } else { "%Y-%m-%d %H:%M:%S %:z" };
    there.strftime(form).to_string()
}

/// A moment in `zone`, with its date.
pub(crate) fn full_moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_roughly() {
        for (seconds, told) in
            [(0.2, "1 s"), (75.0, "75 s"), (121.0, "3 min"), (7260.0, "2 h 1 min")]
        {
            assert_eq!(roughly(Duration::from_secs_f64(seconds)), told);
        }
    }
}
