//! What a journal gives back: what the run is, its sessions, and every last word.
//!
//! It changes nothing.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::rows::KnownAt;
use super::{About, Copied, InputSource, InputState, Journal, JournalError, Order, PastSession};
use super::{bad_words, rows};
use crate::domain::clocks::Boot;
use crate::domain::record::{AlreadyStarted, Record};
use crate::domain::request_id::RunId;
use crate::rules::intents::{Intents, unpack};
use crate::rules::resume::{Doubts, LastEnding, LastSession, Lines};
use crate::rules::server_time::Sighting;

impl Journal {
    /// What the run is.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn about(&self) -> Result<About, JournalError> {
        let sql = "SELECT id, input_name, input_format, columns, zone, rows, input_bytes, \
                   input_sha256, input_ended, input_source, name, agreed_to FROM run";
        let about = self.connection.query_row(sql, [], |row| {
            let (id, columns): (String, String) = (row.get(0)?, row.get(3)?);
            let (bytes, sha256): (Option<i64>, Option<String>) = (row.get(6)?, row.get(7)?);
            let (rows, agreed_to): (Option<i64>, Option<i64>) = (row.get(5)?, row.get(11)?);
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
                agreed_to: agreed_to.map(i64::unsigned_abs),
            })
        });
        about.map_err(|error| self.damaged(&error))
    }

    /// From now on the journal is seen as it is now, whatever others write into it.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn freeze(&self) -> Result<(), JournalError> {
        self.connection.execute_batch("BEGIN").map_err(|error| self.damaged(&error))
    }

    /// Ends what [`freeze`](Self::freeze) began.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn thaw(&self) -> Result<(), JournalError> {
        self.connection.execute_batch("COMMIT").map_err(|error| self.damaged(&error))
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
            bad.insert(record.row.line, crate::rules::resume::reopened(record));
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
            let sql = "SELECT session, boot, ended FROM session ORDER BY session DESC LIMIT 1";
            let read = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<i64>>(2)?))
            };
            let last = self.connection.query_row(sql, [], read).optional()?;
            let Some((session, boot, ended)) = last else { return Ok(LastSession::default()) };
            let ending = match ended {
                Some(_) => LastEnding::Orderly(self.open_rows(session, KnownAt::End)?),
                None => LastEnding::Unknown(self.intents(session, rows::boot(&boot)?)?),
            };
            let mut doubts = self.open_rows(session, KnownAt::Begin)?;
            doubts.extend(self.open_rows(session, KnownAt::Accepted)?);
            Ok(LastSession { doubts, ending })
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// The rows that a session may have sent, as it noted them before.
    fn intents(&self, session: u32, boot: Boot) -> rusqlite::Result<Vec<Intents>> {
        let sql = "SELECT wall, since_boot, date, dated_wall, dated_since_boot, lines FROM intent \
                   WHERE session = ?1 ORDER BY seq";
        let mut select = self.connection.prepare(sql)?;
        let intents = select.query_map([session], |row| {
            let at = rows::reading(row, (0, 1), Some(boot))?;
            let dated_at = rows::reading(row, (3, 4), Some(boot))?;
            let date = rows::time(row, 2)?;
            let packed: Vec<u8> = row.get(5)?;
            Ok(Intents {
                lines: unpack(&packed).map_err(|_| rusqlite::Error::InvalidQuery)?,
                at: at.ok_or(rusqlite::Error::InvalidQuery)?,
                sighting: date.zip(dated_at).map(|(date, at)| Sighting { date, at }),
            })
        })?;
        intents.collect()
    }

    fn open_rows(&self, session: u32, known_at: KnownAt) -> rusqlite::Result<Doubts> {
        let sql = format!("{} WHERE session = ?1 AND known_at = ?2", rows::READ_OPEN);
        let mut select = self.connection.prepare(&sql)?;
        select.query_map(params![session, known_at.as_str()], rows::open)?.collect()
    }

    /// Whether any request reached a bk-sops, or may have: one that was refused for its
    /// URL or credentials, or surely never left, did not.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn sent_anything(&self) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM record WHERE attempts > 0) OR EXISTS \
                   (SELECT 1 FROM open_row WHERE attempts > 0 AND NOT (doubt = 'none' \
                   AND (error IN ('config', 'auth') OR http_status IS NULL))) OR EXISTS \
                   (SELECT 1 FROM session WHERE ended IS NULL)";
        let sent = self.connection.query_row(sql, [], |row| row.get(0));
        sent.map_err(|error| self.damaged(&error))
    }

    /// The sessions so far.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged.
    pub fn sessions(&self) -> Result<Vec<PastSession>, JournalError> {
        let read = || -> rusqlite::Result<Vec<PastSession>> {
            let sql = "SELECT session, began, target, retry_failed, ended, ending, exit, waits_until, \
                       draining FROM session ORDER BY session";
            let time = |millis| {
                Timestamp::from_millisecond(millis).map_err(|_| rusqlite::Error::InvalidQuery)
            };
            let mut select = self.connection.prepare(sql)?;
            let sessions = select.query_map([], |row| {
                let (ended, waits_until): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(7)?);
                Ok(PastSession {
                    number: row.get(0)?,
                    began: time(row.get(1)?)?,
                    waits_until: waits_until.map(time).transpose()?,
                    target: row.get(2)?,
                    retry_failed: row.get(3)?,
                    draining: row.get(8)?,
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

    /// Gives the last words of earlier sessions to `each`, as they were settled.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged, or `each` fails.
    pub fn replay_earlier<E: From<JournalError>>(
        &self,
        each: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let (read, session) = (rows::READ, self.session);
        let sql = format!("{read} WHERE reopened_by IS NULL AND session < {session} ORDER BY seq");
        self.each(&sql, each)
    }

    /// Number of rows that a stop cut off after the server had accepted them: they are not settled.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn unconfirmed(&self) -> Result<u64, JournalError> {
        let sql = "SELECT count(DISTINCT line) FROM open_row \
                   WHERE session = (SELECT max(session) FROM session) AND doubt = 'accepted' \
                   AND line NOT IN (SELECT line FROM record WHERE reopened_by IS NULL)";
        let count = self.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        count.map(i64::unsigned_abs).map_err(|error| self.damaged(&error))
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

    pub(super) fn damaged(&self, error: &rusqlite::Error) -> JournalError {
        JournalError::NotOne { path: self.path.clone(), what: error.to_string() }
    }
}
