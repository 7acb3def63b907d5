//! The journal of a run: what is known of each row, kept on disk before anything
//! else is told of it.
//!
//! SQLite, with one commit for as many records as are waiting. It keeps and gives
//! back; what is left to do is decided in `resume`. Its form is in `schema.sql`.

mod commit;
mod copied;
mod error;
mod read;
mod reports;
mod rows;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};

use rows::KnownAt;

use crate::domain::clocks::Reading;
use crate::domain::record::AlreadyStarted;
use crate::domain::request_id::RunId;
use crate::domain::row::Columns;
use crate::rules::resume::Doubts;

pub(crate) use commit::Commit;
pub(crate) use error::JournalError;

/// Marks a SQLite file as a journal: "bkjl".
const APPLICATION: i64 = 0x626b_6a6c;

/// The version of the schema.
const VERSION: i64 = 3;

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub id: RunId,
    /// What people call it.
    pub name: Option<String>,
    /// Its input, as it was named.
    pub input_name: String,
    /// How that is written.
    pub input_format: String,
    /// Where it came from.
    pub source: InputSource,
    /// The input's further columns.
    pub columns: Columns,
    /// The zone in which its reports write times.
    pub zone: String,
    /// How many rows the input has, where that is known.
    pub rows: Option<u64>,
    /// The copy of the input; of a stream that has not ended, what it held at the last commit.
    pub copy: Option<Copied>,
    /// Whether all of the input was read.
    pub input: InputState,
    /// The last position of the input whose stage somebody agreed to.
    pub agreed_to: Option<u64>,
}

/// What a copy of an input holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Where an input came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputSource {
    /// From a file, all of it at once.
    File,
    /// From a pipe or a terminal, bit by bit.
    Stream,
}

/// Whether all of an input was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputState {
    /// It was.
    Ended,
    /// Nobody knows what would have come.
    Incomplete,
}

/// A session that begins.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// This machine's clocks.
    pub at: Reading,
    /// The server that it calls.
    pub target: &'a str,
    /// Whose bad rows it takes up again, if it does.
    pub reopens: Option<AlreadyStarted>,
    /// The moment before which it sends nothing, if it waits for one.
    pub waits_until: Option<Timestamp>,
}

/// A session that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastSession {
    /// Its number, from 1.
    pub number: u32,
    /// When it began.
    pub began: Timestamp,
    /// The moment before which it sent nothing, if it waited for one.
    pub waits_until: Option<Timestamp>,
    /// The server that it called.
    pub target: String,
    /// Whether it took up bad rows again.
    pub retry_failed: bool,
    /// Why it sent nothing new any more, if it was stopped.
    pub draining: Option<String>,
    /// When it ended, if it ended in order.
    pub ended: Option<Timestamp>,
    /// `finished`, or why it stopped.
    pub ending: Option<String>,
    /// Its exit code.
    pub exit: Option<u8>,
}

/// The word of a session that left nothing to do.
pub(crate) const FINISHED: &str = "finished";

/// The order in which records are given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they were settled.
    Settled,
    /// As the input has them.
    Input,
}

/// A journal.
pub struct Journal {
    path: PathBuf,
    /// The file that it was when it was opened.
    inode: u64,
    connection: Connection,
    session: u32,
}

impl Journal {
    /// Makes the journal of a new run, and closes it: SQLite knows a file by its name,
    /// and the folder gets another one before the journal is [opened](Self::open).
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn create(path: &Path, about: &About) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let connection = Connection::open(path).map_err(failed)?;
        let create = || -> rusqlite::Result<()> {
            // A commit writes whole pages, and hundreds of records fill several.
            connection.pragma_update(None, "page_size", 8 * 1024)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "application_id", APPLICATION)?;
            connection.pragma_update(None, "user_version", VERSION)?;
            // One commit, and so one wait for the disk.
            connection.execute_batch("BEGIN")?;
            connection.execute_batch(include_str!("schema.sql"))?;
            let About {
                id,
                name,
                input_name,
                input_format,
                source,
                columns,
                zone,
                rows,
                copy,
                input,
                agreed_to,
            } = about;
            connection.execute(
                "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                params![
                    id.as_str(),
                    name,
                    env!("CARGO_PKG_VERSION"),
                    input_name,
                    input_format,
                    match source {
                        InputSource::File => "file",
                        InputSource::Stream => "stream",
                    },
                    serde_json::to_string(&columns[..]).unwrap_or_default(),
                    zone,
                    rows.map(signed),
                    copy.as_ref().map(|copy| signed(copy.bytes)),
                    copy.as_ref().map(|copy| &copy.sha256),
                    *input == InputState::Ended,
                    agreed_to.map(signed),
                ],
            )?;
            connection.execute_batch("COMMIT")
        };
        create().map_err(failed)?;
        connection.close().map_err(|(_, source)| failed(source))
    }

    /// Opens the journal of a run that is there.
    ///
    /// # Errors
    ///
    /// Where there is none, or it is damaged, foreign, or of another version.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        if !path.exists() {
            return Err(JournalError::Missing { path: path.to_owned() });
        }
        let not_one = |what: String| JournalError::NotOne { path: path.to_owned(), what };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| not_one(error.to_string()))?;
        let pragma = |name| {
            let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            value.map_err(|error| not_one(error.to_string()))
        };
        if pragma("application_id")? != APPLICATION {
            return Err(not_one("it lacks the mark of one".into()));
        }
        match pragma("user_version")? {
            VERSION => Self::begin_with(path, connection),
            found => Err(JournalError::Version { path: path.to_owned(), found, known: VERSION }),
        }
    }

    fn begin_with(path: &Path, connection: Connection) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let set = || -> rusqlite::Result<()> {
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.set_prepared_statement_cache_capacity(16);
            Ok(())
        };
        set().map_err(failed)?;
        let inode = inode(path).ok_or_else(|| JournalError::Missing { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), inode, connection, session: 0 })
    }

    /// Begins a session: what it will hold in doubt is on disk before its first
    /// request, in the same commit with the mark that reopens bad rows.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn begin(&mut self, opening: &Opening<'_>, doubts: &Doubts) -> Result<u32, JournalError> {
        let begun = self.write_opening(opening, doubts);
        self.session = begun.map_err(|source| self.failed(source))?;
        Ok(self.session)
    }

    fn write_opening(&mut self, opening: &Opening<'_>, doubts: &Doubts) -> rusqlite::Result<u32> {
        let Opening { at, target, reopens, waits_until } = opening;
        let commit = self.connection.transaction()?;
        let last: Option<u32> =
            commit.query_row("SELECT max(session) FROM session", [], |row| row.get(0))?;
        let session = last.unwrap_or(0) + 1;
        commit.execute(
            "INSERT INTO session (session, began, since_boot, boot, pid, target, retry_failed, \
             waits_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                session,
                at.wall.as_millisecond(),
                rows::signed_millis(at.since_boot),
                rows::boot_text(at.boot),
                std::process::id(),
                target,
                reopens.is_some(),
                waits_until.map(Timestamp::as_millisecond),
            ],
        )?;
        if let Some(already) = reopens {
            let mark = format!(
                "UPDATE record SET reopened_by = ?1 WHERE reopened_by IS NULL AND outcome IN ({})",
                bad_words(*already)
            );
            commit.execute(&mark, [session])?;
        }
        let commit = Commit::new(commit, session);
        commit.leave_open(KnownAt::Begin, doubts)?;
        commit.finish()?;
        Ok(session)
    }

    /// Writes what `write` has to say, in one commit.
    ///
    /// # Errors
    ///
    /// Where it cannot be written: then none of it is.
    pub fn commit(
        &mut self,
        write: impl FnOnce(&Commit<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), JournalError> {
        let session = self.session;
        let all = |connection: &mut Connection| -> rusqlite::Result<()> {
            let commit = Commit::new(connection.transaction()?, session);
            write(&commit)?;
            commit.finish()
        };
        all(&mut self.connection).map_err(|source| self.failed(source))?;
        self.is_still_there()
    }

    /// Ends the session in order: `open` rows were sent and are not settled. From then on
    /// its intents say nothing more.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn end(&mut self, open: &Doubts) -> Result<(), JournalError> {
        self.commit(|commit| commit.end(open, Timestamp::now()))
    }

    /// Notes how the session came out.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn note_exit(&mut self, ending: &str, exit: u8) -> Result<(), JournalError> {
        let note = self.connection.execute(
            "UPDATE session SET ending = ?2, exit = ?3 WHERE session = ?1",
            params![self.session, ending, exit],
        );
        note.map(drop).map_err(|source| self.failed(source))
    }

    /// Whether there were sessions before the one that has begun.
    #[must_use]
    pub const fn has_earlier_sessions(&self) -> bool {
        self.session > 1
    }

    /// The same journal by a connection of its own, to read beside what is written.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened once more.
    pub fn reader(&self) -> Result<Self, JournalError> {
        Ok(Self { session: self.session, ..Self::open(&self.path)? })
    }

    fn failed(&self, source: rusqlite::Error) -> JournalError {
        JournalError::Write { path: self.path.clone(), source }
    }

    /// A file that was taken away is written without an error, to nowhere.
    fn is_still_there(&self) -> Result<(), JournalError> {
        match inode(&self.path) {
            Some(inode) if inode == self.inode => Ok(()),
            _ => Err(JournalError::Gone { path: self.path.clone() }),
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|meta| meta.ino())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The outcomes whose rows are taken up again; an invalid row would be invalid again.
const fn bad_words(already: AlreadyStarted) -> &'static str {
    match already {
        AlreadyStarted::Ok => "'rejected', 'failed', 'unknown', 'unconfirmed'",
        AlreadyStarted::Fail => "'rejected', 'failed', 'unknown', 'unconfirmed', 'already_started'",
    }
}

#[cfg(test)]
mod tests;
