//! [`Record`], the outcome of a row: one line of every report.
//!
//! Values only: `launch::row` settles a row, and `report` writes its record.

use std::fmt;
use std::time::Duration;

use enum_map::Enum;
use jiff::Timestamp;
use strum::{EnumDiscriminants, EnumString, IntoStaticStr, VariantArray};

use crate::domain::answer::{FailureClass, Reply, UnknownWord};
use crate::domain::clocks::Reading;
use crate::domain::request_id::RequestId;
use crate::domain::row::Row;

/// The report's own columns, in order; the further columns of the input follow them.
pub(crate) const COLUMNS: [&str; 19] = [
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

/// A row and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The row as it was read.
    pub row: Row,
    /// Outcome of the row.
    pub outcome: Outcome,
    /// Whether the outcome is final.
    pub ending: Ending,
    /// Number of `start_task` requests that were sent for the row.
    pub attempts: u32,
    /// When the first request left that may have arrived, for a row that stays in doubt.
    pub first_sent: Option<FirstSent>,
    /// The last request, if one was sent.
    pub last: Option<Box<Attempted>>,
    /// Reason for the outcome, if the answer to the last request does not give it.
    pub reason: Option<Box<Reason>>,
    /// Time from opening the row to settling it, waits included; `None` if the row was never
    /// opened.
    pub elapsed: Option<Duration>,
}

/// Reason for an outcome other than the answer to the last `start_task`: the answer to a
/// question, or to other rows of the business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub class: FailureClass,
    pub message: Box<str>,
}

impl Record {
    /// Returns the class of failure that a report shows.
    #[must_use]
    pub fn class(&self) -> Option<FailureClass> {
        match &self.reason {
            Some(reason) => Some(reason.class),
            None => self.last.as_ref().and_then(|last| last.class),
        }
    }

    /// Returns the server's text that a report shows.
    #[must_use]
    pub fn message(&self) -> &str {
        match (&self.reason, &self.last) {
            (Some(reason), _) => &reason.message,
            (None, Some(last)) => &last.reply.message,
            (None, None) => "",
        }
    }
}

/// Whether a row came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The row is settled.
    Settled,
    /// The run stopped before; says whether the task may have been started.
    CutOff(Doubt),
}

/// Whether the requests that were sent for a row may have started its task.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
#[strum(parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::new)]
pub enum Doubt {
    #[default]
    None,
    MayHaveStarted,
    /// The server accepted a request, which only means that it queued the task (FACTS.md
    /// section 4).
    Accepted,
}

impl Doubt {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What earlier sessions of a run know of a row that they did not settle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prior {
    pub doubt: Doubt,
    /// Number of `start_task` requests that they sent, as far as is known.
    pub attempts: u32,
    /// When the first request left that may have arrived.
    pub first_sent: Option<FirstSent>,
    pub last: Option<Box<Attempted>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstSent {
    /// Earliest time that the server's clock can have shown, as far as is known.
    pub server: Option<Timestamp>,
    /// This machine's clocks, if the next `Date` of the server may still narrow the time down.
    pub local: Option<Reading>,
}

/// One `start_task` request and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// `X-Request-Id` of the request.
    pub id: RequestId,
    /// When the request left.
    pub sent: Timestamp,
    /// Time from sending the request to its answer, or to giving it up.
    pub latency: Duration,
    /// Text of the answer.
    pub reply: Reply,
    /// Class of the failure, if it failed.
    pub class: Option<FailureClass>,
}

/// Outcome of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumDiscriminants)]
#[strum_discriminants(name(OutcomeKind))]
#[strum_discriminants(derive(
    Hash,
    PartialOrd,
    Ord,
    Enum,
    EnumString,
    IntoStaticStr,
    VariantArray
))]
#[strum_discriminants(strum(serialize_all = "snake_case"))]
#[strum_discriminants(strum(parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::new))]
#[strum_discriminants(doc = "What became of a row, however that is known: rows are counted by it.")]
pub enum Outcome {
    /// The server took the task.
    Started(KnownBy),
    /// Started before, and not by this run.
    AlreadyStarted,
    /// Refused for a reason of the row's own.
    Rejected,
    /// Retries are used up, and the task was certainly not started.
    Failed,
    /// Retries are used up, and an attempt may have started the task.
    Unknown,
    /// Accepted, but never seen running.
    Unconfirmed,
    /// The row cannot be used; nothing was sent.
    Invalid,
    /// Same task as an earlier row; nothing was sent.
    Duplicate,
    /// Not settled, because the run was stopped.
    Pending,
}

/// How it is known that a task was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[strum(parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::new)]
pub enum KnownBy {
    /// The server said so.
    Reply,
    /// "Already started" came after an attempt of this session that may have arrived.
    Retry,
    /// "Already started" came after an attempt of an earlier session that may have arrived.
    Resume,
    /// `get_task_status` shows that the task runs, or ran.
    Status,
}

impl KnownBy {
    /// Returns the word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How an outcome counts towards the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// Somebody has to look at the row.
    Bad,
    Neutral,
    Resumable,
}

/// How `already_started` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlreadyStarted {
    /// As good: the task runs.
    #[default]
    Ok,
    /// As bad: nobody else should have started the task.
    Fail,
}

impl OutcomeKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    #[must_use]
    pub const fn standing(self, already: AlreadyStarted) -> Standing {
        match self {
            Self::Started => Standing::Good,
            Self::AlreadyStarted => match already {
                AlreadyStarted::Ok => Standing::Good,
                AlreadyStarted::Fail => Standing::Bad,
            },
            Self::Rejected | Self::Failed | Self::Unknown | Self::Unconfirmed | Self::Invalid => {
                Standing::Bad
            }
            Self::Duplicate => Standing::Neutral,
            Self::Pending => Standing::Resumable,
        }
    }

    /// Whether the row was sent and ended bad: it then counts against the budget, and
    /// `--retry-failed` sends it again. An invalid row would be invalid again.
    ///
    /// | counts | does not |
    /// |---|---|
    /// | `rejected`, `failed`, `unknown`, `unconfirmed` | `started`, `invalid`, `duplicate`, `pending` |
    /// | `already_started`, where that counts as bad | `already_started`, where that counts as good |
    #[must_use]
    pub const fn is_failure(self, already: AlreadyStarted) -> bool {
        matches!(self.standing(already), Standing::Bad) && !matches!(self, Self::Invalid)
    }
}

impl fmt::Display for OutcomeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Outcome {
    /// Returns the outcome without [`KnownBy`].
    #[must_use]
    pub fn kind(self) -> OutcomeKind {
        self.into()
    }

    /// Returns the word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.kind().as_str()
    }

    /// Returns the outcome that these two words of a report mean.
    ///
    /// # Errors
    ///
    /// Returns an error if no report has this pair of words.
    pub fn of_words(outcome: &str, known_by: Option<&str>) -> Result<Self, UnknownWord> {
        let kind: OutcomeKind = outcome.parse()?;
        let known_by: Option<KnownBy> = known_by.map(str::parse).transpose()?;
        Ok(match (kind, known_by) {
            (OutcomeKind::Started, Some(known_by)) => Self::Started(known_by),
            (OutcomeKind::Started, None) | (_, Some(_)) => return Err(UnknownWord),
            (OutcomeKind::AlreadyStarted, None) => Self::AlreadyStarted,
            (OutcomeKind::Rejected, None) => Self::Rejected,
            (OutcomeKind::Failed, None) => Self::Failed,
            (OutcomeKind::Unknown, None) => Self::Unknown,
            (OutcomeKind::Unconfirmed, None) => Self::Unconfirmed,
            (OutcomeKind::Invalid, None) => Self::Invalid,
            (OutcomeKind::Duplicate, None) => Self::Duplicate,
            (OutcomeKind::Pending, None) => Self::Pending,
        })
    }

    /// Returns how the start is known, if the task was started.
    #[must_use]
    pub const fn known_by(self) -> Option<KnownBy> {
        match self {
            Self::Started(known_by) => Some(known_by),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
