//! How far the copy of a stream has come, noted with what was read from it.

use rusqlite::{Connection, named_params};

use super::{Copied, Journal, JournalError, signed};

impl Journal {
    /// Notes what the copy of a stream holds that never came to its end.
    ///
    /// # Errors
    ///
    /// Returns an error if that cannot be written.
    pub fn note_copy(&mut self, copied: &Copied) -> Result<(), JournalError> {
        note_copy(&self.connection, copied).map_err(|source| self.failed(source))
    }
}

/// Notes in the open commit of `connection` what the copy holds, unless the input has ended.
pub(super) fn note_copy(connection: &Connection, copied: &Copied) -> rusqlite::Result<()> {
    let mut note = connection.prepare_cached(
        "UPDATE run SET input_bytes = :bytes, input_sha256 = :sha256 WHERE input_ended = 0",
    )?;
    let Copied { bytes, sha256 } = copied;
    note.execute(named_params! { ":bytes": signed(*bytes), ":sha256": sha256 }).map(drop)
}
