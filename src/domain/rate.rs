//! Rates: a number of requests per second, minute or hour, or no limit. Values only: nothing
//! here waits.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// Limit on requests per time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// At most `count` requests per unit, evenly spaced.
    Limited {
        /// Number of requests per unit.
        count: NonZeroU32,
        /// Unit of time.
        per: Unit,
    },
    /// As fast as the answers come.
    Unlimited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    const fn duration(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => Duration::from_mins(1),
            Self::Hour => Duration::from_hours(1),
        }
    }

    /// Returns the units that are longer than this one, the shortest first.
    fn longer_ones(self) -> impl Iterator<Item = Self> {
        let is_longer = move |other: &Self| other.duration() > self.duration();
        [Self::Minute, Self::Hour].into_iter().filter(is_longer)
    }

    const fn letter(self) -> char {
        match self {
            Self::Second => 's',
            Self::Minute => 'm',
            Self::Hour => 'h',
        }
    }
}

impl Rate {
    /// Returns the time from one request to the next, or `None` if there is no limit.
    #[must_use]
    pub fn interval(self) -> Option<Duration> {
        match self {
            Self::Limited { count, per } => Some(per.duration() / count.get()),
            Self::Unlimited => None,
        }
    }
}

impl Rate {
    /// Returns requests per second, or `None` if there is no limit.
    #[must_use]
    pub fn per_second(self) -> Option<f64> {
        match self {
            Self::Limited { count, per } => {
                Some(f64::from(count.get()) / per.duration().as_secs_f64())
            }
            Self::Unlimited => None,
        }
    }
}

impl Rate {
    /// Formats an achieved rate in the unit of this limit, as `19.5/s`.
    #[must_use]
    pub fn achieved(self, per_second: f64) -> String {
        let per = match self {
            Self::Limited { per, .. } => per,
            Self::Unlimited => Unit::Second,
        };
        format!("{:.1}/{}", per_second * per.duration().as_secs_f64(), per.letter())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited { count, per } => write!(f, "{count}/{}", per.letter()),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let (count, unit) = text.split_once('/').ok_or(RateError::Form)?;
        let per = match unit {
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            _ => return Err(RateError::Form),
        };
        if !is_number(count) {
            return Err(fraction(count, per).unwrap_or(RateError::Form));
        }
        match count.parse::<u32>() {
            Ok(count) if count > Self::MAX => Err(RateError::TooFast),
            Ok(count) => NonZeroU32::new(count)
                .map(|count| Self::Limited { count, per })
                .ok_or(RateError::Zero),
            Err(_) => Err(RateError::TooFast),
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns what to write in place of `count` per `per`, if that is a fraction.
fn fraction(count: &str, per: Unit) -> Option<RateError> {
    let (whole, part) =
        count.split_once('.').filter(|(one, two)| is_number(one) && is_number(two))?;
    let is_zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
    if is_zero(whole) && is_zero(part) {
        return Some(RateError::Zero);
    }
    let rate = per.longer_ones().find_map(|longer| in_longer(whole, part, per, longer));
    Some(match rate {
        Some(rate) => RateError::FractionOf(rate),
        None if per == Unit::Second && is_zero(whole) => RateError::BelowOneASecond,
        None => RateError::Fraction,
    })
}

/// Returns the rate of `whole.part` requests per `per` as a whole number of requests per `longer`, if
/// it is exactly one.
fn in_longer(whole: &str, part: &str, per: Unit, longer: Unit) -> Option<Rate> {
    let digits: u64 = format!("{whole}{part}").parse().ok()?;
    let times = longer.duration().as_secs() / per.duration().as_secs();
    let parts = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let scaled = digits.checked_mul(times)?;
    let count = scaled.is_multiple_of(parts).then_some(scaled / parts)?;
    let count = u32::try_from(count).ok().filter(|count| *count <= Rate::MAX)?;
    Some(Rate::Limited { count: NonZeroU32::new(count)?, per: longer })
}

impl Rate {
    /// One request per microsecond: beyond that, whole nanoseconds cannot space requests to 0.1 %.
    const MAX: u32 = 1_000_000;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RateError {
    #[error("write a rate as 20/s, 100/m, 5000/h or unlimited")]
    Form,
    #[error("a rate is a whole number of requests; write {0}")]
    FractionOf(Rate),
    #[error("a rate is a whole number of requests, at least 1/h")]
    Fraction,
    #[error(
        "a rate is a whole number of requests, at least 1/h; use /m or /h for less than one a second"
    )]
    BelowOneASecond,
    #[error("a rate of 0 would never send anything; the least is 1/h")]
    Zero,
    #[error("at most 1000000 per unit; write unlimited for no limit")]
    TooFast,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_what_they_print() {
        for (text, interval) in [
            ("20/s", Some(Duration::from_millis(50))),
            ("100/m", Some(Duration::from_millis(600))),
            ("5000/h", Some(Duration::from_millis(720))),
            ("1/h", Some(Duration::from_hours(1))),
            ("1000000/s", Some(Duration::from_micros(1))),
            ("unlimited", None),
        ] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!(rate.interval(), interval, "{text}");
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn an_achieved_rate_is_told_in_the_unit_of_its_limit() {
        for (limit, told) in
            [("20/s", "0.5/s"), ("100/m", "30.0/m"), ("5000/h", "1800.0/h"), ("unlimited", "0.5/s")]
        {
            assert_eq!(limit.parse::<Rate>().unwrap().achieved(0.5), told);
        }
    }

    #[test]
    fn what_is_no_rate_says_why() {
        for (text, error) in [
            ("0/s", RateError::Zero),
            ("-1/s", RateError::Form),
            ("+1/s", RateError::Form),
            ("0.5/s", RateError::FractionOf("30/m".parse().unwrap())),
            ("1.5/s", RateError::FractionOf("90/m".parse().unwrap())),
            ("0.01/s", RateError::FractionOf("36/h".parse().unwrap())),
            ("2.50/m", RateError::FractionOf("150/h".parse().unwrap())),
            ("0.33333/s", RateError::BelowOneASecond),
            ("0.33333/m", RateError::Fraction),
            ("0.5/h", RateError::Fraction),
            ("0.0/s", RateError::Zero),
            ("00.00/h", RateError::Zero),
            ("1000000.5/s", RateError::Fraction),
            ("1.33333/s", RateError::Fraction),
            ("0.00000000000000000001/s", RateError::BelowOneASecond),
            ("1.0.0/s", RateError::Form),
            (".5/s", RateError::Form),
            ("fast", RateError::Form),
            ("20", RateError::Form),
            ("20/d", RateError::Form),
            ("/s", RateError::Form),
            ("", RateError::Form),
            ("1000001/s", RateError::TooFast),
            ("99999999999/s", RateError::TooFast),
        ] {
            assert_eq!(text.parse::<Rate>(), Err(error), "{text}");
        }
    }
}
