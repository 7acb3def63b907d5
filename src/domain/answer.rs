//! [`Answer`] and its parts: the outcome of one request.
//!
//! Facts only. `api::verdict` decides what an answer means, and `retry` what to do about a
//! [`Failure`].

use std::fmt;
use std::time::Duration;

use enum_map::{Enum, EnumMap};
use jiff::Timestamp;
use strum::{EnumString, IntoStaticStr};
use thiserror::Error;

/// Outcome of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Meaning of the answer for the row.
    pub verdict: Verdict,
    /// Text of the server, word for word.
    pub reply: Reply,
    /// Time by the server's own clock, from the header `Date`.
    pub date: Option<Timestamp>,
    /// Time for which the request waited before it was written, for a connection and its turn.
    pub waited: Duration,
}

impl Answer {
    /// Returns an answer without a `Date` to a request that was written at once.
    #[must_use]
    pub const fn new(verdict: Verdict, reply: Reply) -> Self {
        Self { verdict, reply, date: None, waited: Duration::ZERO }
    }
}

/// Meaning of an answer to `start_task`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server queued the task.
    Accepted,
    /// The task was started before this request.
    AlreadyStarted,
    /// As far as is known, the request started nothing.
    Failed(Failure),
}

impl Verdict {
    /// Returns the class by which requests are counted.
    #[must_use]
    pub const fn class(&self) -> AnswerClass {
        match self {
            Self::Accepted => AnswerClass::Accepted,
            Self::AlreadyStarted => AnswerClass::AlreadyStarted,
            Self::Failed(failure) => AnswerClass::Failed(failure.class),
        }
    }
}

/// Meaning of an answer without its details, by which requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AnswerClass {
    Accepted,
    AlreadyStarted,
    Failed(FailureClass),
}

impl AnswerClass {
    /// Returns every class, in the order in which results and metrics list them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        EnumMap::<Self, ()>::default().into_iter().map(|(class, ())| class)
    }

    /// Returns the word for results, metrics and logs; a failure has that of its class.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AlreadyStarted => "already_started",
            Self::Failed(class) => class.as_str(),
        }
    }

    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: FailureClass,
    pub delivery: Delivery,
    pub taken: Taken,
    pub hold: Option<Hold>,
    /// Program that sent the page, by its header `Server`; empty if unknown.
    pub server: Box<str>,
}

/// Whether the server may have taken a request, and so started its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    No,
    /// It cannot be known.
    Maybe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// An HTTP answer came, or at least its head.
    Answered(Speaker),
    /// Not a byte of the request left this machine.
    NotSent(NotSent),
    /// The request may have arrived, but no answer came.
    Lost,
    /// The request may have arrived, but what came back is not HTTP.
    NotHttp,
}

/// Who may have written an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    BkSops,
    /// The ESB or the API gateway: their answer says nothing about whether bk-sops works.
    Front,
    /// Something on the way, such as a proxy whose server is gone.
    Proxy,
    /// None of them: a page in place of an API, as a wrong URL gives.
    Stranger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// Refused, unreachable, or not connected in time.
    Unreachable,
    /// The host name has no address.
    HostName,
    /// The TLS handshake failed, for example because the certificate is not trusted.
    Certificate,
}

/// The kinds of failure, told apart by what can be done about them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enum, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
#[strum(parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::new)]
pub enum FailureClass {
    BadRequest,
    /// The task or its business does not exist.
    NotFound,
    /// The user may not start this task.
    Permission,
    /// Credentials, the user, or an app without the right to the API itself.
    Auth,
    /// Wrong URL, inactive channel, a redirect, a page in place of an API.
    Config,
    ThrottledBiz,
    ThrottledApp,
    /// Certainly not started; may work later.
    Transient,
    /// The task may have been started.
    Ambiguous,
}

impl FailureClass {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is no word of this program")]
pub struct UnknownWord;

impl UnknownWord {
    /// Builds the error; the text itself is not repeated.
    pub(crate) const fn new(_: &str) -> Self {
        Self
    }
}

/// Pause that an answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who has to pause.
    pub whom: Whom,
    /// Length of the pause, if the answer states it; else the backoff decides.
    pub stated: Option<Duration>,
}

/// Who is held by a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The starts of the row's business.
    Business,
    /// Every request.
    Everyone,
}

/// Outcome of a question for a task's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusAnswer {
    /// The answer; "accepted" means that the user may see the task.
    pub answer: Answer,
    /// State of the task, if the answer tells it.
    pub state: Option<TaskState>,
    /// `start_time` of the task, if the answer tells it.
    pub started: Option<Timestamp>,
}

/// States of a task, as far as they matter (FACTS.md section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// `CREATED`: not started, or not yet.
    Created,
    /// Any other state: the task did start.
    Begun,
}

/// What the server said, as the report shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status, if an answer came.
    pub http_status: Option<u16>,
    /// `result` of the body, if it is a boolean.
    pub result: Option<bool>,
    /// `code` of the body, a number or a text (FACTS.md section 1, no. 2).
    pub code: Box<str>,
    /// `message` of the body; without a JSON body, what happened instead.
    pub message: Box<str>,
    /// Page on which people can watch the task.
    pub task_url: Box<str>,
    /// `request_id` of the body and header `X-Bkapi-Request-Id`, as far as present.
    pub request_id: Box<str>,
    /// `trace_id` of the body and header `Sops-Trace-Id`, as far as present.
    pub trace_id: Box<str>,
}

impl Reply {
    /// Maximum number of characters kept of one text.
    pub const MAX_TEXT_CHARS: usize = 1000;

    /// Returns each text, to be changed.
    pub fn texts(&mut self) -> [&mut Box<str>; 5] {
        let Self { http_status: _, result: _, code, message, task_url, request_id, trace_id } =
            self;
        [code, message, task_url, request_id, trace_id]
    }

    /// Cuts every text at [`MAX_TEXT_CHARS`](Self::MAX_TEXT_CHARS) characters, so that a server
    /// cannot fill the memory through thousands of waiting rows.
    pub fn cut(&mut self) {
        // Characters are counted only if there may be too many.
        for text in self.texts().into_iter().filter(|text| text.len() > Self::MAX_TEXT_CHARS) {
            if let Some((end, _)) = text.char_indices().nth(Self::MAX_TEXT_CHARS) {
                *text = format!("{}…", &text[..end]).into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "中".repeat(Reply::MAX_TEXT_CHARS + 1);
        let mut reply = Reply { message: long.as_str().into(), ..Reply::default() };
        reply.code = "7".into();
        reply.cut();
        assert_eq!(reply.message.chars().count(), Reply::MAX_TEXT_CHARS + 1);
        assert!(reply.message.ends_with("中…"));
        assert_eq!(&*reply.code, "7");
    }

    #[test]
    fn the_words_of_answers_stand_in_the_order_of_results() {
        let words: Vec<_> = AnswerClass::all().map(AnswerClass::as_str).collect();
        assert_eq!(
            words,
            [
                "accepted",
                "already_started",
                "bad_request",
                "not_found",
                "permission",
                "auth",
                "config",
                "throttled_biz",
                "throttled_app",
                "transient",
                "ambiguous",
            ]
        );
        for class in AnswerClass::all() {
            let read = class.as_str().parse().map(AnswerClass::Failed);
            assert_eq!(read.is_ok_and(|read| read == class), class.is_error(), "{class:?}");
        }
        assert_eq!("Auth".parse::<FailureClass>(), Err(UnknownWord));
    }
}
