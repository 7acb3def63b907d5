//! How single words of the command line are read.

use std::num::NonZeroU32;
use std::ops::Deref;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use strum::VariantNames as _;

use crate::domain::format::Format;

/// Id of a kept run, its beginning, or its name: completions list what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunRef(String);

/// Name of a profile of the config file: completions list what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProfileName(String);

impl From<String> for RunRef {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<String> for ProfileName {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for RunRef {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for ProfileName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Reads the format of an input.
pub(crate) fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::VARIANTS).try_map(|word| word.parse::<Format>())
}

/// Reads a time such as 500ms, 35s or 15m.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let form = || "write a time as 500ms, 35s, 15m or 2h".to_owned();
    let signed: SignedDuration = text.parse().map_err(|_| form())?;
    let duration = Duration::try_from(signed).map_err(|_| form())?;
    if duration.is_zero() { Err("a time of 0 leaves no time at all".into()) } else { Ok(duration) }
}

/// The same, or `off`, which is no time at all.
pub(crate) fn duration_or_off(text: &str) -> Result<Duration, String> {
    if text == "off" { Ok(Duration::ZERO) } else { duration(text) }
}

pub(crate) fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "name a zone as Asia/Shanghai, Europe/Berlin or UTC".to_owned())
}

/// Reads a whole number from 1.
pub(crate) fn at_least_one<T: TryFrom<NonZeroU32>>(text: &str) -> Result<T, String> {
    let number = text.parse::<NonZeroU32>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| number_form(1, u32::MAX.into()))
}

/// Reads a whole number from 0 to the maximum of its type.
pub(crate) fn whole<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let number = text.parse::<u64>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| number_form(0, u64::MAX >> (64 - 8 * size_of::<T>())))
}

/// Says which numbers are taken.
pub(crate) fn number_form(min: u64, max: u64) -> String {
    format!("must be a whole number from {min} to {max}")
}

/// Reads how old something is; a day has 24 hours.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let form = || "write an age as 30d, 4w, 720h or 90m".to_owned();
    let span: Span = text.parse().map_err(|_| form())?;
    let age = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| form())?;
    let age = Duration::try_from(age).map_err(|_| form())?;
    if age.is_zero() { Err("an age of 0 is no age at all".into()) } else { Ok(age) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, millis) in
            [("500ms", 500), ("35s", 35_000), ("15m", 900_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "35", "-1s", "0s", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_told_the_bounds() {
        let from_one = "must be a whole number from 1 to 4294967295";
        for text in ["0", "-1", "1.5", "ten", "", "4294967296"] {
            assert_eq!(at_least_one::<NonZeroU32>(text), Err(from_one.to_owned()), "{text}");
        }
        assert_eq!(at_least_one("4294967295"), Ok(NonZeroU32::MAX));
        let port = "must be a whole number from 0 to 65535";
        for text in ["65536", "-1", "http"] {
            assert_eq!(whole::<u16>(text), Err(port.to_owned()), "{text}");
        }
        assert_eq!(whole("0"), Ok(0_u16));
        assert_eq!(whole("18446744073709551615"), Ok(u64::MAX));
        let all = whole::<u64>("18446744073709551616").unwrap_err();
        assert!(all.ends_with(" from 0 to 18446744073709551615"), "{all}");
    }

    #[test]
    fn an_age_has_days_and_weeks() {
        const HOUR: u64 = 3600;
        for (text, seconds) in [
            ("30d", 720 * HOUR),
            ("4w", 672 * HOUR),
            ("1d12h", 36 * HOUR),
            ("720h", 720 * HOUR),
            ("90m", 5400),
            ("30 days", 720 * HOUR),
        ] {
            assert_eq!(age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "30", "-1d", "0d", "1mo", "1y", "soon"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
