//! What can be written in one commit.

use std::cell::Cell;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, named_params};

use super::about::Copied;
use super::binder::Binder;
use super::columns::{ADD_OPEN_ROW, ADD_RECORD};
use super::rows::{self, KnownAt, signed};
use crate::domain::record::{Prior, Record};
use crate::rules::intents::{self, Intents};
use crate::rules::resume::Doubts;

/// Open commit. If one of its writes fails, the whole commit fails.
pub struct Commit<'a> {
    transaction: Transaction<'a>,
    session: u32,
    /// Time of the commit by the wall clock.
    now: Timestamp,
    /// Whether lines of reports follow this commit.
    has_lines: Cell<bool>,
}

impl<'a> Commit<'a> {
    pub(super) const fn new(transaction: Transaction<'a>, session: u32, now: Timestamp) -> Self {
        Self { transaction, session, now, has_lines: Cell::new(false) }
    }

    pub(super) fn finish(self) -> rusqlite::Result<()> {
        if self.has_lines.get() {
            note_time(&self.transaction, self.session, self.now)?;
        }
        self.transaction.commit()
    }

    /// Notes that lines of reports follow this commit.
    pub fn lines_follow(&self) {
        self.has_lines.set(true);
    }

    /// Adds records in the order in which they were settled.
    pub fn settle<'r>(
        &self,
        records: impl IntoIterator<Item = &'r Record>,
    ) -> rusqlite::Result<()> {
        // Taken once for all records: the cache looks a statement up by its text, and clears its
        // values when it comes back.
        let mut add = self.transaction.prepare_cached(ADD_RECORD)?;
        let mut add = Binder::new(&mut add);
        for record in records {
            rows::bind(&mut add, self.session, record)?;
            add.execute()?;
        }
        Ok(())
    }

    /// Notes rows that may be sent from this commit on.
    pub fn intend(&self, intents: &Intents) -> rusqlite::Result<()> {
        let Intents { lines, at, sighting } = intents;
        let mut add = self.transaction.prepare_cached(
            "INSERT INTO intent (session, wall, since_boot, date, dated_wall, dated_since_boot, \
             lines) VALUES (:session, :wall, :since_boot, :date, :dated_wall, :dated_since_boot, \
             :lines)",
        )?;
        let dated_at = sighting.map(|sighting| sighting.at);
        let added = add.execute(named_params! {
            ":session": self.session,
            ":wall": at.wall.as_millisecond(),
            ":since_boot": rows::signed_millis(at.since_boot),
            ":date": sighting.map(|sighting| sighting.date.as_millisecond()),
            ":dated_wall": dated_at.map(|at| at.wall.as_millisecond()),
            ":dated_since_boot": dated_at.map(|at| rows::signed_millis(at.since_boot)),
            ":lines": intents::pack(lines),
        });
        added.map(drop)
    }

    /// Notes that the server accepted the row on `line`, which is yet to be confirmed.
    pub fn accepted(&self, line: u64, prior: &Prior) -> rusqlite::Result<()> {
        let mut add = self.transaction.prepare_cached(ADD_OPEN_ROW)?;
        let mut add = Binder::new(&mut add);
        rows::bind_open(&mut add, self.session, KnownAt::Accepted, (line, prior))?;
        add.execute()
    }

    /// Notes the present length and sum of a stream's copy.
    pub fn note_copy(&self, copied: &Copied) -> rusqlite::Result<()> {
        note_copy(&self.transaction, copied)
    }

    pub fn add_link(&self, line: u64, url: &str) -> rusqlite::Result<()> {
        let mut update = self.transaction.prepare_cached(
            "UPDATE record SET task_url = :url WHERE line = :line AND reopened_by IS NULL",
        )?;
        update.execute(named_params! { ":line": signed(line), ":url": url })?;
        Ok(())
    }

    /// Notes that all of the input was read, into `copy`.
    pub fn input_ended(&self, rows: u64, copy: &Copied) -> rusqlite::Result<()> {
        let note = self.transaction.execute(
            "UPDATE run SET rows = :rows, input_bytes = :bytes, input_sha256 = :sha256, \
             input_ended = 1",
            named_params! {
                ":rows": signed(rows),
                ":bytes": signed(copy.bytes),
                ":sha256": copy.sha256,
            },
        );
        note.map(drop)
    }

    /// Notes that somebody agreed to the stages up to this position of the input.
    pub fn agree(&self, position: u64) -> rusqlite::Result<()> {
        let note = self.transaction.execute(
            "UPDATE run SET agreed_to = max(coalesce(agreed_to, 0), :position)",
            named_params! { ":position": signed(position) },
        );
        note.map(drop)
    }

    /// Notes why the session sends nothing new any more.
    pub fn drains(&self, why: &str) -> rusqlite::Result<()> {
        let note = self.transaction.execute(
            "UPDATE session SET draining = :why WHERE session = :session",
            named_params! { ":session": self.session, ":why": why },
        );
        note.map(drop)
    }

    /// Ends the session in order, with these rows left open.
    pub fn end(&self, open: &Doubts) -> rusqlite::Result<()> {
        self.leave_open(KnownAt::End, open)?;
        let note = self.transaction.execute(
            "UPDATE session SET ended = :now WHERE session = :session",
            named_params! { ":session": self.session, ":now": self.now.as_millisecond() },
        );
        note.map(drop)
    }

    pub(super) fn leave_open(&self, known_at: KnownAt, open: &Doubts) -> rusqlite::Result<()> {
        let mut add = self.transaction.prepare(ADD_OPEN_ROW)?;
        let mut add = Binder::new(&mut add);
        for (line, prior) in open {
            rows::bind_open(&mut add, self.session, known_at, (*line, prior))?;
            add.execute()?;
        }
        Ok(())
    }
}

/// Notes the time of `commit` for the reports that `session` writes in place, since their lines
/// follow it.
fn note_time(commit: &Transaction<'_>, session: u32, now: Timestamp) -> rusqlite::Result<()> {
    let mut note = commit.prepare_cached(
        "UPDATE report SET commit_before = last_commit, last_commit = :now \
         WHERE session = :session AND bytes IS NULL AND last_commit IS NOT NULL",
    )?;
    note.execute(named_params! { ":now": now.as_millisecond(), ":session": session }).map(drop)
}

/// Does nothing if the input has ended: the copy is final then.
pub(super) fn note_copy(connection: &Connection, copied: &Copied) -> rusqlite::Result<()> {
    let mut note = connection.prepare_cached(
        "UPDATE run SET input_bytes = :bytes, input_sha256 = :sha256 WHERE input_ended = 0",
    )?;
    let Copied { bytes, sha256 } = copied;
    note.execute(named_params! { ":bytes": signed(*bytes), ":sha256": sha256 }).map(drop)
}
