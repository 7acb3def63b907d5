//! Records and open rows as rows of tables, and back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Row as Stored, Statement};
use strum::IntoStaticStr;

use super::error::Foreign;
use crate::domain::answer::{FailureClass, Reply};
use crate::domain::clocks::{Boot, Reading};
use crate::domain::record::{
    Attempted, Doubt, Ending, FirstSent, KnownBy, Outcome, Prior, Reason, Record,
};
use crate::domain::request_id::RequestId;
use crate::domain::row::{BadRow, Fault, Row};
use crate::domain::task::{Business, Id, Scope, Task};

/// Adds a record; the parameters are bound in this order.
pub(super) const ADD: &str = "INSERT INTO record (session, line, bk_biz_id, task_id, scope, outcome, \
    known_by, result, code, message, task_url, request_id, trace_id, client_request_id, \
    http_status, error, latency_ms, started_at, server_time, sent_wall, sent_since_boot, \
    sent_boot, attempts, elapsed_ms, carried) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, \
    ?20, ?21, ?22, ?23, ?24, ?25)";

/// What is read of a record, in the order in which [`record`] takes it.
pub(super) const READ: &str = "SELECT line, bk_biz_id, task_id, scope, outcome, known_by, attempts, \
    elapsed_ms, carried, server_time, sent_wall, sent_since_boot, sent_boot, result, code, message, task_url, request_id, trace_id, \
    client_request_id, http_status, error, started_at, latency_ms FROM record";

/// When a session knew that a row was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum KnownAt {
    /// When it began.
    Begin,
    /// When the server accepted the row.
    Accepted,
    /// When it ended in order.
    End,
}

impl KnownAt {
    /// The word that stands in the journal.
    pub(super) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Adds an open row. One that is accepted once more takes the place of the one before.
pub(super) const ADD_OPEN: &str = "INSERT OR REPLACE INTO open_row (session, known_at, line, doubt, attempts, \
    result, code, message, task_url, request_id, trace_id, client_request_id, http_status, error, \
    latency_ms, started_at, server_time, sent_wall, sent_since_boot, sent_boot) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
    ?22)";

/// What is read of an open row, in the order in which [`open`] takes it.
pub(super) const READ_OPEN: &str = "SELECT line, doubt, attempts, server_time, sent_wall, \
    sent_since_boot, sent_boot, result, code, message, task_url, request_id, trace_id, client_request_id, http_status, error, started_at, latency_ms \
    FROM open_row";

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Binds `record`, of `session`, to [`ADD`].
pub(super) fn bind(add: &mut Statement<'_>, session: u32, record: &Record) -> rusqlite::Result<()> {
    let Record { row, outcome, ending: _, attempts, first_sent, last, reason, elapsed } = record;
    add.raw_bind_parameter(1, session)?;
    add.raw_bind_parameter(2, signed(row.line))?;
    match &row.task {
        Ok(task) => {
            add.raw_bind_parameter(3, signed(task.business.id.get()))?;
            add.raw_bind_parameter(4, signed(task.id.get()))?;
            add.raw_bind_parameter(5, task.business.scope.as_str())?;
        }
        Err(bad) => {
            add.raw_bind_parameter(3, &*bad.biz_id)?;
            add.raw_bind_parameter(4, &*bad.task_id)?;
            add.raw_bind_parameter(5, &*bad.scope)?;
        }
    }
    add.raw_bind_parameter(6, outcome.as_str())?;
    add.raw_bind_parameter(7, outcome.known_by().map(KnownBy::as_str))?;
    bind_last(add, last.as_deref())?;
    // A record has one text and one class: those that the reports show.
    if let Some(Reason { class, message }) = reason.as_deref() {
        add.raw_bind_parameter(10, message)?;
        add.raw_bind_parameter(16, class.as_str())?;
    }
    if let Err(bad) = &row.task {
        add.raw_bind_parameter(16, bad.fault.to_string())?;
    }
    bind_first_sent(add, *first_sent)?;
    add.raw_bind_parameter(23, attempts)?;
    add.raw_bind_parameter(24, elapsed.map(millis))?;
    let carried =
        if row.carried.is_empty() { None } else { serde_json::to_string(&row.carried).ok() };
    add.raw_bind_parameter(25, carried)
}

/// Binds an open row of `session` to [`ADD_OPEN`].
pub(super) fn bind_open(
    add: &mut Statement<'_>,
    session: u32,
    known_at: KnownAt,
    (line, prior): (u64, &Prior),
) -> rusqlite::Result<()> {
    let Prior { doubt, attempts, first_sent, last } = prior;
    add.raw_bind_parameter(1, session)?;
    add.raw_bind_parameter(2, known_at.as_str())?;
    add.raw_bind_parameter(3, signed(line))?;
    add.raw_bind_parameter(4, doubt.as_str())?;
    add.raw_bind_parameter(5, attempts)?;
    bind_first_sent(add, *first_sent)?;
    bind_last(add, last.as_deref())
}

/// Binds when the first attempt left to the parameters 19 to 22, which both statements
/// have in common.
fn bind_first_sent(add: &mut Statement<'_>, first: Option<FirstSent>) -> rusqlite::Result<()> {
    let FirstSent { server, local } = first.unwrap_or_default();
    add.raw_bind_parameter(19, server.map(Timestamp::as_millisecond))?;
    add.raw_bind_parameter(20, local.map(|at| at.wall.as_millisecond()))?;
    add.raw_bind_parameter(21, local.map(|at| signed_millis(at.since_boot)))?;
    add.raw_bind_parameter(22, local.map(|at| boot_text(at.boot)))
}

/// A time since the machine's start, as it is stored.
pub(super) fn signed_millis(time: SignedDuration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A start of a machine, as it is stored.
pub(super) fn boot_text(boot: Boot) -> String {
    format!("{:032x}", boot.0)
}

/// Reads a start of a machine.
pub(super) fn boot(text: &str) -> rusqlite::Result<Boot> {
    u128::from_str_radix(text, 16).map(Boot).map_err(|_| foreign("boot", text))
}

/// Reads both clocks; `None` if they are not stored.
pub(super) fn reading(
    stored: &Stored<'_>,
    (wall, since_boot): (usize, usize),
    boot: Option<Boot>,
) -> rusqlite::Result<Option<Reading>> {
    let since_boot: Option<i64> = stored.get(since_boot)?;
    let (Some(wall), Some(since_boot), Some(boot)) = (time(stored, wall)?, since_boot, boot) else {
        return Ok(None);
    };
    let since_boot = SignedDuration::from_millis(since_boot);
    Ok(Some(Reading { wall, since_boot, boot }))
}

/// Reads when the first attempt left, whose columns begin at `from`.
fn first_sent(stored: &Stored<'_>, from: usize) -> rusqlite::Result<Option<FirstSent>> {
    let boot_text: Option<String> = stored.get(from + 3)?;
    let boot = boot_text.as_deref().map(boot).transpose()?;
    let local = reading(stored, (from + 1, from + 2), boot)?;
    let first = FirstSent { server: time(stored, from)?, local };
    Ok(Some(first).filter(|first| *first != FirstSent::default()))
}

/// Binds the last request of a row to the parameters 8 to 18, which both
/// statements have in common.
fn bind_last(add: &mut Statement<'_>, last: Option<&Attempted>) -> rusqlite::Result<()> {
    const NONE: Option<&str> = None;
    let Some(Attempted { id, sent, latency, reply, class }) = last else {
        return (8..=18).try_for_each(|at| add.raw_bind_parameter(at, NONE));
    };
    add.raw_bind_parameter(8, reply.result)?;
    let texts: [&str; 6] = [
        &reply.code,
        &reply.message,
        &reply.task_url,
        &reply.request_id,
        &reply.trace_id,
        id.as_str(),
    ];
    for (at, text) in (9..).zip(texts) {
        add.raw_bind_parameter(at, text)?;
    }
    add.raw_bind_parameter(15, reply.http_status)?;
    add.raw_bind_parameter(16, class.map(FailureClass::as_str))?;
    add.raw_bind_parameter(17, millis(*latency))?;
    add.raw_bind_parameter(18, sent.as_millisecond())
}

/// Reads a record that [`READ`] found.
pub(super) fn record(stored: &Stored<'_>) -> rusqlite::Result<Record> {
    let outcome: String = stored.get(4)?;
    let known_by: Option<String> = stored.get(5)?;
    let outcome = Outcome::of_words(&outcome, known_by.as_deref())
        .map_err(|_| foreign("outcome", &outcome))?;
    let scope: String = stored.get(3)?;
    let task = if outcome == Outcome::Invalid {
        Err(Box::new(BadRow {
            biz_id: text(stored.get_ref(1)?),
            task_id: text(stored.get_ref(2)?),
            scope,
            fault: Fault { column: None, reason: stored.get(21)? },
        }))
    } else {
        let scope: Scope = scope.parse().map_err(|_| foreign("scope", &scope))?;
        let business = Business { scope, id: id(stored, 1, "bk_biz_id")? };
        Ok(Task { business, id: id(stored, 2, "task_id")? })
    };
    let carried: Option<String> = stored.get(8)?;
    let carried = match carried {
        None => Box::default(),
        Some(json) => serde_json::from_str(&json).map_err(|_| foreign("carried", &json))?,
    };
    let is_invalid = matches!(outcome, Outcome::Invalid);
    let last = if is_invalid { None } else { last(stored, 13)? };
    let reason = if is_invalid || last.is_some() { None } else { reason(stored, 13)? };
    Ok(Record {
        row: Row { line: unsigned(stored, 0)?, task, carried },
        outcome,
        ending: Ending::Settled,
        attempts: stored.get(6)?,
        first_sent: first_sent(stored, 9)?,
        last,
        reason,
        elapsed: duration(stored, 7)?,
    })
}

/// Reads an open row that [`READ_OPEN`] found.
pub(super) fn open(stored: &Stored<'_>) -> rusqlite::Result<(u64, Prior)> {
    let doubt: String = stored.get(1)?;
    let doubt: Doubt = doubt.parse().map_err(|_| foreign("doubt", &doubt))?;
    let prior = Prior {
        doubt,
        attempts: stored.get(2)?,
        first_sent: first_sent(stored, 3)?,
        last: last(stored, 7)?,
    };
    Ok((unsigned(stored, 0)?, prior))
}

/// Reads the last request, whose columns begin at `from`.
fn last(stored: &Stored<'_>, from: usize) -> rusqlite::Result<Option<Box<Attempted>>> {
    let Some(sent) = time(stored, from + 9)? else { return Ok(None) };
    let class = class(stored, from + 8)?;
    let text = |at: usize| stored.get::<_, Box<str>>(from + at);
    Ok(Some(Box::new(Attempted {
        id: RequestId::restored(&text(6)?),
        sent,
        latency: duration(stored, from + 10)?.unwrap_or_default(),
        reply: Reply {
            http_status: stored.get(from + 7)?,
            result: stored.get(from)?,
            code: text(1)?,
            message: text(2)?,
            task_url: text(3)?,
            request_id: text(4)?,
            trace_id: text(5)?,
        },
        class,
    })))
}

/// Reads why a row ended so that was never sent, from the same columns.
fn reason(stored: &Stored<'_>, from: usize) -> rusqlite::Result<Option<Box<Reason>>> {
    let Some(class) = class(stored, from + 8)? else { return Ok(None) };
    Ok(Some(Box::new(Reason { class, message: stored.get(from + 2)? })))
}

fn class(stored: &Stored<'_>, at: usize) -> rusqlite::Result<Option<FailureClass>> {
    let word: Option<String> = stored.get(at)?;
    word.map(|word| word.parse().map_err(|_| foreign("error", &word))).transpose()
}

fn id(stored: &Stored<'_>, at: usize, column: &'static str) -> rusqlite::Result<Id> {
    let value = stored.get_ref(at)?;
    text(value).parse().map_err(|_| foreign(column, &text(value)))
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => String::new(),
    }
}

fn unsigned(stored: &Stored<'_>, at: usize) -> rusqlite::Result<u64> {
    let number: i64 = stored.get(at)?;
    u64::try_from(number).map_err(|_| foreign("a number", &number.to_string()))
}

fn duration(stored: &Stored<'_>, at: usize) -> rusqlite::Result<Option<Duration>> {
    let millis: Option<i64> = stored.get(at)?;
    Ok(millis.map(|millis| Duration::from_millis(millis.unsigned_abs())))
}

pub(super) fn time(stored: &Stored<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    let millis: Option<i64> = stored.get(at)?;
    let time = |millis| Timestamp::from_millisecond(millis);
    millis.map(|m| time(m).map_err(|_| foreign("a time", &m.to_string()))).transpose()
}

pub(super) fn foreign(column: &'static str, value: &str) -> rusqlite::Error {
    let what = Foreign { column, value: value.to_owned() };
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(what))
}
