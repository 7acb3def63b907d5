//! Which columns of an input hold what names a task: `bk_biz_id=业务ID`.

use std::str::FromStr;

use thiserror::Error;

use crate::domain::task_column::TaskColumn;

/// Says that a column of the input, by whatever name, holds what names a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnMapping {
    pub(crate) column: TaskColumn,
    /// Header, or key of JSON Lines.
    pub(crate) header: String,
}

impl FromStr for ColumnMapping {
    type Err = ColumnMappingError;

    fn from_str(text: &str) -> Result<Self, ColumnMappingError> {
        let (column, header) = text.split_once('=').ok_or(ColumnMappingError)?;
        let column = TaskColumn::of(column).ok_or(ColumnMappingError)?;
        let header = header.trim().to_owned();
        if header.is_empty() { Err(ColumnMappingError) } else { Ok(Self { column, header }) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("write bk_biz_id=HEADER, task_id=HEADER or scope=HEADER")]
pub(crate) struct ColumnMappingError;

/// The columns of an input that have names of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColumnMap(Vec<ColumnMapping>);

impl ColumnMap {
    /// Returns the map of all mappings.
    ///
    /// # Errors
    ///
    /// Returns an error if one column or one header is mapped twice.
    pub(crate) fn of(mappings: Vec<ColumnMapping>) -> Result<Self, MappedTwice> {
        for (at, ColumnMapping { column, header }) in mappings.iter().enumerate() {
            let before = &mappings[..at];
            if before.iter().any(|other| other.column == *column) {
                return Err(MappedTwice { what: column.name().to_owned() });
            }
            if before.iter().any(|other| other.header.eq_ignore_ascii_case(header)) {
                return Err(MappedTwice { what: header.clone() });
            }
        }
        Ok(Self(mappings))
    }

    #[must_use]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ColumnMapping> {
        self.0.iter()
    }

    /// Returns the header that a column was mapped to.
    #[must_use]
    pub(crate) fn header(&self, column: TaskColumn) -> Option<&str> {
        let mapping = self.0.iter().find(|mapping| mapping.column == column);
        mapping.map(|mapping| &*mapping.header)
    }

    /// Returns which column a header or key of the input is. A mapped column has no other name.
    #[must_use]
    pub(crate) fn column_of(&self, name: &str) -> Option<TaskColumn> {
        let name = name.trim();
        let mut mapped = self.0.iter();
        let mapped = mapped.find(|mapping| mapping.header.eq_ignore_ascii_case(name));
        match mapped {
            Some(mapping) => Some(mapping.column),
            None => TaskColumn::of(name).filter(|column| self.header(*column).is_none()),
        }
    }

    /// Returns which column a person means by a name: a mapped column has its own name, too.
    #[must_use]
    pub(crate) fn meant_by(&self, name: &str) -> Option<TaskColumn> {
        self.column_of(name).or_else(|| TaskColumn::of(name))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("--map: {what} is given twice")]
pub(crate) struct MappedTwice {
    what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(mappings: &[&str]) -> Result<ColumnMap, MappedTwice> {
        ColumnMap::of(mappings.iter().map(|mapping| mapping.parse().unwrap()).collect())
    }

    #[test]
    fn a_mapped_column_has_that_name_and_no_other() {
        let map = map(&["bk_biz_id=业务ID", "Scope = Kind"]).unwrap();
        for (name, column) in [
            (" 业务ID ", Some(TaskColumn::BizId)),
            ("kind", Some(TaskColumn::Scope)),
            ("bk_biz_id", None),
            ("biz_id", None),
            ("scope", None),
            ("task_id", Some(TaskColumn::TaskId)),
            ("note", None),
        ] {
            assert_eq!(map.column_of(name), column, "{name}");
        }
    }

    #[test]
    fn a_mapping_names_a_column_and_a_header_once() {
        for text in ["", "业务ID", "业务ID=bk_biz_id", "bk_biz_id=", "owner=Owner"] {
            assert!(text.parse::<ColumnMapping>().is_err(), "{text}");
        }
        assert!(map(&["task_id=a", "bk_biz_id=A"]).is_err());
        assert!(map(&["task_id=a", "task_id=b"]).is_err());
    }
}
