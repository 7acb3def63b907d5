//! What became of a row: a [`Record`], one line of every report.
//!
//! Words only: how a row is settled is `pipeline::row`'s work, and how a record
//! is written is `report`'s.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::answer::{FailureClass, Reply};
use crate::request_id::RequestId;
use crate::row::Row;

/// The report's own columns, in their order; the input's further ones follow.
pub const COLUMNS: [&str; 19] = [
    "line",
    "bk_biz_id",
    "task_id",
    "scope",
    "outcome",
    "known_by",
    "result",
    "code",
    "message",
    "task_url",
    "request_id",
    "trace_id",
    "client_request_id",
    "http_status",
    "error",
    "attempts",
    "started_at",
    "latency_ms",
    "elapsed_ms",
];

/// A row and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The row, as it was read.
    pub row: Row,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether that is the last word.
    pub ending: Ending,
    /// How many `start_task` requests were sent for it.
    pub attempts: u32,
    /// The last of them.
    pub last: Option<Box<Attempted>>,
    /// From opening the row to settling it, waits included; `None` for a row
    /// that was never opened.
    pub elapsed: Option<Duration>,
}

/// Whether a row came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is settled.
    Settled,
    /// The run was stopped before.
    CutOff,
}

/// One `start_task` request that was sent, and what it brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// Its `X-Request-Id`.
    pub id: RequestId,
    /// When it left.
    pub sent: Timestamp,
    /// From sending it to its answer, or to giving it up.
    pub latency: Duration,
    /// What was answered.
    pub reply: Reply,
    /// The kind of failure, if it was one.
    pub class: Option<FailureClass>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The server took it.
    Started(KnownBy),
    /// It was started before, and not by this run.
    AlreadyStarted,
    /// Refused for a reason of its own.
    Rejected,
    /// Retries are used up, and it surely was not started.
    Failed,
    /// Retries are used up, and some attempt may have started it.
    Unknown,
    /// The row cannot be used; it was never sent.
    Invalid,
    /// The same task as an earlier row; it was never sent.
    Duplicate,
    /// Not settled, because the run was stopped.
    Pending,
}

/// How it is known that a task was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KnownBy {
    /// The server said so.
    Reply,
    /// "Already started" came after an attempt of this session that may have arrived.
    Retry,
}

impl KnownBy {
    /// The word that stands in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Retry => "retry",
        }
    }
}

/// How an outcome counts towards the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As was asked for.
    Good,
    /// Somebody has to look at it.
    Bad,
    /// Neither.
    Neutral,
    /// Still to be done.
    Resumable,
}

/// How `already_started` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlreadyStarted {
    /// As good: the task runs.
    #[default]
    Ok,
    /// As bad: nobody else should have started it.
    Fail,
}

impl Outcome {
    /// The word that stands in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started(_) => "started",
            Self::AlreadyStarted => "already_started",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::Pending => "pending",
        }
    }

    /// How it is known, where that is a question.
    #[must_use]
    pub const fn known_by(self) -> Option<KnownBy> {
        match self {
            Self::Started(known_by) => Some(known_by),
            _ => None,
        }
    }

    /// How it counts towards the exit code.
    #[must_use]
    pub const fn standing(self, already: AlreadyStarted) -> Standing {
        match self {
            Self::Started(_) => Standing::Good,
            Self::AlreadyStarted => match already {
                AlreadyStarted::Ok => Standing::Good,
                AlreadyStarted::Fail => Standing::Bad,
            },
            Self::Rejected | Self::Failed | Self::Unknown | Self::Invalid => Standing::Bad,
            Self::Duplicate => Standing::Neutral,
            Self::Pending => Standing::Resumable,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
