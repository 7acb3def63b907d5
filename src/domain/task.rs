//! A task of a business, named by two ids and a scope.
//!
//! Turns text into a [`Task`] and back. It must not know where the text came from, nor how a
//! task is started.

use std::fmt;
use std::str::FromStr;

use strum::{IntoStaticStr, VariantArray};
use thiserror::Error;

/// How the server reads `bk_biz_id`.
///
/// The server takes every word but `cmdb_biz` for "project", also a misspelt one (FACTS.md
/// section 1, no. 7), so only these two words are ever sent.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// `bk_biz_id` is the id of a business in the CMDB.
    #[default]
    CmdbBiz,
    /// `bk_biz_id` is the id of a bk-sops project.
    Project,
}

impl Scope {
    /// Returns the word for requests and for the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    /// Trims blanks around the word; an empty text is the default.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let word = match text.trim_matches(BLANKS) {
            "" => return Ok(Self::default()),
            word => word,
        };
        Self::VARIANTS.iter().copied().find(|scope| scope.as_str() == word).ok_or(ScopeError)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be cmdb_biz, project or empty (which means cmdb_biz)")]
pub struct ScopeError;

/// Id as the servers count them: 1 to 9223372036854775807.
///
/// Accepts ASCII digits only: bk-sops' own `\d+` also accepts digits of other scripts, and the
/// ESB puts ids into a path unescaped (FACTS.md section 1, no. 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl Id {
    const MAX: u64 = i64::MAX.unsigned_abs();

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Id {
    type Err = IdError;

    /// Trims blanks around the digits and drops leading zeros.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.trim_matches(BLANKS);
        if digits.is_empty() {
            return Err(IdError::Empty);
        }
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(IdError::NotDigits);
        }
        match digits.parse::<u64>() {
            Ok(0) => Err(IdError::Zero),
            Ok(number) if number <= Self::MAX => Ok(Self(number)),
            _ => Err(IdError::TooLarge),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    #[error("is empty; a whole number from 1 is needed")]
    Empty,
    #[error("must be written with the digits 0 to 9 alone")]
    NotDigits,
    #[error("must be at least 1")]
    Zero,
    #[error("must be at most 9223372036854775807")]
    TooLarge,
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Pair of scope and `bk_biz_id`: the unit that is throttled, and served in turn.
///
/// CMDB business 2 and project 2 are two businesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Business {
    /// What `id` is an id of.
    pub scope: Scope,
    /// `bk_biz_id`.
    pub id: Id,
}

impl fmt::Display for Business {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::CmdbBiz => write!(f, "business {}", self.id),
            Scope::Project => write!(f, "project {}", self.id),
        }
    }
}

/// One task that can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// Business that the task belongs to.
    pub business: Business,
    /// `task_id`.
    pub id: Id,
}

impl Task {
    /// Returns the whole task in 127 bits: two tasks have the same key only if they are the same.
    #[must_use]
    pub fn key(&self) -> u128 {
        let scope = u128::from(self.business.scope == Scope::Project);
        (u128::from(self.business.id.get()) << 64) | (u128::from(self.id.get()) << 1) | scope
    }
}

impl Business {
    /// Returns the business of the task with this [key](Task::key).
    #[must_use]
    pub const fn of_key(key: u128) -> Self {
        let scope = if key & 1 == 1 { Scope::Project } else { Scope::CmdbBiz };
        Self { scope, id: Id((key >> 64) as u64) }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} of {}", self.id, self.business)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_ascii_digits_within_a_signed_64_bit_number() {
        let cases = [
            ("1", Ok(1)),
            (" 42\t", Ok(42)),
            ("007", Ok(7)),
            ("9223372036854775807", Ok(9_223_372_036_854_775_807)),
            ("9223372036854775808", Err(IdError::TooLarge)),
            ("123456789012345678901234567890", Err(IdError::TooLarge)),
            ("0", Err(IdError::Zero)),
            ("000", Err(IdError::Zero)),
            ("", Err(IdError::Empty)),
            ("  ", Err(IdError::Empty)),
            ("-1", Err(IdError::NotDigits)),
            ("+1", Err(IdError::NotDigits)),
            ("1.0", Err(IdError::NotDigits)),
            ("1 2", Err(IdError::NotDigits)),
            ("17/2/?x=", Err(IdError::NotDigits)),
            ("１２", Err(IdError::NotDigits)),
            ("٣", Err(IdError::NotDigits)),
            ("\u{a0}1", Err(IdError::NotDigits)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Id>().map(Id::get), expected, "{text:?}");
        }
    }

    #[test]
    fn a_scope_is_one_of_two_words_or_empty() {
        let cases = [
            ("", Ok(Scope::CmdbBiz)),
            (" ", Ok(Scope::CmdbBiz)),
            ("cmdb_biz", Ok(Scope::CmdbBiz)),
            (" project ", Ok(Scope::Project)),
            ("cmdb_bizz", Err(ScopeError)),
            ("Project", Err(ScopeError)),
            ("null", Err(ScopeError)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Scope>(), expected, "{text:?}");
        }
    }

    fn any_task() -> impl Strategy<Value = Task> {
        (any::<bool>(), 1..=Id::MAX, 1..=Id::MAX).prop_map(|(project, business, id)| Task {
            business: Business {
                scope: if project { Scope::Project } else { Scope::CmdbBiz },
                id: Id(business),
            },
            id: Id(id),
        })
    }

    proptest! {
        #[test]
        fn keys_tell_tasks_apart(a in any_task(), b in any_task()) {
            prop_assert_eq!(a.key() == b.key(), a == b);
            prop_assert!(a.key() >> 127 == 0);
            prop_assert_eq!(Business::of_key(a.key()), a.business);
        }

        #[test]
        fn an_id_reads_what_it_prints(number in 1..=Id::MAX) {
            prop_assert_eq!(Id(number).to_string().parse::<Id>(), Ok(Id(number)));
        }
    }
}
