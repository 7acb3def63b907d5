//! Splits a launch into stages: a canary first, and the rest if that went well.
//!
//! Borders are positions in the input, counted over all of its rows, so that resuming a run does
//! not move them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Cumulative ends of the stages, as on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stages(Vec<StageEnd>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StageEnd {
    Rows(u64),
    /// After this many millionths of all rows, rounded up.
    Share(u64),
}

const MILLION: u64 = 1_000_000;

impl FromStr for Stages {
    type Err = StagesError;

    fn from_str(text: &str) -> Result<Self, StagesError> {
        let steps: Vec<_> =
            text.split(',').map(|step| step.trim().parse()).collect::<Result<_, _>>()?;
        let is_ordered = steps.windows(2).all(|pair| match pair {
            [StageEnd::Rows(one), StageEnd::Rows(other)]
            | [StageEnd::Share(one), StageEnd::Share(other)] => one < other,
            _ => true,
        });
        if is_ordered { Ok(Self(steps)) } else { Err(StagesError::Order) }
    }
}

impl FromStr for StageEnd {
    type Err = StagesError;

    fn from_str(text: &str) -> Result<Self, StagesError> {
        let step = match text.strip_suffix('%') {
            None => text.parse().map(StageEnd::Rows).map_err(|_| StagesError::Form)?,
            Some(percent) => {
                let percent: u32 = percent.parse().map_err(|_| StagesError::Form)?;
                StageEnd::Share(u64::from(percent) * (MILLION / 100))
            }
        };
        match step {
            StageEnd::Rows(0) | StageEnd::Share(0 | 1_000_001..) => Err(StagesError::Form),
            step => Ok(step),
        }
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match step {
                StageEnd::Rows(rows) => write!(f, "{comma}{rows}")?,
                StageEnd::Share(share) => write!(f, "{comma}{}%", share / (MILLION / 100))?,
            }
        }
        Ok(())
    }
}

impl Stages {
    #[must_use]
    pub(crate) fn need_rows(&self) -> bool {
        self.0.iter().any(|step| matches!(step, StageEnd::Share(_)))
    }

    /// Returns the position at which each stage of an input of `rows` rows ends; the last stage
    /// ends with the input. Empty stages are left out.
    #[must_use]
    pub(crate) fn ends(&self, rows: Option<u64>) -> Vec<u64> {
        let last = rows.unwrap_or(u64::MAX);
        let mut ends = Vec::with_capacity(self.0.len() + 1);
        let steps = self.0.iter().map(|step| match step {
            StageEnd::Rows(end) => *end,
            StageEnd::Share(share) => {
                let parts = u128::from(last) * u128::from(*share);
                u64::try_from(parts.div_ceil(u128::from(MILLION))).unwrap_or(u64::MAX)
            }
        });
        for end in steps.chain([last]) {
            let end = end.min(last);
            if end > ends.last().copied().unwrap_or(0) {
                ends.push(end);
            }
        }
        ends
    }
}

/// Whether somebody must agree to the stage after position `border` of the input, if everything up
/// to `agreed_to` was agreed to. The first stage needs no question: the command itself is the yes.
#[must_use]
pub(crate) fn must_be_agreed(border: u64, agreed_to: Option<u64>) -> bool {
    border > 0 && agreed_to.is_none_or(|agreed_to| border >= agreed_to)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum StagesError {
    #[error("write where stages end, in rows or whole percents of them, such as 1,10%,100%")]
    Form,
    #[error("each stage must end after the one before it, such as 1,10%,100%")]
    Order,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_end_at_rounded_positions_and_empty_ones_are_left_out() {
        for (stages, rows, ends) in [
            ("1,10%,100%", Some(0), &[][..]),
            ("1,10%,100%", Some(1), &[1]),
            ("1,10%,100%", Some(7), &[1, 7]),
            ("1,10%,100%", Some(11), &[1, 2, 11]),
            ("1,10%,100%", Some(1000), &[1, 100, 1000]),
            ("1,10%", Some(1000), &[1, 100, 1000]),
            ("5,50", Some(20), &[5, 20]),
            ("33%,66%", Some(100), &[33, 66, 100]),
            ("50%,10", Some(100), &[50, 100]),
            ("2,5", None, &[2, 5, u64::MAX]),
        ] {
            let stages: Stages = stages.parse().unwrap();
            assert_eq!(stages.ends(rows), ends, "{stages} of {rows:?}");
        }
    }

    #[test]
    fn each_stage_but_the_first_must_be_agreed_to_once() {
        for (border, agreed_to, must) in [
            (0, None, false),
            (1, None, true),
            (1, Some(10), false),
            (9, Some(10), false),
            (10, Some(10), true),
            (50, Some(10), true),
            (50, Some(u64::MAX), false),
        ] {
            assert_eq!(must_be_agreed(border, agreed_to), must, "after {border}, {agreed_to:?}");
        }
    }

    #[test]
    fn what_names_no_stages_says_why() {
        for (text, error) in [
            ("", StagesError::Form),
            ("0", StagesError::Form),
            ("0%", StagesError::Form),
            ("101%", StagesError::Form),
            ("1,,2", StagesError::Form),
            ("ten", StagesError::Form),
            ("10,5", StagesError::Order),
            ("50%,10%", StagesError::Order),
            ("10,10", StagesError::Order),
        ] {
            assert_eq!(text.parse::<Stages>(), Err(error), "{text}");
        }
        assert!("1,10%".parse::<Stages>().unwrap().need_rows());
        assert!(!"1,10".parse::<Stages>().unwrap().need_rows());
    }
}
