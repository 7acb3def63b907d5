//! What is remembered of a row while it is open, and what follows from that.
//!
//! Pure: it neither sends nor waits.

use jiff::Timestamp;

use crate::answer::FailureClass;
use crate::gates::Known;
use crate::record::{Attempted, Doubt, Ending, KnownBy, Outcome, Prior};
use crate::request_id::{RequestId, RunId};
use crate::retry::{Attempt, Situation};

/// Where a row that a stop cuts off can be taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumable {
    /// By the journal.
    FromJournal,
    /// Nowhere.
    Never,
}

/// What is remembered of a row while it is open.
pub struct Tries {
    /// Requests that were sent, in all sessions.
    pub attempts: u32,
    /// When the first of them left.
    pub first_sent: Option<Timestamp>,
    /// The last of them.
    pub last: Option<Box<Attempted>>,
    /// Requests of this session that count against the retries.
    counted: u32,
    /// What earlier sessions may have started.
    earlier: Doubt,
    /// What this session may have started.
    now: Doubt,
    questions: u32,
}

impl Tries {
    /// Goes on from what earlier sessions left behind.
    pub fn new(prior: Prior) -> Self {
        let Prior { doubt, attempts, first_sent, last } = prior;
        let (counted, questions) = (0, 0);
        Self { attempts, first_sent, last, counted, earlier: doubt, now: Doubt::None, questions }
    }

    /// Whether any attempt may have started the task.
    pub fn doubt(&self) -> Doubt {
        self.earlier.max(self.now)
    }

    /// The id of the next request.
    pub fn next_id(&mut self, run: &RunId, session: u32, line: u64) -> RequestId {
        self.attempts += 1;
        RequestId::new(run, session, line, self.attempts)
    }

    /// The id of the next question.
    pub fn next_question(&mut self, run: &RunId, session: u32, line: u64) -> RequestId {
        self.questions += 1;
        RequestId::question(run, session, line, self.questions)
    }

    /// A request came back.
    pub fn sent(&mut self, attempted: Attempted) {
        self.first_sent.get_or_insert(attempted.sent);
        self.last = Some(Box::new(attempted));
    }

    /// The server took the last request.
    pub fn accepted(&mut self) {
        self.now = Doubt::Accepted;
    }

    /// The last request failed. "Already started" is judged by what was in doubt
    /// before it.
    pub fn failed(&mut self, class: FailureClass) {
        if let Some(last) = &mut self.last {
            last.class = Some(class);
        }
        if class.may_have_started() {
            self.now = self.now.max(Doubt::MayHaveStarted);
        }
    }

    /// What the server said last.
    pub fn message(&self) -> Box<str> {
        self.last.as_ref().map(|last| last.reply.message.clone()).unwrap_or_default()
    }

    /// Counts a request of this class, unless it is one that does not count:
    /// a throttled answer, or a probe of an outage.
    pub fn situation(&mut self, class: FailureClass, known: Known) -> Situation {
        let throttled = matches!(class, FailureClass::ThrottledBiz | FailureClass::ThrottledApp);
        if !throttled && known.kind == Attempt::Ordinary {
            self.counted += 1;
        }
        let Known { kind, server, starved, .. } = known;
        Situation { counted: self.counted, kind, server, starved }
    }

    /// Counts an accepted request that came to nothing; whether one of `retries`
    /// is left to send it again.
    pub fn may_go_again(&mut self, retries: u32) -> bool {
        self.counted += 1;
        self.counted <= retries
    }

    /// How it is known that "already started" means an attempt of ours, as far as
    /// anybody can tell (wire facts, section 5, no. 9); `None` where none may have
    /// arrived.
    pub fn ours(&self) -> Option<KnownBy> {
        match (self.now, self.earlier) {
            (Doubt::MayHaveStarted | Doubt::Accepted, _) => Some(KnownBy::Retry),
            (Doubt::None, Doubt::MayHaveStarted | Doubt::Accepted) => Some(KnownBy::Resume),
            (Doubt::None, Doubt::None) => None,
        }
    }

    /// The end of a row that is not sent again. In doubt it is never called
    /// failed or rejected: an earlier attempt may have started it.
    pub fn given_up(&self, class: FailureClass) -> Outcome {
        match (self.doubt(), class) {
            (Doubt::Accepted, _) => Outcome::Unconfirmed,
            (Doubt::MayHaveStarted, _) => Outcome::Unknown,
            (
                Doubt::None,
                FailureClass::BadRequest | FailureClass::NotFound | FailureClass::Permission,
            ) => Outcome::Rejected,
            (Doubt::None, _) => Outcome::Failed,
        }
    }

    /// The end of a row when the run stops. Where nothing can be resumed, one that
    /// is in doubt is unknown, and not pending.
    pub fn cut_off(&self, resumable: Resumable) -> (Outcome, Ending) {
        let doubt = self.doubt();
        let outcome = match (doubt, resumable) {
            (Doubt::Accepted, _) => Outcome::Unconfirmed,
            (Doubt::MayHaveStarted, Resumable::Never) => Outcome::Unknown,
            (Doubt::MayHaveStarted, Resumable::FromJournal) | (Doubt::None, _) => Outcome::Pending,
        };
        (outcome, Ending::CutOff(doubt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(earlier: Doubt, now: Doubt) -> Tries {
        Tries { now, ..Tries::new(Prior { doubt: earlier, ..Prior::default() }) }
    }

    #[test]
    fn a_row_in_doubt_is_never_called_failed_rejected_or_somebody_elses() {
        use Doubt::{Accepted, MayHaveStarted, None as Sure};
        use Outcome::{Failed, Pending, Rejected, Unconfirmed, Unknown};
        let (retry, resume) = (Some(KnownBy::Retry), Some(KnownBy::Resume));
        for (earlier, now, ours, transient, not_found, cut_off, never) in [
            (Sure, Sure, None, Failed, Rejected, Pending, Pending),
            (Sure, MayHaveStarted, retry, Unknown, Unknown, Pending, Unknown),
            (Sure, Accepted, retry, Unconfirmed, Unconfirmed, Unconfirmed, Unconfirmed),
            (MayHaveStarted, Sure, resume, Unknown, Unknown, Pending, Unknown),
            (MayHaveStarted, MayHaveStarted, retry, Unknown, Unknown, Pending, Unknown),
            (Accepted, Sure, resume, Unconfirmed, Unconfirmed, Unconfirmed, Unconfirmed),
            (Accepted, MayHaveStarted, retry, Unconfirmed, Unconfirmed, Unconfirmed, Unconfirmed),
        ] {
            let tries = tries(earlier, now);
            let why = format!("{earlier:?}, then {now:?}");
            assert_eq!(tries.ours(), ours, "{why}");
            assert_eq!(tries.given_up(FailureClass::Transient), transient, "{why}");
            assert_eq!(tries.given_up(FailureClass::NotFound), not_found, "{why}");
            assert_eq!(tries.cut_off(Resumable::FromJournal).0, cut_off, "{why}");
            assert_eq!(tries.cut_off(Resumable::Never).0, never, "{why}");
        }
    }

    #[test]
    fn an_accepted_row_stays_accepted_whatever_comes_after() {
        let mut tries = tries(Doubt::None, Doubt::None);
        tries.accepted();
        tries.failed(FailureClass::Ambiguous);
        assert_eq!(tries.doubt(), Doubt::Accepted);
        assert!(tries.may_go_again(2) && tries.may_go_again(2) && !tries.may_go_again(2));
    }
}
