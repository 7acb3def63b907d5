//! The file of a journal: created, opened and written.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, named_params};
use strum::VariantArray as _;

use super::about::{About, Copied, InputState};
use super::commit::{self, Commit};
use super::error::JournalError;
use super::rows::{self, KnownAt, signed};
use super::session::Opening;
use crate::domain::record::{AlreadyStarted, OutcomeKind};
use crate::rules::course::{Confirmation, LastAnswers};
use crate::rules::resume::Doubts;

/// Marks a SQLite file as a journal: "bkjl".
const APPLICATION: i64 = 0x626b_6a6c;

const VERSION: i64 = 4;

/// Number of changed pages, 8 MB of them, at which SQLite moves them from its log into the file.
const CHECKPOINT_PAGES: i64 = 2_000;

/// Open journal of a run.
pub struct Journal {
    pub(super) path: PathBuf,
    /// Inode at the time of opening, which tells whether the file was replaced.
    inode: u64,
    pub(super) connection: Connection,
    /// Number of the session that has begun; 0 before that.
    pub(super) session: u32,
}

impl Journal {
    /// Creates the journal of a new run. It must be [closed](Self::close) before its folder is
    /// renamed, since SQLite knows a file by its name.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written.
    pub fn create(path: &Path, about: &About) -> Result<Self, JournalError> {
        let connection = create_file(path, |connection| write_about(connection, about))
            .map_err(|source| JournalError::Write { path: path.to_owned(), source })?;
        Self::begin_with(path, connection)
    }

    /// Makes a [blank](Self::create_blank) journal that of a new run.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is no journal or cannot be written.
    pub fn fill_blank(path: &Path, about: &About) -> Result<Self, JournalError> {
        let journal = Self::open(path)?;
        write_about(&journal.connection, about).map_err(|source| journal.failed(source))?;
        Ok(journal)
    }

    /// Creates a journal of no run.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written.
    pub fn create_blank(path: &Path) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let connection = create_file(path, |_| Ok(())).map_err(failed)?;
        Self::begin_with(path, connection)?.close()
    }

    /// Closes it.
    ///
    /// # Errors
    ///
    /// Returns an error if what was written cannot be brought into its place.
    pub fn close(self) -> Result<(), JournalError> {
        let Self { path, connection, .. } = self;
        connection.close().map_err(|(_, source)| JournalError::Write { path, source })
    }

    /// Opens the journal of an existing run.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is missing, damaged, foreign or of another version.
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
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            connection.set_prepared_statement_cache_capacity(16);
            Ok(())
        };
        set().map_err(failed)?;
        let inode = inode(path).ok_or_else(|| JournalError::Missing { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), inode, connection, session: 0 })
    }

    /// Begins a session and returns its number. The rows in doubt are on disk before its first
    /// request, in one commit with the mark that reopens bad rows.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be written.
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
             waits_until) VALUES (:session, :began, :since_boot, :boot, :pid, :target, \
             :retry_failed, :waits_until)",
            named_params! {
                ":session": session,
                ":began": at.wall.as_millisecond(),
                ":since_boot": rows::signed_millis(at.since_boot),
                ":boot": rows::boot_text(at.boot),
                ":pid": std::process::id(),
                ":target": target,
                ":retry_failed": reopens.is_some(),
                ":waits_until": waits_until.map(Timestamp::as_millisecond),
            },
        )?;
        if let Some(already) = reopens {
            let mark = format!(
                "UPDATE record SET reopened_by = :session \
                 WHERE reopened_by IS NULL AND outcome IN ({})",
                failure_words(*already)
            );
            commit.execute(&mark, named_params! { ":session": session })?;
        }
        let commit = Commit::new(commit, session, at.wall);
        commit.leave_open(KnownAt::Begin, doubts)?;
        commit.finish()?;
        Ok(session)
    }

    /// Runs `write` in one commit, at `now` by the wall clock.
    ///
    /// # Errors
    ///
    /// Returns an error if a write fails; then nothing is written.
    pub fn commit(
        &mut self,
        now: Timestamp,
        write: impl FnOnce(&Commit<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), JournalError> {
        let session = self.session;
        let all = |connection: &mut Connection| -> rusqlite::Result<()> {
            let commit = Commit::new(connection.transaction()?, session, now);
            write(&commit)?;
            commit.finish()
        };
        all(&mut self.connection).map_err(|source| self.failed(source))?;
        self.is_still_there()
    }

    /// Notes the length and sum of the copy of a stream that never ended.
    ///
    /// # Errors
    ///
    /// Returns an error if the note cannot be written.
    pub fn note_copy(&mut self, copied: &Copied) -> Result<(), JournalError> {
        commit::note_copy(&self.connection, copied).map_err(|source| self.failed(source))
    }

    /// Ends the session in order at `now`: `open` rows were sent and are not settled. From then on the
    /// session's intents no longer count.
    ///
    /// # Errors
    ///
    /// Returns an error if the end cannot be written.
    pub fn end(&mut self, open: &Doubts, now: Timestamp) -> Result<(), JournalError> {
        self.commit(now, |commit| commit.end(open))
    }

    /// Notes how the session ended.
    ///
    /// # Errors
    ///
    /// Returns an error if the note cannot be written.
    pub fn note_exit(&mut self, ending: &str, exit: u8) -> Result<(), JournalError> {
        let note = self.connection.execute(
            "UPDATE session SET ending = :ending, exit = :exit WHERE session = :session",
            named_params! { ":session": self.session, ":ending": ending, ":exit": exit },
        );
        note.map(drop).map_err(|source| self.failed(source))
    }

    /// Notes how long the server took for the session's answers.
    ///
    /// # Errors
    ///
    /// Returns an error if the note cannot be written.
    pub fn note_answers(&mut self, answers: &LastAnswers) -> Result<(), JournalError> {
        let LastAnswers { times, questions } = answers;
        let note = self.connection.execute(
            "UPDATE session SET request_s = :request, row_s = :row, row_requests = :requests, \
             confirmed = :confirmed WHERE session = :session",
            named_params! {
                ":session": self.session,
                ":request": times.request,
                ":row": times.row,
                ":requests": times.requests,
                ":confirmed": *questions == Confirmation::EachRow,
            },
        );
        note.map(drop).map_err(|source| self.failed(source))
    }

    /// Whether there were sessions before the one that has begun.
    #[must_use]
    pub const fn has_earlier_sessions(&self) -> bool {
        self.session > 1
    }

    /// Returns the connection that writes it.
    #[must_use]
    pub const fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Opens a second connection, to read while the first writes.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be opened again.
    pub fn reader(&self) -> Result<Self, JournalError> {
        Ok(Self { session: self.session, ..Self::open(&self.path)? })
    }

    pub(super) fn failed(&self, source: rusqlite::Error) -> JournalError {
        JournalError::Write { path: self.path.clone(), source }
    }

    /// Checks for the file, since SQLite writes to a removed file without an error.
    fn is_still_there(&self) -> Result<(), JournalError> {
        match inode(&self.path) {
            Some(inode) if inode == self.inode => Ok(()),
            _ => Err(JournalError::Gone { path: self.path.clone() }),
        }
    }
}

/// Creates the file of a journal, and has `fill` write to it in the same commit.
fn create_file(
    path: &Path,
    fill: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    // Small, since a commit writes whole pages: one of the index for each stretch of lines that it
    // settles.
    connection.pragma_update(None, "page_size", 4 * 1024)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    // One commit, so there is only one wait for the disk.
    connection.execute_batch("BEGIN")?;
    connection.execute_batch(include_str!("schema.sql"))?;
    fill(&connection)?;
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}

fn inode(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|meta| meta.ino())
}

/// Returns the outcomes whose rows are sent again, as an SQL list. An invalid row would be
/// invalid again.
pub(super) fn failure_words(already: AlreadyStarted) -> String {
    let failures = OutcomeKind::VARIANTS.iter().filter(|outcome| outcome.is_failure(already));
    failures.map(|outcome| format!("'{outcome}'")).collect::<Vec<_>>().join(", ")
}

fn write_about(connection: &Connection, about: &About) -> rusqlite::Result<()> {
    let About { id, name, input_name, input_format, source, columns, .. } = about;
    let About { zone, rows, copy, input, agreed_to, .. } = about;
    let added = connection.execute(
        "INSERT INTO run (id, name, program, input_name, input_format, input_source, columns, \
         zone, rows, input_bytes, input_sha256, input_ended, agreed_to) VALUES (:id, :name, \
         :program, :input_name, :input_format, :input_source, :columns, :zone, :rows, \
         :input_bytes, :input_sha256, :input_ended, :agreed_to)",
        named_params! {
            ":id": id.as_str(),
            ":name": name,
            ":program": env!("CARGO_PKG_VERSION"),
            ":input_name": input_name,
            ":input_format": input_format,
            ":input_source": <&str>::from(source),
            ":columns": serde_json::to_string(&columns[..]).unwrap_or_default(),
            ":zone": zone,
            ":rows": rows.map(signed),
            ":input_bytes": copy.as_ref().map(|copy| signed(copy.bytes)),
            ":input_sha256": copy.as_ref().map(|copy| &copy.sha256),
            ":input_ended": *input == InputState::Ended,
            ":agreed_to": agreed_to.map(signed),
        },
    );
    added.map(drop)
}
