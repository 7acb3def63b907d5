//! Decides which rows of an input a run has, and which columns name their tasks.

mod column_map;
mod condition;
mod field_kind;
mod line_ranges;
mod notation;
mod task_ids;
mod value_doubt;

use std::collections::BTreeMap;
use std::str::FromStr;

use thiserror::Error;

use crate::domain::task::Id;
use crate::domain::task_column::TaskColumn;
pub(crate) use column_map::{ColumnMap, ColumnMapping, MappedTwice};
pub(crate) use condition::{Condition, DoubtfulCondition};
pub(crate) use field_kind::FieldKind;
pub(crate) use line_ranges::LineRanges;
pub(crate) use task_ids::TaskIds;

/// Which rows of an input a run has, and which columns name their tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub(crate) map: ColumnMap,
    /// All of them must hold.
    pub(crate) conditions: Vec<Condition>,
    /// The only tasks of the run, unless there are none.
    pub(crate) only: TaskIds,
    /// Tasks that are not of the run.
    pub(crate) skip: TaskIds,
    pub(crate) lines: LineRanges,
}

/// Names of the flags that make a selection, as they are saved for later sessions.
pub(crate) const FLAGS: [&str; 5] = ["where", "only", "skip", "lines", "map"];

impl Selection {
    /// Returns the selection that flags make, each with the texts of its values.
    ///
    /// # Errors
    ///
    /// Returns an error if a text has not the form of its flag.
    pub(crate) fn of_flags(flags: &BTreeMap<String, Vec<String>>) -> Result<Self, SelectionError> {
        let [conditions, only, skip, lines, map] = FLAGS;
        let ranges: Vec<LineRanges> = values(flags, lines)?;
        let ids = |flag| -> Result<TaskIds, SelectionError> {
            let ids: Vec<TaskIds> = values(flags, flag)?;
            Ok(ids.iter().flat_map(TaskIds::iter).collect())
        };
        Ok(Self {
            map: ColumnMap::of(values(flags, map)?)?,
            conditions: values(flags, conditions)?,
            only: ids(only)?,
            skip: ids(skip)?,
            lines: ranges.into_iter().collect(),
        })
    }

    /// Returns the selection, unless a condition is probably not meant as it is written.
    ///
    /// # Errors
    ///
    /// Returns an error if a condition has a doubtful value.
    pub(crate) fn checked(self) -> Result<Self, SelectionError> {
        self.conditions.iter().try_for_each(|condition| condition.check(self.kind(condition)))?;
        Ok(self)
    }

    /// Returns what the fields of a condition's column are.
    #[must_use]
    pub(crate) fn kind(&self, condition: &Condition) -> FieldKind {
        match self.map.meant_by(&condition.column) {
            Some(TaskColumn::BizId | TaskColumn::TaskId) => FieldKind::Id,
            Some(TaskColumn::Scope) => FieldKind::Scope,
            None => FieldKind::Text,
        }
    }

    /// Whether every row of the input is one of the run.
    #[must_use]
    pub(crate) const fn is_all(&self) -> bool {
        let Self { map: _, conditions, only, skip, lines } = self;
        conditions.is_empty() && only.is_empty() && skip.is_empty() && lines.is_empty()
    }

    /// Whether the task of a row may be one of the run; without a usable id it has none.
    #[must_use]
    pub(crate) fn has_task(&self, id: Option<Id>) -> bool {
        let is_in = |ids: &TaskIds| id.is_some_and(|id| ids.position(id).is_some());
        (self.only.is_empty() || is_in(&self.only)) && !is_in(&self.skip)
    }

    /// Returns the flags that leave rows out.
    #[must_use]
    pub(crate) fn filters(&self) -> Vec<String> {
        let used = [
            !self.conditions.is_empty(),
            !self.only.is_empty(),
            !self.skip.is_empty(),
            !self.lines.is_empty(),
        ];
        FLAGS
            .iter()
            .zip(used)
            .filter(|(_, used)| *used)
            .map(|(flag, _)| format!("--{flag}"))
            .collect()
    }
}

fn values<T: FromStr<Err: ToString>>(
    flags: &BTreeMap<String, Vec<String>>,
    flag: &'static str,
) -> Result<Vec<T>, SelectionError> {
    let texts = flags.get(flag).into_iter().flatten();
    let parsed = texts.map(|text| {
        let failed = |error: T::Err| {
            let (text, what) = (text.clone(), error.to_string());
            SelectionError::Value { flag, text, what }
        };
        text.parse().map_err(failed)
    });
    parsed.collect()
}

#[derive(Debug, Error)]
pub(crate) enum SelectionError {
    #[error("--{flag} {text:?}: {what}")]
    Value { flag: &'static str, text: String, what: String },
    #[error(transparent)]
    Map(#[from] MappedTwice),
    #[error(transparent)]
    Doubtful(#[from] DoubtfulCondition),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(flags: &[(&str, &[&str])]) -> Result<Selection, SelectionError> {
        let owned = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        let flags = flags.iter().map(|(flag, values)| ((*flag).to_owned(), owned(values)));
        Selection::of_flags(&flags.collect())
    }

    #[test]
    fn a_task_is_one_of_those_listed_and_not_skipped() {
        let id = |id: u64| id.to_string().parse().ok();
        for (only, skip, kept, left_out) in [
            (&[][..], &[][..], &[id(1), None][..], &[][..]),
            (&["1,2", "3"], &[], &[id(1), id(3)], &[id(4), None]),
            (&[], &["1"], &[id(2), None], &[id(1)]),
            (&["1,2"], &["2"], &[id(1)], &[id(2), id(3), None]),
        ] {
            let selection = selection(&[("only", only), ("skip", skip)]).unwrap();
            assert!(kept.iter().all(|id| selection.has_task(*id)), "{only:?} {skip:?}");
            assert!(!left_out.iter().any(|id| selection.has_task(*id)), "{only:?} {skip:?}");
        }
    }

    #[test]
    fn a_selection_names_its_filters() {
        let all = selection(&[("map", &["task_id=t"]), ("rate", &["5/s"])]).unwrap();
        assert!(all.is_all() && all.filters().is_empty());
        let some = selection(&[("where", &["a=1", "b=2"]), ("lines", &["7", "-3"])]).unwrap();
        assert!(!some.is_all() && some.lines.contain(2) && !some.lines.contain(4));
        assert_eq!(some.filters(), ["--where", "--lines"]);
        let error = selection(&[("lines", &["x"])]).unwrap_err().to_string();
        assert!(error.starts_with("--lines \"x\": write lines as"), "{error}");
        assert!(selection(&[("map", &["task_id=t", "task_id=u"])]).is_err());
    }
}
