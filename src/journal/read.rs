//! Reads from a journal the run, its sessions, and the final record of every row.
//!
//! Nothing here changes the journal.

use enum_map::EnumMap;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Params, named_params};

use super::about::{About, Copied, InputState};
use super::columns::{READ_OPEN_ROW, READ_RECORD};
use super::error::JournalError;
use super::file::{Journal, failure_words};
use super::rows::{self, KnownAt};
use super::session::PastSession;
use crate::domain::answer::FailureClass;
use crate::domain::clocks::Boot;
use crate::domain::lines::Lines;
use crate::domain::record::{AlreadyStarted, Doubt, OutcomeKind, Record};
use crate::domain::request_id::RunId;
use crate::rules::course::{AnswerTimes, Confirmation, LastAnswers};
use crate::rules::intents::{Intents, unpack};
use crate::rules::resume::{Doubts, LastEnding, LastSession};
use crate::rules::server_time::Sighting;

/// Order in which records are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Settled,
    Input,
}

impl Journal {
    /// Reads the facts about the run.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn about(&self) -> Result<About, JournalError> {
        let sql = "SELECT id, input_name, input_format, columns, zone, rows, input_bytes, \
                   input_sha256, input_ended, input_source, name, agreed_to FROM run";
        let about = self.connection.query_row(sql, [], |row| {
            let (id, columns): (String, String) = (row.get("id")?, row.get("columns")?);
            let bytes: Option<i64> = row.get("input_bytes")?;
            let sha256: Option<String> = row.get("input_sha256")?;
            let rows: Option<i64> = row.get("rows")?;
            let agreed_to: Option<i64> = row.get("agreed_to")?;
            let ended: bool = row.get("input_ended")?;
            let source: String = row.get("input_source")?;
            Ok(About {
                id: RunId::parse(&id).ok_or(rusqlite::Error::InvalidQuery)?,
                name: row.get("name")?,
                input_name: row.get("input_name")?,
                input_format: row.get("input_format")?,
                source: source.parse().map_err(|_| rows::foreign("input_source", &source))?,
                columns: serde_json::from_str::<Vec<Box<str>>>(&columns)
                    .map_err(|_| rusqlite::Error::InvalidQuery)?
                    .into(),
                zone: row.get("zone")?,
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

    /// Fixes the view of the journal until [`thaw`](Self::thaw), whatever others write into it.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal cannot be read.
    pub fn freeze(&self) -> Result<(), JournalError> {
        self.connection.execute_batch("BEGIN").map_err(|error| self.damaged(&error))
    }

    /// Ends the fixed view of [`freeze`](Self::freeze).
    ///
    /// # Errors
    ///
    /// Returns an error if the journal cannot be read.
    pub fn thaw(&self) -> Result<(), JournalError> {
        self.connection.execute_batch("COMMIT").map_err(|error| self.damaged(&error))
    }

    /// Reads the lines of all settled rows.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn settled(&self) -> Result<Lines, JournalError> {
        self.lines("SELECT line FROM record WHERE reopened_by IS NULL ORDER BY line")
    }

    /// Reads the rows that count as bad, and would be sent again.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn bad(&self, already: AlreadyStarted) -> Result<Doubts, JournalError> {
        let sql = format!(
            "{} WHERE reopened_by IS NULL AND outcome IN ({})",
            READ_RECORD,
            failure_words(already)
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

    /// Reads what the previous session left behind.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn last_session(&self) -> Result<LastSession, JournalError> {
        let read = || -> rusqlite::Result<LastSession> {
            let sql = "SELECT session, boot, ended FROM session ORDER BY session DESC LIMIT 1";
            let read = |row: &rusqlite::Row<'_>| {
                let (boot, ended): (String, Option<i64>) = (row.get("boot")?, row.get("ended")?);
                Ok((row.get::<_, u32>("session")?, boot, ended))
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

    /// Reads the rows that a session may have sent, which it noted before sending.
    fn intents(&self, session: u32, boot: Boot) -> rusqlite::Result<Vec<Intents>> {
        let sql = "SELECT wall, since_boot, date, dated_wall, dated_since_boot, lines FROM intent \
                   WHERE session = :session ORDER BY seq";
        let mut select = self.connection.prepare(sql)?;
        let intents = select.query_map(named_params! { ":session": session }, |row| {
            let reading =
                |wall, since_boot| rows::reading(row.get(wall)?, row.get(since_boot)?, Some(boot));
            let at = reading("wall", "since_boot")?;
            let dated_at = reading("dated_wall", "dated_since_boot")?;
            let date = rows::time(row.get("date")?)?;
            let packed: Vec<u8> = row.get("lines")?;
            Ok(Intents {
                lines: unpack(&packed).map_err(|_| rusqlite::Error::InvalidQuery)?,
                at: at.ok_or(rusqlite::Error::InvalidQuery)?,
                sighting: date.zip(dated_at).map(|(date, at)| Sighting { date, at }),
            })
        })?;
        intents.collect()
    }

    fn open_rows(&self, session: u32, known_at: KnownAt) -> rusqlite::Result<Doubts> {
        let sql = format!("{READ_OPEN_ROW} WHERE session = :session AND known_at = :known_at");
        let mut select = self.connection.prepare(&sql)?;
        let of = named_params! { ":session": session, ":known_at": known_at.as_str() };
        select.query_map(of, rows::open)?.collect()
    }

    /// Whether a request reached a bk-sops, or may have. A request that was refused for its URL or
    /// credentials, or certainly never left, did not.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn sent_anything(&self) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM record WHERE attempts > 0) OR EXISTS \
                   (SELECT 1 FROM open_row WHERE attempts > 0 AND NOT (doubt = :none \
                   AND (error IN (:config, :auth) OR http_status IS NULL))) OR EXISTS \
                   (SELECT 1 FROM session WHERE ended IS NULL)";
        let words = named_params! {
            ":none": Doubt::None.as_str(),
            ":config": FailureClass::Config.as_str(),
            ":auth": FailureClass::Auth.as_str(),
        };
        let sent = self.connection.query_row(sql, words, |row| row.get(0));
        sent.map_err(|error| self.damaged(&error))
    }

    /// Reads the sessions so far.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn sessions(&self) -> Result<Vec<PastSession>, JournalError> {
        let read = || -> rusqlite::Result<Vec<PastSession>> {
            let sql = "SELECT session, began, target, retry_failed, ended, ending, exit, waits_until, \
                       draining, request_s, row_s, row_requests, confirmed FROM session \
                       ORDER BY session";
            let time = |millis| {
                Timestamp::from_millisecond(millis).map_err(|_| rusqlite::Error::InvalidQuery)
            };
            let mut select = self.connection.prepare(sql)?;
            let sessions = select.query_map([], |row| {
                let ended: Option<i64> = row.get("ended")?;
                let waits_until: Option<i64> = row.get("waits_until")?;
                Ok(PastSession {
                    number: row.get("session")?,
                    began: time(row.get("began")?)?,
                    waits_until: waits_until.map(time).transpose()?,
                    target: row.get("target")?,
                    retry_failed: row.get("retry_failed")?,
                    draining: row.get("draining")?,
                    ended: ended.map(time).transpose()?,
                    ending: row.get("ending")?,
                    exit: row.get("exit")?,
                    answers: answers(row)?,
                })
            })?;
            sessions.collect()
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// Counts the settled rows by outcome.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn counts(&self) -> Result<EnumMap<OutcomeKind, u64>, JournalError> {
        let read = || -> rusqlite::Result<EnumMap<OutcomeKind, u64>> {
            let sql = "SELECT outcome, count(*) FROM record WHERE reopened_by IS NULL \
                       GROUP BY outcome";
            let mut select = self.connection.prepare(sql)?;
            let counts = select.query_map([], |row| {
                let (word, count): (String, i64) = (row.get(0)?, row.get(1)?);
                let outcome = word.parse().map_err(|_| rows::foreign("outcome", &word))?;
                Ok((outcome, count.unsigned_abs()))
            })?;
            counts.collect()
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// Passes the records of earlier sessions to `each`, in the order in which they were settled.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged, or `each` fails.
    pub fn replay_earlier<E: From<JournalError>>(
        &self,
        each: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let (read, session) = (READ_RECORD, self.session);
        let sql = format!("{read} WHERE reopened_by IS NULL AND session < {session} ORDER BY seq");
        self.each(&sql, each)
    }

    /// Counts the rows that a stop cut off after the server had accepted them; they are not
    /// settled.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn unconfirmed(&self) -> Result<u64, JournalError> {
        let sql = "SELECT count(DISTINCT line) FROM open_row \
                   WHERE session = (SELECT max(session) FROM session) AND doubt = :accepted \
                   AND line NOT IN (SELECT line FROM record WHERE reopened_by IS NULL)";
        let accepted = named_params! { ":accepted": Doubt::Accepted.as_str() };
        let count = self.connection.query_row(sql, accepted, |row| row.get::<_, i64>(0));
        count.map(i64::unsigned_abs).map_err(|error| self.damaged(&error))
    }

    /// Passes the record of every settled row to `each`, which may fail with an error of its own.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged, or `each` fails.
    pub fn replay<E: From<JournalError>>(
        &self,
        order: Order,
        each: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let order = match order {
            Order::Settled => "seq",
            Order::Input => "line",
        };
        let sql = format!("{READ_RECORD} WHERE reopened_by IS NULL ORDER BY {order}");
        self.each(&sql, each)
    }

    fn each<E: From<JournalError>>(
        &self,
        sql: &str,
        each: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each_of(sql, [], each)
    }

    /// Passes the records that `sql`, with these parameters, finds to `each`.
    pub(super) fn each_of<E: From<JournalError>>(
        &self,
        sql: &str,
        parameters: impl Params,
        each: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let damaged = |error: rusqlite::Error| E::from(self.damaged(&error));
        let mut select = self.connection.prepare(sql).map_err(damaged)?;
        let mut found = select.query(parameters).map_err(damaged)?;
        while let Some(stored) = found.next().map_err(damaged)? {
            each(rows::record(stored).map_err(damaged)?)?;
        }
        Ok(())
    }

    pub(super) fn damaged(&self, error: &rusqlite::Error) -> JournalError {
        JournalError::NotOne { path: self.path.clone(), what: error.to_string() }
    }
}

/// Reads how long the server took for the answers of a session.
fn answers(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<LastAnswers>> {
    let Some(requests) = row.get("row_requests")? else { return Ok(None) };
    let times = AnswerTimes { request: row.get("request_s")?, row: row.get("row_s")?, requests };
    let confirmed: bool = row.get("confirmed")?;
    let questions = if confirmed { Confirmation::EachRow } else { Confirmation::None };
    Ok(Some(LastAnswers { times, questions }))
}
