//! The time zone of a run: that of the machine when it began, kept for its later sessions.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Returns the name of the zone in which a new run writes its times.
pub(crate) fn zone_name(now: Timestamp) -> String {
    let zone = TimeZone::system();
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => zone.to_offset(now).to_string(),
    }
}

/// Returns the zone of that name; UTC if there is none.
pub(crate) fn zone(name: &str) -> TimeZone {
    let offset = || {
        let (sign, rest) = name.split_at_checked(1)?;
        let mut parts = rest.split(':').map(|part| part.parse::<i32>().ok());
        let (hours, minutes) = (parts.next()??, parts.next().flatten().unwrap_or(0));
        let seconds = (hours * 60 + minutes) * 60;
        let seconds = if sign == "-" { -seconds } else { seconds };
        jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
    };
    TimeZone::get(name).ok().or_else(offset).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_by_its_name_or_its_offset() {
        let now = Timestamp::now();
        for (name, offset) in [("Asia/Shanghai", 8 * 3600), ("+08", 28_800), ("-03:30", -12_600)] {
            assert_eq!(zone(name).to_offset(now).seconds(), offset, "{name}");
        }
        assert_eq!(zone(&zone_name(now)).to_offset(now), TimeZone::system().to_offset(now));
    }
}
