//! What became of a row: a [`Record`], one line of every report.
//!
//! Words only: how a row is settled is `launch::row`'s work, and how a record
//! is written is `report`'s.

use std::fmt;
use std::time::Duration;

use enum_map::Enum;
use jiff::Timestamp;
use strum::{EnumDiscriminants, EnumString, IntoStaticStr, VariantArray};

use crate::domain::answer::{FailureClass, Reply, UnknownWord};
use crate::domain::clocks::Reading;
use crate::domain::request_id::RequestId;
use crate::domain::row::Row;

/// The report's own columns, in their order; the input's further ones follow.
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
    /// When the first of them left that may have arrived, for a row that stays in doubt.
    pub first_sent: Option<FirstSent>,
    /// The last of them.
    pub last: Option<Box<Attempted>>,
    /// Why it ended so, if the answer to the last of them does not say it.
    pub reason: Option<Box<Reason>>,
    /// From opening the row to settling it, waits included; `None` for a row
    /// that was never opened.
    pub elapsed: Option<Duration>,
}

/// A reason for an outcome beside the answer to the last `start_task`: what a question
/// was answered, or what others of the business were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kind of failure.
    pub class: FailureClass,
    /// What the server said.
    pub message: Box<str>,
}

impl Record {
    /// The kind of failure that a report shows.
    #[must_use]
    pub fn class(&self) -> Option<FailureClass> {
        match &self.reason {
            Some(reason) => Some(reason.class),
            None => self.last.as_ref().and_then(|last| last.class),
        }
    }

    /// The server's text that a report shows.
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
    /// It is settled.
    Settled,
    /// The run was stopped before; whether the task may have been started.
    CutOff(Doubt),
}

/// Whether the requests that were sent for a row may have started its task.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
#[strum(parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::new)]
pub enum Doubt {
    /// Surely not.
    #[default]
    None,
    /// One of them may have arrived.
    MayHaveStarted,
    /// The server accepted one, which only means that it queued the task (FACTS.md
    /// section 4).
    Accepted,
}

impl Doubt {
    /// The word that stands in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What earlier sessions of a run left behind of a row that they did not settle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prior {
    /// Whether they may have started its task.
    pub doubt: Doubt,
    /// The `start_task` requests that they sent, as far as is known.
    pub attempts: u32,
    /// When the first of them left that may have arrived.
    pub first_sent: Option<FirstSent>,
    /// The last of them, if it is known.
    pub last: Option<Box<Attempted>>,
}

/// When the first attempt of a row left that may have arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstSent {
    /// The earliest that the server's clock can have shown, by what is known.
    pub server: Option<Timestamp>,
    /// This machine's clocks, if the next `Date` of the server may still tell more.
    pub local: Option<Reading>,
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
    /// Accepted, but nobody has seen it running.
    Unconfirmed,
    /// The row cannot be used; it was never sent.
    Invalid,
    /// The same task as an earlier row; it was never sent.
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
    /// The same, after an attempt of an earlier session.
    Resume,
    /// `get_task_status` shows that it runs, or ran.
    Status,
}

impl KnownBy {
    /// The word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
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

impl OutcomeKind {
    /// The word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How it counts towards the exit code.
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

    /// Whether such a row was sent and ended bad: it counts against the budget, and
    /// `--retry-failed` takes it up again. An invalid row would be invalid again.
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
    /// The outcome without how it is known.
    #[must_use]
    pub fn kind(self) -> OutcomeKind {
        self.into()
    }

    /// The word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.kind().as_str()
    }

    /// The outcome that these words of a report mean.
    ///
    /// # Errors
    ///
    /// Returns an error if a report never has them together.
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

    /// How it is known, where that is a question.
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
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_report_are_read_as_they_are_written() {
        use KnownBy::{Reply, Resume, Retry, Status};
        for (outcome, word, known_by) in [
            (Outcome::Started(Reply), "started", Some("reply")),
            (Outcome::Started(Retry), "started", Some("retry")),
            (Outcome::Started(Resume), "started", Some("resume")),
            (Outcome::Started(Status), "started", Some("status")),
            (Outcome::AlreadyStarted, "already_started", None),
            (Outcome::Rejected, "rejected", None),
            (Outcome::Failed, "failed", None),
            (Outcome::Unknown, "unknown", None),
            (Outcome::Unconfirmed, "unconfirmed", None),
            (Outcome::Invalid, "invalid", None),
            (Outcome::Duplicate, "duplicate", None),
            (Outcome::Pending, "pending", None),
        ] {
            assert_eq!(
                (outcome.as_str(), outcome.known_by().map(KnownBy::as_str)),
                (word, known_by)
            );
            assert_eq!(Outcome::of_words(word, known_by), Ok(outcome));
        }
        for (word, known_by) in [
            ("started", None),
            ("started", Some("x")),
            ("failed", Some("reply")),
            ("Failed", None),
            ("", None),
        ] {
            assert_eq!(Outcome::of_words(word, known_by), Err(UnknownWord), "{word} {known_by:?}");
        }
    }

    #[test]
    fn a_doubt_is_read_as_it_is_written() {
        for (doubt, word) in [
            (Doubt::None, "none"),
            (Doubt::MayHaveStarted, "may_have_started"),
            (Doubt::Accepted, "accepted"),
        ] {
            assert_eq!((doubt.as_str(), word.parse()), (word, Ok(doubt)));
        }
        assert_eq!("maybe".parse::<Doubt>(), Err(UnknownWord));
    }

    #[test]
    fn what_counts_is_what_somebody_has_to_look_at_after_it_was_sent() {
        let (ok, fail) = (AlreadyStarted::Ok, AlreadyStarted::Fail);
        let failures = |already| {
            let all = OutcomeKind::VARIANTS.iter().filter(|kind| kind.is_failure(already));
            all.map(|kind| kind.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(failures(ok), ["rejected", "failed", "unknown", "unconfirmed"]);
        assert_eq!(
            failures(fail),
            ["already_started", "rejected", "failed", "unknown", "unconfirmed"]
        );
    }
}
