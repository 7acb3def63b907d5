//! Ranges of physical lines: `100-200,300-,-5,7`.

use std::str::FromStr;

use thiserror::Error;

/// Ranges of physical lines of an input; none stands for all lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineRanges(Vec<(u64, u64)>);

impl LineRanges {
    #[must_use]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a line lies in one of the ranges.
    #[must_use]
    pub(crate) fn contain(&self, line: u64) -> bool {
        self.is_empty() || self.0.iter().any(|(first, last)| (*first..=*last).contains(&line))
    }
}

impl FromIterator<Self> for LineRanges {
    fn from_iter<T: IntoIterator<Item = Self>>(lists: T) -> Self {
        Self(lists.into_iter().flat_map(|list| list.0).collect())
    }
}

impl FromStr for LineRanges {
    type Err = LineRangesError;

    fn from_str(text: &str) -> Result<Self, LineRangesError> {
        text.split(',').map(|range| range_of(range.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn range_of(text: &str) -> Result<(u64, u64), LineRangesError> {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| text.parse().ok()).flatten();
        number.filter(|number| *number > 0).ok_or(LineRangesError::Form)
    };
    let (first, last) = match text.split_once('-') {
        None => {
            let line = number(text)?;
            (line, line)
        }
        Some(("", last)) => (1, number(last)?),
        Some((first, "")) => (number(first)?, u64::MAX),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    if first > last { Err(LineRangesError::Backwards { first, last }) } else { Ok((first, last)) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum LineRangesError {
    #[error("write lines as 100-200, 100-, -200 or 7, with commas between them; the first is 1")]
    Form,
    #[error("{first}-{last} ends before it begins")]
    Backwards { first: u64, last: u64 },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_lies_in_a_range_or_not() {
        for (ranges, within, outside) in [
            ("100-200", &[100, 150, 200][..], &[99, 201][..]),
            ("100-", &[100, u64::MAX], &[99]),
            ("-200", &[1, 200], &[201]),
            ("7", &[7], &[6, 8]),
            ("7, 9-10", &[7, 9, 10], &[8, 11]),
        ] {
            let parsed: LineRanges = ranges.parse().unwrap();
            assert!(within.iter().all(|line| parsed.contain(*line)), "{ranges}");
            assert!(!outside.iter().any(|line| parsed.contain(*line)), "{ranges}");
        }
        assert!(LineRanges::default().contain(1), "no range is all lines");
        for text in ["", "-", "0", "0-5", "5-0", "a", "1-2-3", "1,,2", "+1", "99999999999999999999"]
        {
            assert_eq!(text.parse::<LineRanges>(), Err(LineRangesError::Form), "{text}");
        }
        let backwards = LineRangesError::Backwards { first: 9, last: 3 };
        assert_eq!("9-3".parse::<LineRanges>(), Err(backwards));
    }
}
