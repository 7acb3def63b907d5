//! Binds the values of one row after another to a statement.

use rusqlite::Statement;

use super::columns::Column;

/// Statement whose parameters keep their values from row to row. Most values of a record equal
/// those of the one before, and binding them again would be a fifth of a commit's work.
pub(super) struct Binder<'s, 'c> {
    statement: &'s mut Statement<'c>,
    /// Value of each parameter.
    bound: Vec<Bound>,
}

/// Maximum length of a text that is compared with the one before.
const MAX_WORD: usize = 14;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// A long text, or nothing yet.
    Unknown,
    Null,
    Number(i64),
    Word {
        length: usize,
        bytes: [u8; MAX_WORD],
    },
}

impl Bound {
    fn text(text: &str) -> Self {
        let mut bytes = [0; MAX_WORD];
        let Some(start) = bytes.get_mut(..text.len()) else { return Self::Unknown };
        start.copy_from_slice(text.as_bytes());
        Self::Word { length: text.len(), bytes }
    }
}

impl<'s, 'c> Binder<'s, 'c> {
    pub(super) fn new(statement: &'s mut Statement<'c>) -> Self {
        let bound = vec![Bound::Unknown; statement.parameter_count()];
        Self { statement, bound }
    }

    pub(super) fn number(
        &mut self,
        column: impl Column,
        number: impl Into<Option<i64>>,
    ) -> rusqlite::Result<()> {
        let number = number.into();
        if self.is_news(column, number.map_or(Bound::Null, Bound::Number)) {
            self.statement.raw_bind_parameter(column.at() + 1, number)?;
        }
        Ok(())
    }

    pub(super) fn text<'t>(
        &mut self,
        column: impl Column,
        text: impl Into<Option<&'t str>>,
    ) -> rusqlite::Result<()> {
        let text = text.into();
        if self.is_news(column, text.map_or(Bound::Null, Bound::text)) {
            self.statement.raw_bind_parameter(column.at() + 1, text)?;
        }
        Ok(())
    }

    /// Adds the row whose values are bound.
    pub(super) fn execute(&mut self) -> rusqlite::Result<()> {
        self.statement.raw_execute().map(drop)
    }

    fn is_news(&mut self, column: impl Column, value: Bound) -> bool {
        let before = std::mem::replace(&mut self.bound[column.at()], value);
        value == Bound::Unknown || value != before
    }
}
