//! The columns of an input that name a task.

use strum::VariantArray;

/// Column of an input that names a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub(crate) enum TaskColumn {
    BizId,
    TaskId,
    Scope,
}

impl TaskColumn {
    /// Returns the name that reports and messages use.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BizId => "bk_biz_id",
            Self::TaskId => "task_id",
            Self::Scope => "scope",
        }
    }

    /// Returns every name that a header may use, as a text.
    #[must_use]
    pub(crate) const fn names(self) -> &'static str {
        match self {
            Self::BizId => "bk_biz_id or biz_id",
            Self::TaskId | Self::Scope => self.name(),
        }
    }

    /// Returns the column that a header or key names. Case and blanks around it do not count.
    #[must_use]
    pub(crate) fn of(name: &str) -> Option<Self> {
        let name = name.trim();
        let mut all = Self::VARIANTS.iter().copied();
        let is_other_name = name.eq_ignore_ascii_case("biz_id");
        all.find(|column| name.eq_ignore_ascii_case(column.name()))
            .or(is_other_name.then_some(Self::BizId))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_known_by_its_names_in_any_case() {
        for (name, column) in [
            ("bk_biz_id", Some(TaskColumn::BizId)),
            (" Biz_Id ", Some(TaskColumn::BizId)),
            ("TASK_ID", Some(TaskColumn::TaskId)),
            ("scope", Some(TaskColumn::Scope)),
            ("scopes", None),
            ("", None),
        ] {
            assert_eq!(TaskColumn::of(name), column, "{name:?}");
        }
    }
}
