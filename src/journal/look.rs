//! Reads from a journal what somebody wants to see who looks at a run, perhaps while it goes on.
//!
//! Nothing here changes the journal.

use rusqlite::named_params;

use super::columns::READ_RECORD;
use super::error::JournalError;
use super::file::Journal;
use crate::domain::record::Record;

/// Position of a record in the order of settling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position(i64);

impl Journal {
    /// Returns the position of the record that was settled last.
    pub(crate) fn last_position(&self) -> Result<Position, JournalError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM record";
        let last = self.connection.query_row(sql, [], |row| row.get(0));
        last.map(Position).map_err(|error| self.damaged(&error))
    }

    /// Passes the records that were settled after the one at `after`, up to the one at `last`, to
    /// `each`, in the order of settling.
    pub(crate) fn replay_between<E: From<JournalError>>(
        &self,
        (Position(after), Position(last)): (Position, Position),
        each: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "{READ_RECORD} WHERE reopened_by IS NULL AND seq > :after AND seq <= :last ORDER BY seq"
        );
        self.each_of(&sql, named_params! { ":after": after, ":last": last }, each)
    }
}
