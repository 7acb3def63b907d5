//! Decides how many rows may fail before a run stops.
//!
//! A row whose request is out may still fail. So no more rows are out at a time than may still
//! fail, and there is never more than one failure too many.

use std::str::FromStr;

use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    Rows(u64),
    /// Millionths of all rows, rounded down.
    Share(u64),
}

/// Number of rows of which a share is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Rows(u64),
    /// The settled rows, and at least twenty: nobody knows how many rows will come.
    Settled,
}

/// Minimum number of rows of which a share of a stream is taken.
const MIN_SHARE_BASE: u64 = 20;

const MILLION: u64 = 1_000_000;

impl FromStr for Budget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Self::Rows).map_err(|_| BudgetError);
        };
        let (whole, part) = percent.split_once('.').unwrap_or((percent, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 4 {
            return Err(BudgetError);
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_| BudgetError);
        let share = number(whole)?
            .checked_mul(10_000)
            .and_then(|whole| Some(whole + number(&format!("{part:0<4}")).ok()?))
            .ok_or(BudgetError)?;
        if share > MILLION { Err(BudgetError) } else { Ok(Self::Share(share)) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("write a number of rows, such as 10, or a share of them from 0% to 100%, such as 5%")]
pub struct BudgetError;

/// Used and free part of a session's budget.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ledger {
    budget: Option<(Budget, Base)>,
    failures: u64,
    settled: u64,
    /// Rows that may still fail: a request of theirs is out, or they are being confirmed.
    at_risk: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    pub failures: u64,
    pub tolerated: u64,
}

impl Ledger {
    /// Returns an unused ledger; without a budget nothing is ever used.
    #[must_use]
    pub(crate) fn new(budget: Option<(Budget, Base)>) -> Self {
        Self { budget, ..Self::default() }
    }

    pub(crate) fn rebase(&mut self, base: Base) {
        if let Some((_, present)) = &mut self.budget {
            *present = base;
        }
    }

    #[must_use]
    pub(crate) fn tolerated(&self) -> Option<u64> {
        Some(match self.budget? {
            (Budget::Rows(rows), _) => rows,
            (Budget::Share(share), base) => {
                let rows = match base {
                    Base::Rows(rows) => rows,
                    Base::Settled => self.settled.max(MIN_SHARE_BASE),
                };
                rows.saturating_mul(share) / MILLION
            }
        })
    }

    /// Returns the number of rows that were at risk and have their last word.
    #[must_use]
    pub(crate) const fn settled(&self) -> u64 {
        self.settled
    }

    #[must_use]
    pub(crate) fn has_room(&self) -> bool {
        self.room() != Some(0)
    }

    /// Number of further rows that may be put at risk; `None` if there is no limit.
    #[must_use]
    pub(crate) fn room(&self) -> Option<u64> {
        let tolerated = self.tolerated()?;
        Some(tolerated.saturating_add(1).saturating_sub(self.failures + self.at_risk))
    }

    /// Records that a request of a row leaves.
    pub(crate) fn risk(&mut self) {
        self.at_risk += 1;
    }

    /// Records that a row waits or is cut off, so that it cannot fail now.
    pub(crate) fn withdraw(&mut self) {
        self.at_risk = self.at_risk.saturating_sub(1);
    }

    /// Records that a row at risk was settled and did not fail.
    pub(crate) fn good(&mut self) {
        self.withdraw();
        self.settled += 1;
    }

    /// Records that a row at risk failed; returns a value if that was one failure too many.
    pub(crate) fn failed(&mut self) -> Option<UsedUp> {
        self.withdraw();
        self.settled += 1;
        self.failures += 1;
        let tolerated = self.tolerated()?;
        let failures = self.failures;
        (failures > tolerated).then_some(UsedUp { failures, tolerated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn budgets_are_rows_or_shares() {
        for (text, budget) in [
            ("0", Ok(Budget::Rows(0))),
            ("10", Ok(Budget::Rows(10))),
            ("5%", Ok(Budget::Share(50_000))),
            ("0.5%", Ok(Budget::Share(5_000))),
            ("100%", Ok(Budget::Share(MILLION))),
            ("0.0001%", Ok(Budget::Share(1))),
            ("101%", Err(BudgetError)),
            ("-1", Err(BudgetError)),
            ("5 %", Err(BudgetError)),
            ("1.23456%", Err(BudgetError)),
            ("%", Err(BudgetError)),
            ("", Err(BudgetError)),
        ] {
            assert_eq!(text.parse(), budget, "{text}");
        }
    }

    #[test]
    fn a_share_is_rounded_down() {
        for (budget, base, settled, tolerated) in [
            ("7", Base::Rows(3), 0, 7),
            ("5%", Base::Rows(0), 0, 0),
            ("5%", Base::Rows(1), 0, 0),
            ("5%", Base::Rows(19), 0, 0),
            ("5%", Base::Rows(20), 0, 1),
            ("5%", Base::Rows(1000), 0, 50),
            ("0.5%", Base::Rows(399), 0, 1),
            ("100%", Base::Rows(7), 0, 7),
            ("10%", Base::Settled, 0, 2),
            ("10%", Base::Settled, 25, 2),
            ("10%", Base::Settled, 30, 3),
        ] {
            let budget = budget.parse().unwrap();
            let ledger = Ledger { settled, ..Ledger::new(Some((budget, base))) };
            assert_eq!(ledger.tolerated(), Some(tolerated), "{budget:?} of {base:?}");
        }
        assert!(Ledger::new(None).has_room());
    }

    proptest! {
        /// Puts rows at risk whenever there is room; they end at random.
        #[test]
        fn never_more_than_one_failure_too_many(
            tolerated in 0_u64..6,
            ends in prop::collection::vec(0_u8..4, 0..200),
        ) {
            let mut ledger = Ledger::new(Some((Budget::Rows(tolerated), Base::Settled)));
            let mut stopped = false;
            for end in ends {
                if !stopped && ledger.has_room() {
                    ledger.risk();
                }
                match end {
                    0 if ledger.at_risk > 0 => stopped |= ledger.failed().is_some(),
                    1 if ledger.at_risk > 0 => ledger.good(),
                    2 if ledger.at_risk > 0 => ledger.withdraw(),
                    _ => {}
                }
                prop_assert!(ledger.failures + ledger.at_risk <= tolerated + 1);
                prop_assert_eq!(stopped, ledger.failures > tolerated);
            }
        }
    }
}
