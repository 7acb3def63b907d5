//! The journal of a run: what is known of each row, kept on disk before anything
//! else is told of it.
//!
//! SQLite, with one commit for as many records as are waiting. It keeps and gives
//! back; what is left to do is decided in `resume`. Its form is in `schema.sql`.

mod error;
mod rows;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::record::{AlreadyStarted, Doubt, Prior, Record};
use crate::request_id::RunId;
use crate::resume::{Doubts, LastEnding, LastSession, Lines};
use crate::row::Columns;

pub use error::JournalError;

/// Marks a SQLite file as a journal: "bkjl".
const APPLICATION: i64 = 0x626b_6a6c;

/// The version of the schema.
const VERSION: i64 = 1;

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
    /// The copy of the input, once all of it is there.
    pub copy: Option<Copied>,
    /// Whether all of the input was read.
    pub input: InputState,
}

/// What a whole copy of an input holds.
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
    /// When.
    pub began: Timestamp,
    /// The server that it calls.
    pub target: &'a str,
    /// How many rows it has open at most.
    pub lookahead: u64,
    /// How many it launches at most.
    pub limit: Option<u64>,
    /// Whose bad rows it takes up again, if it does.
    pub reopens: Option<AlreadyStarted>,
}

/// A session that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number, from 1.
    pub number: u32,
    /// When it began.
    pub began: Timestamp,
    /// The server that it called.
    pub target: String,
    /// Whether it took up bad rows again.
    pub retry_failed: bool,
    /// When it ended, if it ended in order.
    pub ended: Option<Timestamp>,
    /// `finished`, or why it stopped.
    pub ending: Option<String>,
    /// Its exit code.
    pub exit: Option<u8>,
}

/// The word of a session that left nothing to do.
pub const FINISHED: &str = "finished";

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
            } = about;
            connection.execute(
                "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
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
                ],
            )?;
            Ok(())
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

    /// What the run is.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn about(&self) -> Result<About, JournalError> {
        let sql = "SELECT id, input_name, input_format, columns, zone, rows, input_bytes, \
                   input_sha256, input_ended, input_source, name FROM run";
        let about = self.connection.query_row(sql, [], |row| {
            let (id, columns): (String, String) = (row.get(0)?, row.get(3)?);
            let (bytes, sha256): (Option<i64>, Option<String>) = (row.get(6)?, row.get(7)?);
            let rows: Option<i64> = row.get(5)?;
            let ended: bool = row.get(8)?;
            let source: String = row.get(9)?;
            Ok(About {
                id: RunId::parse(&id).ok_or(rusqlite::Error::InvalidQuery)?,
                name: row.get(10)?,
                input_name: row.get(1)?,
                input_format: row.get(2)?,
                source: match source.as_str() {
                    "file" => InputSource::File,
                    _ => InputSource::Stream,
                },
                columns: serde_json::from_str::<Vec<Box<str>>>(&columns)
                    .map_err(|_| rusqlite::Error::InvalidQuery)?
                    .into(),
                zone: row.get(4)?,
                rows: rows.map(i64::unsigned_abs),
                copy: bytes
                    .zip(sha256)
                    .map(|(bytes, sha256)| Copied { bytes: bytes.unsigned_abs(), sha256 }),
                input: if ended { InputState::Ended } else { InputState::Incomplete },
            })
        });
        about.map_err(|error| self.damaged(&error))
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
        let Opening { began, target, lookahead, limit, reopens } = opening;
        let commit = self.connection.transaction()?;
        let last: Option<u32> =
            commit.query_row("SELECT max(session) FROM session", [], |row| row.get(0))?;
        let session = last.unwrap_or(0) + 1;
        commit.execute(
            "INSERT INTO session (session, began, pid, target, lookahead, row_limit, retry_failed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                session,
                began.as_millisecond(),
                std::process::id(),
                target,
                signed(*lookahead),
                limit.map(signed),
                reopens.is_some(),
            ],
        )?;
        if let Some(already) = reopens {
            let mark = format!(
                "UPDATE record SET reopened_by = ?1 WHERE reopened_by IS NULL AND outcome IN ({})",
                bad_words(*already)
            );
            commit.execute(&mark, [session])?;
        }
        {
            let mut add = commit.prepare(rows::ADD_OPEN)?;
            for (line, prior) in doubts.iter().filter(|(_, prior)| is_worth_keeping(prior)) {
                rows::bind_open(&mut add, session, "begin", (*line, prior))?;
                add.raw_execute()?;
            }
        }
        commit.commit()?;
        Ok(session)
    }

    /// Writes what was settled, in one commit.
    ///
    /// # Errors
    ///
    /// Where it cannot be written: then none of it is.
    pub fn settle<'a>(
        &mut self,
        records: impl Iterator<Item = &'a Record>,
    ) -> Result<(), JournalError> {
        let session = self.session;
        let write = |connection: &mut Connection| -> rusqlite::Result<()> {
            let commit = connection.transaction()?;
            {
                let mut add = commit.prepare_cached(rows::ADD)?;
                for record in records {
                    rows::bind(&mut add, session, record)?;
                    add.raw_execute()?;
                }
            }
            commit.commit()
        };
        write(&mut self.connection).map_err(|source| self.failed(source))?;
        self.is_still_there()
    }

    /// A link was found for a row that is settled.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn add_links<'a>(
        &mut self,
        links: impl Iterator<Item = (u64, &'a str)>,
    ) -> Result<(), JournalError> {
        let write = |connection: &mut Connection| -> rusqlite::Result<()> {
            let commit = connection.transaction()?;
            for (line, link) in links {
                commit.execute(
                    "UPDATE record SET task_url = ?2 WHERE line = ?1 AND reopened_by IS NULL",
                    params![signed(line), link],
                )?;
            }
            commit.commit()
        };
        write(&mut self.connection).map_err(|source| self.failed(source))
    }

    /// All of the input was read: `copy` is all of it.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn input_ended(&mut self, rows: u64, copy: &Copied) -> Result<(), JournalError> {
        let note = self.connection.execute(
            "UPDATE run SET rows = ?1, input_bytes = ?2, input_sha256 = ?3, input_ended = 1",
            params![signed(rows), signed(copy.bytes), copy.sha256],
        );
        note.map(drop).map_err(|source| self.failed(source))
    }

    /// Ends the session in order: `open` rows were sent and are not settled.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn end(&mut self, open: &Doubts) -> Result<(), JournalError> {
        let session = self.session;
        let write = |connection: &mut Connection| -> rusqlite::Result<()> {
            let commit = connection.transaction()?;
            {
                let mut add = commit.prepare(rows::ADD_OPEN)?;
                for (line, prior) in open {
                    rows::bind_open(&mut add, session, "end", (*line, prior))?;
                    add.raw_execute()?;
                }
            }
            commit.execute(
                "UPDATE session SET ended = ?2 WHERE session = ?1",
                params![session, Timestamp::now().as_millisecond()],
            )?;
            commit.commit()
        };
        write(&mut self.connection).map_err(|source| self.failed(source))
    }

    /// Notes how the session came out.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn came_out(&mut self, ending: &str, exit: u8) -> Result<(), JournalError> {
        let note = self.connection.execute(
            "UPDATE session SET ending = ?2, exit = ?3 WHERE session = ?1",
            params![self.session, ending, exit],
        );
        note.map(drop).map_err(|source| self.failed(source))
    }

    /// From now on the journal is seen as it is now, whatever others write into it.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn freeze(&self) -> Result<(), JournalError> {
        self.connection.execute_batch("BEGIN").map_err(|error| self.damaged(&error))
    }

    /// The lines of all rows that have their last word.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn settled(&self) -> Result<Lines, JournalError> {
        self.lines("SELECT line FROM record WHERE reopened_by IS NULL ORDER BY line")
    }

    /// The lines of rows that count as bad, and would be taken up again; of an
    /// input that cannot be used, none would.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn bad(&self, already: AlreadyStarted) -> Result<Doubts, JournalError> {
        let sql = format!(
            "{} WHERE reopened_by IS NULL AND outcome IN ({})",
            rows::READ,
            bad_words(already)
        );
        let mut bad = Doubts::new();
        self.each(&sql, &mut |record| {
            bad.insert(record.row.line, crate::resume::reopened(record));
            Ok::<_, JournalError>(())
        })?;
        Ok(bad)
    }

    fn lines(&self, sql: &str) -> Result<Lines, JournalError> {
        let read = || -> rusqlite::Result<Lines> {
            let mut select = self.connection.prepare(sql)?;
            let lines = select.query_map([], |row| row.get::<_, i64>(0))?;
            lines.map(|line| line.map(i64::unsigned_abs)).collect()
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// What the session before left behind.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn last_session(&self) -> Result<LastSession, JournalError> {
        let read = || -> rusqlite::Result<LastSession> {
            let sql = "SELECT session, began, lookahead, row_limit, ended FROM session \
                       ORDER BY session DESC LIMIT 1";
            let read = |row: &rusqlite::Row<'_>| {
                let (session, ended): (u32, Option<i64>) = (row.get(0)?, row.get(4)?);
                let (began, lookahead): (i64, i64) = (row.get(1)?, row.get(2)?);
                let limit: Option<i64> = row.get(3)?;
                let ending = match ended {
                    Some(_) => LastEnding::Orderly(self.open_rows(session, "end")?),
                    None => LastEnding::Unknown {
                        lookahead: lookahead.unsigned_abs(),
                        limit: limit.map(i64::unsigned_abs),
                        settled: self.launched_by(session)?,
                        began: Timestamp::from_millisecond(began)
                            .map_err(|_| rusqlite::Error::InvalidQuery)?,
                    },
                };
                Ok((session, ending))
            };
            let last = self.connection.query_row(sql, [], read).optional()?;
            let Some((session, ending)) = last else { return Ok(LastSession::default()) };
            Ok(LastSession { doubts: self.open_rows(session, "begin")?, ending })
        };
        read().map_err(|error| self.damaged(&error))
    }

    fn open_rows(&self, session: u32, known_at: &str) -> rusqlite::Result<Doubts> {
        let sql = format!("{} WHERE session = ?1 AND known_at = ?2", rows::READ_OPEN);
        let mut select = self.connection.prepare(&sql)?;
        select.query_map(params![session, known_at], rows::open)?.collect()
    }

    fn launched_by(&self, session: u32) -> rusqlite::Result<u64> {
        let sql = "SELECT count(*) FROM record WHERE session = ?1 \
                   AND outcome NOT IN ('invalid', 'duplicate')";
        let count: i64 = self.connection.query_row(sql, [session], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Whether any request was sent, or may have been.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn sent_anything(&self) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM record WHERE attempts > 0) OR EXISTS \
                   (SELECT 1 FROM open_row WHERE attempts > 0) OR EXISTS \
                   (SELECT 1 FROM session WHERE ended IS NULL)";
        let sent = self.connection.query_row(sql, [], |row| row.get(0));
        sent.map_err(|error| self.damaged(&error))
    }

    /// The sessions so far.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn sessions(&self) -> Result<Vec<Session>, JournalError> {
        let read = || -> rusqlite::Result<Vec<Session>> {
            let sql = "SELECT session, began, target, retry_failed, ended, ending, exit \
                       FROM session ORDER BY session";
            let time = |millis| {
                Timestamp::from_millisecond(millis).map_err(|_| rusqlite::Error::InvalidQuery)
            };
            let mut select = self.connection.prepare(sql)?;
            let sessions = select.query_map([], |row| {
                let ended: Option<i64> = row.get(4)?;
                Ok(Session {
                    number: row.get(0)?,
                    began: time(row.get(1)?)?,
                    target: row.get(2)?,
                    retry_failed: row.get(3)?,
                    ended: ended.map(time).transpose()?,
                    ending: row.get(5)?,
                    exit: row.get(6)?,
                })
            })?;
            sessions.collect()
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// How many rows have each outcome as their last word.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn counts(&self) -> Result<Vec<(String, u64)>, JournalError> {
        let read = || -> rusqlite::Result<Vec<(String, u64)>> {
            let sql = "SELECT outcome, count(*) FROM record WHERE reopened_by IS NULL \
                       GROUP BY outcome";
            let mut select = self.connection.prepare(sql)?;
            let counts = select
                .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            counts.collect()
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// Gives every last word to `each`, which may fail in its own way.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged, or `each` fails.
    pub fn replay<E: From<JournalError>>(
        &self,
        order: Order,
        each: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let order = match order {
            Order::Settled => "seq",
            Order::Input => "line",
        };
        let sql = format!("{} WHERE reopened_by IS NULL ORDER BY {order}", rows::READ);
        self.each(&sql, each)
    }

    fn each<E: From<JournalError>>(
        &self,
        sql: &str,
        each: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let damaged = |error: rusqlite::Error| E::from(self.damaged(&error));
        let mut select = self.connection.prepare(sql).map_err(damaged)?;
        let mut found = select.query([]).map_err(damaged)?;
        while let Some(stored) = found.next().map_err(damaged)? {
            each(rows::record(stored).map_err(damaged)?)?;
        }
        Ok(())
    }

    fn failed(&self, source: rusqlite::Error) -> JournalError {
        JournalError::Write { path: self.path.clone(), source }
    }

    fn damaged(&self, error: &rusqlite::Error) -> JournalError {
        JournalError::NotOne { path: self.path.clone(), what: error.to_string() }
    }

    /// A file that was taken away is written without an error, to nowhere.
    fn is_still_there(&self) -> Result<(), JournalError> {
        match inode(&self.path) {
            Some(inode) if inode == self.inode => Ok(()),
            _ => Err(JournalError::Gone { path: self.path.clone() }),
        }
    }
}

/// Rows that were taken up again and surely were not started are in the history.
fn is_worth_keeping(prior: &Prior) -> bool {
    prior.doubt != Doubt::None || prior.last.is_some()
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
