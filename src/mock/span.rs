//! Times counted from the first request: a value and its text form.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;

/// Period of time, counted from the first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Start of the period.
    pub from: Duration,
    /// Length of the period.
    pub lasts: Duration,
}

impl Span {
    /// From the first request on, for ever.
    pub const ALWAYS: Self = Self { from: Duration::ZERO, lasts: Duration::MAX };

    /// Returns the time left at `since_first` after the first request; `None` outside the period.
    #[must_use]
    pub fn left(self, since_first: Duration) -> Option<Duration> {
        let inside = since_first.checked_sub(self.from)?;
        self.lasts.checked_sub(inside).filter(|left| !left.is_zero())
    }
}

impl FromStr for Span {
    type Err = SpanError;

    /// Reads `2s+3s`: from 2 s after the first request, for 3 s.
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (from, lasts) = text.split_once('+').ok_or(SpanError)?;
        match (duration(from), duration(lasts)) {
            (Some(from), Some(lasts)) => Ok(Self { from, lasts }),
            _ => Err(SpanError),
        }
    }
}

/// Reads a duration, such as `20ms`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()
}

/// Error for a text that describes no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("write a time after the first request as FROM+DURATION, such as 2s+3s")]
pub struct SpanError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_a_beginning_and_an_end() {
        let seconds = Duration::from_secs;
        let span: Span = "2s+3s".parse().unwrap();
        assert_eq!(span, Span { from: seconds(2), lasts: seconds(3) });
        for (at, left) in [(0, None), (2, Some(3)), (4, Some(1)), (5, None), (9, None)] {
            assert_eq!(span.left(seconds(at)), left.map(seconds), "at {at} s");
        }
        assert!(Span::ALWAYS.left(Duration::ZERO).is_some());
        assert!(Span::ALWAYS.left(seconds(1 << 40)).is_some());
        for text in ["", "2s", "2s+", "+3s", "2s+-3s", "2+3"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError), "{text}");
        }
    }
}
