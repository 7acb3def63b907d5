//! Reads from a journal what somebody wants to see who looks at a run, perhaps while it goes on.
//!
//! Nothing here changes the journal.

use jiff::Timestamp;
use rusqlite::named_params;

use super::columns::READ_RECORD;
use super::error::JournalError;
use super::file::Journal;
use super::rows;
use crate::domain::record::{OutcomeKind, Record};

/// Maximum number of records that are read at once.
const MAX_PAGE: usize = 1_000;

/// Position of a record in the order of settling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position(i64);

/// Rows that a session settled by sending, and the time of the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionRows {
    /// Number of settled rows that were sent.
    pub rows: u64,
    /// Number of them whose last request left at the given time or later.
    pub recent: u64,
    /// When the last request of any of them left.
    pub last_sent: Option<Timestamp>,
}

impl Journal {
    /// Counts what `session` settled by sending, and of that what it sent from `since` on.
    pub(crate) fn session_rows(
        &self,
        session: u32,
        since: Timestamp,
    ) -> Result<SessionRows, JournalError> {
        let sql = "SELECT count(*), coalesce(sum(started_at >= :since), 0), max(started_at) \
                   FROM record WHERE session = :session AND started_at IS NOT NULL";
        let of = named_params! { ":session": session, ":since": since.as_millisecond() };
        let count = self.connection.query_row(sql, of, |row| {
            let (all, recent): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(SessionRows {
                rows: all.unsigned_abs(),
                recent: recent.unsigned_abs(),
                last_sent: rows::time(row.get(2)?)?,
            })
        });
        count.map_err(|error| self.damaged(&error))
    }

    /// Passes the settled rows with one of these outcomes to `each`, in the order of the input.
    pub(crate) fn replay_of<E: From<JournalError>>(
        &self,
        outcomes: impl Iterator<Item = OutcomeKind>,
        each: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let words: Vec<_> = outcomes.map(|outcome| format!("'{outcome}'")).collect();
        let sql = format!(
            "{READ_RECORD} WHERE reopened_by IS NULL AND outcome IN ({}) ORDER BY line",
            words.join(", ")
        );
        self.each_of(&sql, [], each)
    }

    /// Returns the records that were settled after the one at `after`, in the order of settling, up
    /// to [`MAX_PAGE`] of them, and the position of the last one. Nothing is read any more when it
    /// returns, so that whoever writes the records may take their time.
    pub(crate) fn page_after(
        &self,
        Position(after): Position,
    ) -> Result<(Vec<Record>, Position), JournalError> {
        let sql = format!(
            "SELECT coalesce(max(seq), :after) FROM (SELECT seq FROM record \
             WHERE reopened_by IS NULL AND seq > :after ORDER BY seq LIMIT {MAX_PAGE})"
        );
        let last = self
            .connection
            .query_row(&sql, named_params! { ":after": after }, |row| row.get::<_, i64>(0));
        let last = last.map_err(|error| self.damaged(&error))?;
        let sql = format!(
            "{READ_RECORD} WHERE reopened_by IS NULL AND seq > :after AND seq <= :last ORDER BY seq"
        );
        let mut page = Vec::new();
        self.each_of(&sql, named_params! { ":after": after, ":last": last }, &mut |record| {
            page.push(record);
            Ok::<_, JournalError>(())
        })?;
        Ok((page, Position(last)))
    }
}
