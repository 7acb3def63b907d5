//! Which rows of a run are wanted, by their outcomes: what `report --only` says.

use std::fmt;
use std::str::FromStr;

use enum_map::EnumMap;
use strum::VariantArray as _;
use thiserror::Error;

use crate::domain::record::{AlreadyStarted, OutcomeKind, Standing};

/// An outcome, or a group of them, as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutcomeWord {
    Kind(OutcomeKind),
    /// Every outcome that counts as good.
    Good,
    /// Every outcome that counts as bad.
    Bad,
}

/// Words of the groups.
const GOOD: &str = "good";
const BAD: &str = "bad";

impl OutcomeWord {
    /// Returns all words: the groups, then the outcomes.
    pub(crate) fn words() -> impl Iterator<Item = &'static str> {
        [BAD, GOOD].into_iter().chain(OutcomeKind::VARIANTS.iter().map(|kind| kind.as_str()))
    }

    fn holds(self, outcome: OutcomeKind, already: AlreadyStarted) -> bool {
        match self {
            Self::Kind(kind) => kind == outcome,
            Self::Good => outcome.standing(already) == Standing::Good,
            Self::Bad => outcome.standing(already) == Standing::Bad,
        }
    }
}

impl FromStr for OutcomeWord {
    type Err = NoOutcome;

    fn from_str(word: &str) -> Result<Self, NoOutcome> {
        match word {
            GOOD => Ok(Self::Good),
            BAD => Ok(Self::Bad),
            word => word.parse().map(Self::Kind).map_err(|_| NoOutcome),
        }
    }
}

impl fmt::Display for OutcomeWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind(kind) => kind.as_str(),
            Self::Good => GOOD,
            Self::Bad => BAD,
        })
    }
}

/// The word names no outcome and no group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this is no outcome")]
pub(crate) struct NoOutcome;

/// The outcomes that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutcomeFilter(EnumMap<OutcomeKind, bool>);

impl OutcomeFilter {
    /// Wants every row.
    pub(crate) fn all() -> Self {
        Self(EnumMap::from_fn(|_| true))
    }

    /// Wants the rows that one of `words` names, or every row if there are none. `already` says
    /// how `already_started` counts.
    pub(crate) fn of(words: &[OutcomeWord], already: AlreadyStarted) -> Self {
        if words.is_empty() {
            return Self::all();
        }
        Self(EnumMap::from_fn(|outcome| words.iter().any(|word| word.holds(outcome, already))))
    }

    pub(crate) fn wants(&self, outcome: OutcomeKind) -> bool {
        self.0[outcome]
    }

    /// Returns the outcomes that are wanted.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = OutcomeKind> {
        let Self(wanted) = *self;
        OutcomeKind::VARIANTS.iter().copied().filter(move |outcome| wanted[*outcome])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_outcomes_and_groups_of_them() {
        use AlreadyStarted::{Fail, Ok};
        const BAD_ONES: &str = "rejected failed unknown unconfirmed invalid";
        for (words, already, wanted) in [
            ("failed", Ok, "failed"),
            ("unknown failed", Ok, "failed unknown"),
            ("bad", Ok, BAD_ONES),
            ("bad", Fail, "already_started rejected failed unknown unconfirmed invalid"),
            ("bad pending", Ok, "rejected failed unknown unconfirmed invalid pending"),
            ("good", Ok, "started already_started"),
            ("good", Fail, "started"),
            ("duplicate failed failed", Ok, "failed duplicate"),
        ] {
            let words: Vec<_> = words.split(' ').map(|word| word.parse().unwrap()).collect();
            let filter = OutcomeFilter::of(&words, already);
            let found: Vec<_> = filter.outcomes().map(OutcomeKind::as_str).collect();
            assert_eq!(found.join(" "), wanted, "{words:?} {already:?}");
        }
        assert_eq!(OutcomeFilter::of(&[], Ok), OutcomeFilter::all());
    }

    #[test]
    fn every_word_is_read_as_it_is_written() {
        for word in OutcomeWord::words() {
            assert_eq!(word.parse::<OutcomeWord>().map(|read| read.to_string()), Ok(word.into()));
        }
        assert_eq!("".parse::<OutcomeWord>(), Err(NoOutcome));
        assert_eq!("Failed".parse::<OutcomeWord>(), Err(NoOutcome));
    }
}
