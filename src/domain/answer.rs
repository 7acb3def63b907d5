//! What one request brought: an [`Answer`], and all that is kept of it.
//!
//! Facts only. Which answer means what is `api::verdict`'s rule, and what to do
//! about a [`Failure`] is `retry`'s.

use std::fmt;
use std::time::Duration;

use enum_map::{Enum, EnumMap};
use jiff::Timestamp;
use strum::{EnumString, IntoStaticStr};
use thiserror::Error;

/// What one request brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it means for the row.
    pub verdict: Verdict,
    /// What the server said, word for word.
    pub reply: Reply,
    /// The server's own clock: the answer's header `Date`.
    pub date: Option<Timestamp>,
}

impl Answer {
    /// An answer without a `Date`.
    #[must_use]
    pub const fn new(verdict: Verdict, reply: Reply) -> Self {
        Self { verdict, reply, date: None }
    }
}

/// What an answer to `start_task` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server put the task on its queue.
    Accepted,
    /// The task was started before.
    AlreadyStarted,
    /// Neither.
    Failed(Failure),
}

impl Verdict {
    /// What counts are kept by.
    #[must_use]
    pub const fn class(&self) -> AnswerClass {
        match self {
            Self::Accepted => AnswerClass::Accepted,
            Self::AlreadyStarted => AnswerClass::AlreadyStarted,
            Self::Failed(failure) => AnswerClass::Failed(failure.class),
        }
    }
}

/// What an answer means, without its details: requests are counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AnswerClass {
    /// [`Verdict::Accepted`]
    Accepted,
    /// [`Verdict::AlreadyStarted`]
    AlreadyStarted,
    /// [`Verdict::Failed`]
    Failed(FailureClass),
}

impl AnswerClass {
    /// Every class, in the order in which results and metrics list them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        EnumMap::<Self, ()>::default().into_iter().map(|(class, ())| class)
    }

    /// The word that stands in results, metrics and logs; a failure has that of its class.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AlreadyStarted => "already_started",
            Self::Failed(class) => class.as_str(),
        }
    }

    /// Whether a measurement counts it as an error.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// A request that started nothing, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure it is.
    pub class: FailureClass,
    /// How far the request came.
    pub delivery: Delivery,
    /// Whether the server may have taken the request.
    pub taken: Taken,
    /// The pause that the answer asks for.
    pub hold: Option<Hold>,
    /// The program that a page came from, as its header `Server` says; else empty.
    pub server: Box<str>,
}

/// Whether the server may have taken a request, and so started its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Surely not.
    No,
    /// Nobody can tell.
    Maybe,
}

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// An HTTP answer came, at least its head.
    Answered(Speaker),
    /// Not a byte of the request left this machine.
    NotSent(NotSent),
    /// The request may have arrived, but no answer came.
    Lost,
    /// The request may have arrived, and what came back is no HTTP.
    NotHttp,
}

/// Who can have given an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// bk-sops alone.
    BkSops,
    /// The ESB or the API gateway, which say nothing of whether bk-sops works.
    Front,
    /// Something on the way, such as a proxy whose server is gone.
    Proxy,
    /// None of them: a page where an API should be, as a wrong URL has it.
    Stranger,
}

/// Why a request was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// No connection: refused, unreachable, or not made in time.
    Unreachable,
    /// The host's name has no address.
    HostName,
    /// The TLS handshake failed, by a certificate that is not trusted for instance.
    Certificate,
}

/// The kinds of failure, told apart by what can be done about them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enum, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
#[strum(parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::new)]
pub enum FailureClass {
    /// The server cannot read the request.
    BadRequest,
    /// The task, or its business, does not exist.
    NotFound,
    /// The user may not start this task.
    Permission,
    /// Credentials, the user, or an app without the right to the API itself.
    Auth,
    /// Wrong URL, inactive channel, a redirect, a page in place of an API.
    Config,
    /// The business has used up its starts.
    ThrottledBiz,
    /// The app has used up its requests.
    ThrottledApp,
    /// Surely not started, and may work later.
    Transient,
    /// Nobody can tell whether the task was started.
    Ambiguous,
}

impl FailureClass {
    /// The word that stands in the report.
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

/// A word that this program never writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is no word of this program")]
pub struct UnknownWord;

impl UnknownWord {
    /// The error of every list of words; the text itself is not repeated.
    pub(crate) const fn new(_: &str) -> Self {
        Self
    }
}

/// A pause that an answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who is to pause.
    pub whom: Whom,
    /// For how long, if the answer says so; else the backoff decides.
    pub stated: Option<Duration>,
}

/// Who is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The starts of the row's business.
    Business,
    /// Every request.
    Everyone,
}

/// What a question for a task's state brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusAnswer {
    /// The answer; "accepted" means that the task may be seen.
    pub answer: Answer,
    /// The task's state, if the answer tells it.
    pub state: Option<TaskState>,
    /// The task's `start_time`, if it tells that.
    pub started: Option<Timestamp>,
}

/// The states of a task, as far as they matter (FACTS.md section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// `CREATED`: it was not started, or not yet.
    Created,
    /// Any other: it did start.
    Begun,
}

/// What the server said, as it goes into the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status, if an answer came.
    pub http_status: Option<u16>,
    /// The body's `result`, if it is a boolean.
    pub result: Option<bool>,
    /// The body's `code`, a number or a text (FACTS.md section 1, no. 2).
    pub code: Box<str>,
    /// The body's `message`; without a JSON body, what happened instead.
    pub message: Box<str>,
    /// Where people can watch the task.
    pub task_url: Box<str>,
    /// The body's `request_id` and the header `X-Bkapi-Request-Id`, whichever there are.
    pub request_id: Box<str>,
    /// The body's `trace_id` and the header `Sops-Trace-Id`, whichever there are.
    pub trace_id: Box<str>,
}

impl Reply {
    /// The most characters that are kept of one text.
    pub const MAX_TEXT_CHARS: usize = 1000;

    /// Its texts, each of them.
    pub fn texts(&mut self) -> [&mut Box<str>; 5] {
        let Self { http_status: _, result: _, code, message, task_url, request_id, trace_id } =
            self;
        [code, message, task_url, request_id, trace_id]
    }

    /// Cuts every text at [`MAX_TEXT_CHARS`](Self::MAX_TEXT_CHARS) characters, so that a server
    /// cannot fill the memory of thousands of waiting rows.
    pub fn cut(&mut self) {
        for text in self.texts() {
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
