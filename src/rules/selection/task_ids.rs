//! Lists of task ids: `2001,2002`.

use std::str::FromStr;

use thiserror::Error;

use super::condition::Condition;
use crate::domain::task::{Id, IdError};

/// Set of task ids, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskIds(Vec<Id>);

impl TaskIds {
    #[must_use]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Id> {
        self.0.iter().copied()
    }

    /// Position of an id in the set.
    #[must_use]
    pub(crate) fn position(&self, id: Id) -> Option<usize> {
        self.0.binary_search(&id).ok()
    }
}

impl FromIterator<Id> for TaskIds {
    fn from_iter<T: IntoIterator<Item = Id>>(ids: T) -> Self {
        let mut ids: Vec<_> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }
}

impl FromStr for TaskIds {
    type Err = TaskIdsError;

    fn from_str(text: &str) -> Result<Self, TaskIdsError> {
        if text.parse::<Condition>().is_ok() {
            return Err(TaskIdsError::Condition { text: text.to_owned() });
        }
        let id = |part: &str| {
            let failed = |source| TaskIdsError::Id { text: part.trim().to_owned(), source };
            part.parse().map_err(failed)
        };
        text.split(',').map(id).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum TaskIdsError {
    #[error("takes task ids, such as 2001,2002; for a condition write --where '{text}'")]
    Condition { text: String },
    #[error("a task id {source}, not {text:?}; write task ids as 2001,2002")]
    Id { text: String, source: IdError },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids_are_numbers_with_commas_between_them() {
        for (text, ids) in [("17", &[17][..]), ("3, 017,3", &[3, 17])] {
            let parsed: TaskIds = text.parse().unwrap();
            assert_eq!(parsed.iter().map(Id::get).collect::<Vec<_>>(), ids, "{text}");
        }
        for (text, said) in [
            ("owner=amy", "for a condition write --where 'owner=amy'"),
            ("task_id in 2,3", "for a condition write --where 'task_id in 2,3'"),
            ("2,x", "a task id must be written with the digits 0 to 9 alone, not \"x\""),
            ("2,", "a task id is empty"),
            ("10-20", "not \"10-20\"; write task ids as 2001,2002"),
        ] {
            let error = text.parse::<TaskIds>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
