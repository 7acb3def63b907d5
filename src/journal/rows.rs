//! Converts records and open rows to rows of tables, and back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Row as Stored;
use rusqlite::types::ValueRef;
use strum::IntoStaticStr;

use super::binder::Binder;
use super::columns::{Column, OF_LAST_REQUEST, OfBoth, OfOpenRow, OfRecord};
use super::error::Foreign;
use crate::domain::answer::{FailureClass, Reply};
use crate::domain::clocks::{Boot, Reading};
use crate::domain::record::{
    Attempted, Doubt, Ending, FirstSent, KnownBy, Outcome, Prior, Reason, Record,
};
use crate::domain::request_id::RequestId;
use crate::domain::row::{BadRow, Fault, Row};
use crate::domain::task::{Business, Id, Scope, Task};

/// When a session knew that a row was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum KnownAt {
    Begin,
    Accepted,
    End,
}

impl KnownAt {
    pub(super) fn as_str(self) -> &'static str {
        self.into()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn bind(
    add: &mut Binder<'_, '_>,
    session: u32,
    record: &Record,
) -> rusqlite::Result<()> {
    let Record { row, outcome, ending: _, attempts, first_sent, last, reason, elapsed } = record;
    add.number(OfBoth::Session, i64::from(session))?;
    add.number(OfBoth::Line, signed(row.line))?;
    match &row.task {
        Ok(task) => {
            add.number(OfRecord::BizId, signed(task.business.id.get()))?;
            add.number(OfRecord::TaskId, signed(task.id.get()))?;
            add.text(OfRecord::Scope, task.business.scope.as_str())?;
        }
        Err(bad) => {
            add.text(OfRecord::BizId, &*bad.biz_id)?;
            add.text(OfRecord::TaskId, &*bad.task_id)?;
            add.text(OfRecord::Scope, &*bad.scope)?;
        }
    }
    add.text(OfRecord::Outcome, outcome.as_str())?;
    add.text(OfRecord::KnownBy, outcome.known_by().map(KnownBy::as_str))?;
    bind_last(add, last.as_deref())?;
    // A record has one text and one class: those that the reports show.
    if let Some(Reason { class, message }) = reason.as_deref() {
        add.text(OfBoth::Message, &**message)?;
        add.text(OfBoth::Error, class.as_str())?;
    }
    if let Err(bad) = &row.task {
        add.text(OfBoth::Error, &*bad.fault.to_string())?;
    }
    bind_first_sent(add, *first_sent)?;
    add.number(OfBoth::Attempts, i64::from(*attempts))?;
    add.number(OfRecord::ElapsedMs, elapsed.map(millis))?;
    let carried =
        if row.carried.is_empty() { None } else { serde_json::to_string(&row.carried).ok() };
    add.text(OfRecord::Carried, carried.as_deref())
}

pub(super) fn bind_open(
    add: &mut Binder<'_, '_>,
    session: u32,
    known_at: KnownAt,
    (line, prior): (u64, &Prior),
) -> rusqlite::Result<()> {
    let Prior { doubt, attempts, first_sent, last } = prior;
    add.number(OfBoth::Session, i64::from(session))?;
    add.text(OfOpenRow::KnownAt, known_at.as_str())?;
    add.number(OfBoth::Line, signed(line))?;
    add.text(OfOpenRow::Doubt, doubt.as_str())?;
    add.number(OfBoth::Attempts, i64::from(*attempts))?;
    bind_first_sent(add, *first_sent)?;
    bind_last(add, last.as_deref())
}

fn bind_first_sent(add: &mut Binder<'_, '_>, first: Option<FirstSent>) -> rusqlite::Result<()> {
    let FirstSent { server, local } = first.unwrap_or_default();
    add.number(OfBoth::ServerTime, server.map(Timestamp::as_millisecond))?;
    add.number(OfBoth::SentWall, local.map(|at| at.wall.as_millisecond()))?;
    add.number(OfBoth::SentSinceBoot, local.map(|at| signed_millis(at.since_boot)))?;
    add.text(OfBoth::SentBoot, local.map(|at| boot_text(at.boot)).as_deref())
}

pub(super) fn signed_millis(time: SignedDuration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn boot_text(boot: Boot) -> String {
    format!("{:032x}", boot.0)
}

pub(super) fn boot(text: &str) -> rusqlite::Result<Boot> {
    u128::from_str_radix(text, 16).map(Boot).map_err(|_| foreign("boot", text))
}

/// Returns `None` if the clocks are not stored.
pub(super) fn reading(
    wall: Option<i64>,
    since_boot: Option<i64>,
    boot: Option<Boot>,
) -> rusqlite::Result<Option<Reading>> {
    let (Some(wall), Some(since_boot), Some(boot)) = (time(wall)?, since_boot, boot) else {
        return Ok(None);
    };
    let since_boot = SignedDuration::from_millis(since_boot);
    Ok(Some(Reading { wall, since_boot, boot }))
}

fn first_sent(stored: &Stored<'_>) -> rusqlite::Result<Option<FirstSent>> {
    let boot_text: Option<String> = OfBoth::SentBoot.get(stored)?;
    let boot = boot_text.as_deref().map(boot).transpose()?;
    let local = reading(OfBoth::SentWall.get(stored)?, OfBoth::SentSinceBoot.get(stored)?, boot)?;
    let first = FirstSent { server: time(OfBoth::ServerTime.get(stored)?)?, local };
    Ok(Some(first).filter(|first| *first != FirstSent::default()))
}

fn bind_last(add: &mut Binder<'_, '_>, last: Option<&Attempted>) -> rusqlite::Result<()> {
    let Some(Attempted { id, sent, latency, reply, class }) = last else {
        return OF_LAST_REQUEST.into_iter().try_for_each(|column| add.text(column, None));
    };
    add.number(OfBoth::Result, reply.result.map(i64::from))?;
    add.text(OfBoth::Code, &*reply.code)?;
    add.text(OfBoth::Message, &*reply.message)?;
    add.text(OfBoth::TaskUrl, &*reply.task_url)?;
    add.text(OfBoth::RequestId, &*reply.request_id)?;
    add.text(OfBoth::TraceId, &*reply.trace_id)?;
    add.text(OfBoth::ClientRequestId, id.as_str())?;
    add.number(OfBoth::HttpStatus, reply.http_status.map(i64::from))?;
    add.text(OfBoth::Error, class.map(FailureClass::as_str))?;
    add.number(OfBoth::LatencyMs, millis(*latency))?;
    add.number(OfBoth::StartedAt, sent.as_millisecond())
}

pub(super) fn record(stored: &Stored<'_>) -> rusqlite::Result<Record> {
    let outcome: String = OfRecord::Outcome.get(stored)?;
    let known_by: Option<String> = OfRecord::KnownBy.get(stored)?;
    let outcome = Outcome::of_words(&outcome, known_by.as_deref())
        .map_err(|_| foreign("outcome", &outcome))?;
    let scope: String = OfRecord::Scope.get(stored)?;
    let task = if outcome == Outcome::Invalid {
        Err(Box::new(BadRow {
            biz_id: text(OfRecord::BizId.get_ref(stored)?),
            task_id: text(OfRecord::TaskId.get_ref(stored)?),
            scope,
            fault: Fault { column: None, reason: OfBoth::Error.get(stored)? },
        }))
    } else {
        let scope: Scope = scope.parse().map_err(|_| foreign("scope", &scope))?;
        let business = Business { scope, id: id(stored, OfRecord::BizId)? };
        Ok(Task { business, id: id(stored, OfRecord::TaskId)? })
    };
    let carried: Option<String> = OfRecord::Carried.get(stored)?;
    let carried = match carried {
        None => Box::default(),
        Some(json) => serde_json::from_str(&json).map_err(|_| foreign("carried", &json))?,
    };
    let is_invalid = matches!(outcome, Outcome::Invalid);
    let last = if is_invalid { None } else { last(stored)? };
    let reason = if is_invalid || last.is_some() { None } else { reason(stored)? };
    Ok(Record {
        row: Row { line: line(stored)?, task, carried },
        outcome,
        ending: Ending::Settled,
        attempts: OfBoth::Attempts.get(stored)?,
        first_sent: first_sent(stored)?,
        last,
        reason,
        elapsed: duration(OfRecord::ElapsedMs.get(stored)?),
    })
}

pub(super) fn open(stored: &Stored<'_>) -> rusqlite::Result<(u64, Prior)> {
    let doubt: String = OfOpenRow::Doubt.get(stored)?;
    let doubt: Doubt = doubt.parse().map_err(|_| foreign("doubt", &doubt))?;
    let prior = Prior {
        doubt,
        attempts: OfBoth::Attempts.get(stored)?,
        first_sent: first_sent(stored)?,
        last: last(stored)?,
    };
    Ok((line(stored)?, prior))
}

fn last(stored: &Stored<'_>) -> rusqlite::Result<Option<Box<Attempted>>> {
    let Some(sent) = time(OfBoth::StartedAt.get(stored)?)? else { return Ok(None) };
    let id: String = OfBoth::ClientRequestId.get(stored)?;
    Ok(Some(Box::new(Attempted {
        id: RequestId::restored(&id),
        sent,
        latency: duration(OfBoth::LatencyMs.get(stored)?).unwrap_or_default(),
        reply: Reply {
            http_status: OfBoth::HttpStatus.get(stored)?,
            result: OfBoth::Result.get(stored)?,
            code: OfBoth::Code.get(stored)?,
            message: OfBoth::Message.get(stored)?,
            task_url: OfBoth::TaskUrl.get(stored)?,
            request_id: OfBoth::RequestId.get(stored)?,
            trace_id: OfBoth::TraceId.get(stored)?,
        },
        class: class(stored)?,
    })))
}

/// Reads the reason of a row that was never sent.
fn reason(stored: &Stored<'_>) -> rusqlite::Result<Option<Box<Reason>>> {
    let Some(class) = class(stored)? else { return Ok(None) };
    Ok(Some(Box::new(Reason { class, message: OfBoth::Message.get(stored)? })))
}

fn class(stored: &Stored<'_>) -> rusqlite::Result<Option<FailureClass>> {
    let word: Option<String> = OfBoth::Error.get(stored)?;
    word.map(|word| word.parse().map_err(|_| foreign("error", &word))).transpose()
}

fn id(stored: &Stored<'_>, column: OfRecord) -> rusqlite::Result<Id> {
    let value = text(column.get_ref(stored)?);
    value.parse().map_err(|_| foreign(column.name(), &value))
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => String::new(),
    }
}

fn line(stored: &Stored<'_>) -> rusqlite::Result<u64> {
    let number: i64 = OfBoth::Line.get(stored)?;
    u64::try_from(number).map_err(|_| foreign("a number", &number.to_string()))
}

fn duration(millis: Option<i64>) -> Option<Duration> {
    millis.map(|millis| Duration::from_millis(millis.unsigned_abs()))
}

pub(super) fn time(millis: Option<i64>) -> rusqlite::Result<Option<Timestamp>> {
    let time = |millis| Timestamp::from_millisecond(millis);
    millis.map(|m| time(m).map_err(|_| foreign("a time", &m.to_string()))).transpose()
}

pub(super) fn foreign(column: &'static str, value: &str) -> rusqlite::Error {
    let what = Foreign { column, value: value.to_owned() };
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(what))
}
