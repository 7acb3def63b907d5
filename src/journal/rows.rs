//! Converts records and open rows to rows of tables, and back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Row as Stored, Statement};
use strum::IntoStaticStr;

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

pub(super) fn bind(add: &mut Statement<'_>, session: u32, record: &Record) -> rusqlite::Result<()> {
    let Record { row, outcome, ending: _, attempts, first_sent, last, reason, elapsed } = record;
    OfBoth::Session.bind(add, session)?;
    OfBoth::Line.bind(add, signed(row.line))?;
    match &row.task {
        Ok(task) => {
            OfRecord::BizId.bind(add, signed(task.business.id.get()))?;
            OfRecord::TaskId.bind(add, signed(task.id.get()))?;
            OfRecord::Scope.bind(add, task.business.scope.as_str())?;
        }
        Err(bad) => {
            OfRecord::BizId.bind(add, &*bad.biz_id)?;
            OfRecord::TaskId.bind(add, &*bad.task_id)?;
            OfRecord::Scope.bind(add, &*bad.scope)?;
        }
    }
    OfRecord::Outcome.bind(add, outcome.as_str())?;
    OfRecord::KnownBy.bind(add, outcome.known_by().map(KnownBy::as_str))?;
    bind_last(add, last.as_deref())?;
    // A record has one text and one class: those that the reports show.
    if let Some(Reason { class, message }) = reason.as_deref() {
        OfBoth::Message.bind(add, message)?;
        OfBoth::Error.bind(add, class.as_str())?;
    }
    if let Err(bad) = &row.task {
        OfBoth::Error.bind(add, bad.fault.to_string())?;
    }
    bind_first_sent(add, *first_sent)?;
    OfBoth::Attempts.bind(add, attempts)?;
    OfRecord::ElapsedMs.bind(add, elapsed.map(millis))?;
    let carried =
        if row.carried.is_empty() { None } else { serde_json::to_string(&row.carried).ok() };
    OfRecord::Carried.bind(add, carried)
}

pub(super) fn bind_open(
    add: &mut Statement<'_>,
    session: u32,
    known_at: KnownAt,
    (line, prior): (u64, &Prior),
) -> rusqlite::Result<()> {
    let Prior { doubt, attempts, first_sent, last } = prior;
    OfBoth::Session.bind(add, session)?;
    OfOpenRow::KnownAt.bind(add, known_at.as_str())?;
    OfBoth::Line.bind(add, signed(line))?;
    OfOpenRow::Doubt.bind(add, doubt.as_str())?;
    OfBoth::Attempts.bind(add, attempts)?;
    bind_first_sent(add, *first_sent)?;
    bind_last(add, last.as_deref())
}

fn bind_first_sent(add: &mut Statement<'_>, first: Option<FirstSent>) -> rusqlite::Result<()> {
    let FirstSent { server, local } = first.unwrap_or_default();
    OfBoth::ServerTime.bind(add, server.map(Timestamp::as_millisecond))?;
    OfBoth::SentWall.bind(add, local.map(|at| at.wall.as_millisecond()))?;
    OfBoth::SentSinceBoot.bind(add, local.map(|at| signed_millis(at.since_boot)))?;
    OfBoth::SentBoot.bind(add, local.map(|at| boot_text(at.boot)))
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

fn bind_last(add: &mut Statement<'_>, last: Option<&Attempted>) -> rusqlite::Result<()> {
    const NONE: Option<&str> = None;
    let Some(Attempted { id, sent, latency, reply, class }) = last else {
        return OF_LAST_REQUEST.into_iter().try_for_each(|column| column.bind(add, NONE));
    };
    OfBoth::Result.bind(add, reply.result)?;
    OfBoth::Code.bind(add, &*reply.code)?;
    OfBoth::Message.bind(add, &*reply.message)?;
    OfBoth::TaskUrl.bind(add, &*reply.task_url)?;
    OfBoth::RequestId.bind(add, &*reply.request_id)?;
    OfBoth::TraceId.bind(add, &*reply.trace_id)?;
    OfBoth::ClientRequestId.bind(add, id.as_str())?;
    OfBoth::HttpStatus.bind(add, reply.http_status)?;
    OfBoth::Error.bind(add, class.map(FailureClass::as_str))?;
    OfBoth::LatencyMs.bind(add, millis(*latency))?;
    OfBoth::StartedAt.bind(add, sent.as_millisecond())
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
