//! How single words of the command line are read.

use std::num::NonZeroUsize;
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

pub(crate) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<u32>() {
        Ok(number) => NonZeroUsize::new(number as usize).ok_or_else(|| "must be at least 1".into()),
        Err(_) => Err("must be a whole number from 1 to 4294967295".into()),
    }
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
