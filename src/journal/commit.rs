//! What can be said in one commit.

use std::cell::Cell;

use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::rows::KnownAt;
use super::{Copied, copied, reports, rows, signed};
use crate::domain::record::{Prior, Record};
use crate::rules::intents::{self, Intents};
use crate::rules::resume::Doubts;

/// A commit that is being written. What one of its acts fails at fails all of it.
pub struct Commit<'a> {
    transaction: Transaction<'a>,
    session: u32,
    /// Whether lines of reports follow it.
    has_lines: Cell<bool>,
}

impl<'a> Commit<'a> {
    pub(super) const fn new(transaction: Transaction<'a>, session: u32) -> Self {
        Self { transaction, session, has_lines: Cell::new(false) }
    }

    pub(super) fn finish(self) -> rusqlite::Result<()> {
        if self.has_lines.get() {
            reports::note_commit(&self.transaction, self.session)?;
        }
        self.transaction.commit()
    }

    /// Settles a row.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn settle(&self, record: &Record) -> rusqlite::Result<()> {
        let mut add = self.transaction.prepare_cached(rows::ADD)?;
        rows::bind(&mut add, self.session, record)?;
        self.has_lines.set(true);
        add.raw_execute().map(drop)
    }

    /// Notes rows that may be sent from this commit on.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn intend(&self, intents: &Intents) -> rusqlite::Result<()> {
        let Intents { lines, at, sighting } = intents;
        let mut add = self.transaction.prepare_cached(
            "INSERT INTO intent (session, wall, since_boot, date, dated_wall, dated_since_boot, \
             lines) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        let added = add.execute(params![
            self.session,
            at.wall.as_millisecond(),
            rows::signed_millis(at.since_boot),
            sighting.map(|sighting| sighting.date.as_millisecond()),
            sighting.map(|sighting| sighting.at.wall.as_millisecond()),
            sighting.map(|sighting| rows::signed_millis(sighting.at.since_boot)),
            intents::pack(lines),
        ]);
        added.map(drop)
    }

    /// Notes that the server accepted the row on `line`, which is yet to be confirmed.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be written.
    pub fn accepted(&self, line: u64, prior: &Prior) -> rusqlite::Result<()> {
        let mut add = self.transaction.prepare_cached(rows::ADD_OPEN)?;
        rows::bind_open(&mut add, self.session, KnownAt::Accepted, (line, prior))?;
        add.raw_execute().map(drop)
    }

    /// Notes what the copy of a stream holds by now.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn note_copy(&self, copied: &Copied) -> rusqlite::Result<()> {
        copied::note_copy(&self.transaction, copied)
    }

    /// Notes the link that was found for a row that is settled.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn add_link(&self, line: u64, url: &str) -> rusqlite::Result<()> {
        let mut update = self.transaction.prepare_cached(
            "UPDATE record SET task_url = ?2 WHERE line = ?1 AND reopened_by IS NULL",
        )?;
        update.execute(params![signed(line), url])?;
        self.has_lines.set(true);
        Ok(())
    }

    /// Notes that all of the input was read: `copy` is all of it.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn input_ended(&self, rows: u64, copy: &Copied) -> rusqlite::Result<()> {
        let note = self.transaction.execute(
            "UPDATE run SET rows = ?1, input_bytes = ?2, input_sha256 = ?3, input_ended = 1",
            params![signed(rows), signed(copy.bytes), copy.sha256],
        );
        note.map(drop)
    }

    /// Notes that somebody agreed to the stages up to this position of the input.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn agree(&self, position: u64) -> rusqlite::Result<()> {
        let note = self.transaction.execute(
            "UPDATE run SET agreed_to = max(coalesce(agreed_to, 0), ?1)",
            [signed(position)],
        );
        note.map(drop)
    }

    /// Notes why the session sends nothing new any more.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn drains(&self, why: &str) -> rusqlite::Result<()> {
        let note = self.transaction.execute(
            "UPDATE session SET draining = ?2 WHERE session = ?1",
            params![self.session, why],
        );
        note.map(drop)
    }

    /// Ends the session in order at `now`, with these rows left open.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn end(&self, open: &Doubts, now: Timestamp) -> rusqlite::Result<()> {
        self.leave_open(KnownAt::End, open)?;
        let note = self.transaction.execute(
            "UPDATE session SET ended = ?2 WHERE session = ?1",
            params![self.session, now.as_millisecond()],
        );
        note.map(drop)
    }

    /// Notes rows that are open when the session begins or ends.
    pub(super) fn leave_open(&self, known_at: KnownAt, open: &Doubts) -> rusqlite::Result<()> {
        let mut add = self.transaction.prepare(rows::ADD_OPEN)?;
        for (line, prior) in open {
            rows::bind_open(&mut add, self.session, known_at, (*line, prior))?;
            add.raw_execute()?;
        }
        Ok(())
    }
}
