//! What the answers to `get_task_status` prove: that the URL leads to the server, that it accepts
//! the credentials, and that the user may view tasks.
//!
//! bk-sops checks a request in this order: caller, business, the task (needed to look up the right
//! to view it), and last the task again for its state (FACTS.md sections 3a and 4). How far it came
//! says what is proved.

use super::retry::Stop;
use crate::domain::answer::{
    Answer, Delivery, Failure, FailureClass, NotSent, Speaker, StatusAnswer, Verdict,
};

/// What the answer to one question shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The task's state. URL, credentials and the right to view are proved.
    State,
    /// No state, but the right to view was granted before that was found out: the task is deleted
    /// or of another business, or its state cannot be read.
    NoState,
    /// No such task or business, found out before the right to view was checked. URL and
    /// credentials are proved.
    NotFound,
    /// The user may not view the task.
    Denied,
    /// A refusal that every row would get: wrong credentials, or no way to the API.
    Refused,
    /// No HTTP answer.
    Unanswered,
    /// An answer that proves nothing: the server is overloaded, broken, or another one.
    Unclear,
}

impl Evidence {
    /// Returns what `seen` shows.
    #[must_use]
    pub fn of(seen: &StatusAnswer) -> Self {
        let reply = &seen.answer.reply;
        let class = match &seen.answer.verdict {
            Verdict::Accepted if seen.state.is_some() => return Self::State,
            Verdict::Accepted | Verdict::AlreadyStarted => return Self::Unclear,
            Verdict::Failed(failure) => failure.class,
        };
        match class {
            FailureClass::Auth | FailureClass::Config => Self::Refused,
            FailureClass::Permission => Self::Denied,
            _ if reply.http_status.is_none() => Self::Unanswered,
            _ if is_of_view(&reply.message) => Self::NoState,
            FailureClass::NotFound => Self::NotFound,
            _ => Self::Unclear,
        }
    }

    /// Whether every further question would get this answer.
    #[must_use]
    pub const fn holds_for_all(self) -> bool {
        matches!(self, Self::Refused | Self::Unanswered)
    }
}

/// Whether the message is of bk-sops' view itself, which runs after the right was checked.
fn is_of_view(message: &str) -> bool {
    message.starts_with("task[id=") && message.contains("] get status error")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// URL, credentials and the right to view are proved.
    Proved,
    /// URL and credentials are proved, but not the right to view: no task was found.
    NothingFound,
    /// The answer at this position disproves it, or leaves it unproved.
    Failed(usize),
}

/// Concludes from the findings, in the order of the questions.
///
/// A missing right in one business outweighs rights in others. A row that is at fault or unclear
/// does not matter if another one proves everything.
#[must_use]
pub(crate) fn conclude(findings: &[Evidence]) -> Conclusion {
    let position = |is_wanted: fn(Evidence) -> bool| findings.iter().position(|f| is_wanted(*f));
    let has_right = |finding| matches!(finding, Evidence::State | Evidence::NoState);
    let fault = position(Evidence::holds_for_all).or_else(|| position(|f| f == Evidence::Denied));
    if let Some(at) = fault {
        Conclusion::Failed(at)
    } else if findings.iter().copied().any(has_right) {
        Conclusion::Proved
    } else if let Some(at) = position(|f| f == Evidence::Unclear) {
        Conclusion::Failed(at)
    } else {
        Conclusion::NothingFound
    }
}

/// Returns what an answer to a question would stop a run for; credentials apart, whose advice
/// depends on the question.
#[must_use]
pub(crate) const fn stop(answer: &Answer) -> Option<Stop> {
    let Verdict::Failed(failure) = &answer.verdict else { return None };
    match (failure.class, failure.delivery) {
        (FailureClass::Config, _)
        | (
            _,
            Delivery::NotSent(NotSent::HostName | NotSent::Certificate)
            | Delivery::NotHttp
            | Delivery::Answered(Speaker::Stranger),
        ) => Some(Stop::Config),
        (_, Delivery::NotSent(NotSent::Unreachable)) => Some(Stop::NeverReached),
        _ => None,
    }
}

/// Returns why a load may not be sent after this answer to the one question before it. What only
/// speaks against this question, as a missing right to view does, keeps no start from being
/// measured.
#[must_use]
pub(crate) const fn stop_before_a_load(answer: &Answer) -> Option<Stop> {
    match (stop(answer), &answer.verdict) {
        (None, Verdict::Failed(Failure { delivery: Delivery::Lost, .. })) => {
            Some(Stop::NeverReached)
        }
        (stop, _) => stop,
    }
}

#[cfg(test)]
mod tests {
    use super::Conclusion::{Failed, NothingFound, Proved};
    use super::Evidence::{Denied, NoState, NotFound, Refused, State, Unanswered, Unclear};
    use super::*;
    use crate::domain::answer::{Reply, Taken};

    #[test]
    fn one_state_proves_all_unless_something_speaks_against_it() {
        for (findings, conclusion) in [
            (&[State][..], Proved),
            (&[NotFound, NotFound, NotFound, NotFound, State], Proved),
            (&[NoState], Proved),
            (&[NotFound, NoState], Proved),
            (&[Unclear, State], Proved),
            (&[NotFound], NothingFound),
            (&[NotFound, NotFound], NothingFound),
            (&[NotFound, Unclear], Failed(1)),
            (&[Unclear, Unclear], Failed(0)),
            (&[Denied], Failed(0)),
            (&[State, State, Denied, State], Failed(2)),
            (&[NotFound, Unclear, Denied], Failed(2)),
            (&[Refused], Failed(0)),
            (&[State, Refused], Failed(1)),
            (&[Denied, Refused], Failed(1)),
            (&[State, Unanswered], Failed(1)),
            (&[Unanswered], Failed(0)),
        ] {
            assert_eq!(conclude(findings), conclusion, "{findings:?}");
        }
    }

    #[test]
    fn no_load_is_sent_where_nothing_of_bk_sops_answers() {
        use FailureClass::{
            Ambiguous, Auth, Config, NotFound, Permission, ThrottledApp, Transient,
        };
        let answered = Delivery::Answered;
        for (class, delivery, expected) in [
            (Transient, Delivery::NotSent(NotSent::Unreachable), Some(Stop::NeverReached)),
            (Transient, Delivery::NotSent(NotSent::HostName), Some(Stop::Config)),
            (Transient, Delivery::NotSent(NotSent::Certificate), Some(Stop::Config)),
            (Ambiguous, Delivery::Lost, Some(Stop::NeverReached)),
            (Ambiguous, Delivery::NotHttp, Some(Stop::Config)),
            (Config, answered(Speaker::Stranger), Some(Stop::Config)),
            (Ambiguous, answered(Speaker::Stranger), Some(Stop::Config)),
            (Transient, answered(Speaker::Proxy), None),
            (ThrottledApp, answered(Speaker::Front), None),
            // The legacy ESB says that of a question with the credentials in its header.
            (Auth, answered(Speaker::Front), None),
            (Permission, answered(Speaker::BkSops), None),
            (NotFound, answered(Speaker::BkSops), None),
        ] {
            let (taken, hold, server) = (Taken::No, None, Box::default());
            let failure = Failure { class, delivery, taken, hold, server };
            let answer = Answer::new(Verdict::Failed(failure), Reply::default());
            assert_eq!(stop_before_a_load(&answer), expected, "{class} {delivery:?}");
        }
        let answer = Answer::new(Verdict::Accepted, Reply::default());
        assert_eq!(stop_before_a_load(&answer), None);
    }
}
