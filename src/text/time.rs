//! Moments as people say them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Writes a moment in `zone`, without the date if it is that of `now`.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone, now: Timestamp) -> String {
    let there = at.to_zoned_datetime(zone.clone());
    let today = now.to_zoned_datetime(zone.clone()).date() == there.date();
    let form = if today { "%H:%M:%S %:z" } else { "%Y-%m-%d %H:%M:%S %:z" };
    there.strftime(form).to_string()
}

/// Writes a moment in `zone`, with its date.
pub(crate) fn full_moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}
