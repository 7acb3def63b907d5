//! Memory of an open row, and what follows from it. Pure: it neither sends nor waits.

use crate::domain::answer::{Delivery, Failure, FailureClass};
use crate::domain::record::{Attempted, Doubt, Ending, FirstSent, KnownBy, Outcome, Prior, Reason};
use crate::domain::request_id::{RequestId, RunId};
use crate::limiter::Feedback;
use crate::rules::retry::RetryContext;
use crate::rules::server_time::{Departure, ServerClock};

/// Whether an interrupted row can be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumable {
    FromJournal,
    Never,
}

pub(super) struct RowState {
    /// Number of requests sent, in all sessions.
    pub attempts: u32,
    /// Departure of the first attempt that may have arrived.
    pub first: Option<Departure>,
    pub last: Option<Box<Attempted>>,
    /// Number of requests of this session that count against the retries.
    counted: u32,
    /// What earlier sessions may have started.
    earlier: Doubt,
    /// What this session may have started.
    now: Doubt,
    questions: u32,
    /// Why the last question told no state, if it told none.
    unanswered: Option<Box<Reason>>,
    /// Whether a question was refused that the legacy ESB would take with its credentials
    /// elsewhere.
    was_refused: bool,
    given_up: Option<Box<Reason>>,
}

impl RowState {
    pub(super) fn new(prior: Prior, server_clock: &ServerClock) -> Self {
        let Prior { doubt, attempts, first_sent, last } = prior;
        // Nobody may know when an earlier session sent it; what this one sends came later.
        let first_sent = first_sent.or((doubt != Doubt::None).then(FirstSent::default));
        let first = first_sent.map(|first| server_clock.earlier(&first));
        Self {
            attempts,
            first,
            last,
            counted: 0,
            earlier: doubt,
            now: Doubt::None,
            questions: 0,
            unanswered: None,
            was_refused: false,
            given_up: None,
        }
    }

    /// Whether any attempt may have started the task.
    pub(super) fn doubt(&self) -> Doubt {
        self.earlier.max(self.now)
    }

    pub(super) fn next_id(&mut self, run: &RunId, session: u32, line: u64) -> RequestId {
        self.attempts += 1;
        RequestId::new(run, session, line, self.attempts)
    }

    pub(super) fn next_question(&mut self, run: &RunId, session: u32, line: u64) -> RequestId {
        self.questions += 1;
        RequestId::question(run, session, line, self.questions)
    }

    /// Notes that a question came back, and why it told no state, if it told none.
    pub(super) fn asked(&mut self, unanswered: Option<Reason>) {
        self.unanswered = unanswered.map(Box::new);
    }

    /// Notes a refused question; returns whether it is the row's first.
    pub(super) fn is_first_refusal(&mut self) -> bool {
        !std::mem::replace(&mut self.was_refused, true)
    }

    pub(super) fn give_up_for(&mut self, reason: Reason) {
        self.given_up = Some(Box::new(reason));
    }

    /// Why the row ends with `outcome`, if its last request does not say it.
    pub(super) fn reason(&mut self, outcome: Outcome) -> Option<Box<Reason>> {
        match outcome {
            Outcome::Failed | Outcome::Unknown => self.given_up.take(),
            Outcome::Unconfirmed => self.unanswered.take(),
            _ => None,
        }
    }

    /// Returns what a later session must know of the row if this one ends abruptly.
    pub(super) fn prior(&self) -> Prior {
        let (doubt, attempts, first_sent) = (self.doubt(), self.attempts, self.first_sent());
        Prior { doubt, attempts, first_sent, last: self.last.clone() }
    }

    pub(super) fn not_sent(&mut self) {
        self.attempts -= 1;
    }

    pub(super) fn sent(&mut self, attempted: Attempted, left: Doubt, departure: Departure) {
        self.last = Some(Box::new(attempted));
        if left != Doubt::None {
            self.now = self.now.max(left);
            self.first.get_or_insert(departure);
        }
    }

    /// Notes that the server took the row, as far as sending can tell.
    pub(super) fn accepted(&mut self) {
        self.now = Doubt::Accepted;
    }

    /// Returns when the first attempt left that may have arrived, as a later session needs it;
    /// `None` if the row is in no doubt.
    pub(super) fn first_sent(&self) -> Option<FirstSent> {
        self.first.as_ref().filter(|_| self.doubt() != Doubt::None).map(Departure::kept)
    }

    /// Counts a failed request, except what was never sent, a throttled answer, and an idle
    /// attempt that began an outage or ended during one.
    pub(super) fn retry_context(&mut self, failure: &Failure, known: &Feedback) -> RetryContext {
        let Feedback { in_outage, server, unconnected, patience, outage: _ } = *known;
        let is_throttled =
            matches!(failure.class, FailureClass::ThrottledBiz | FailureClass::ThrottledApp);
        let is_sent = !matches!(failure.delivery, Delivery::NotSent(_));
        if is_sent && !is_throttled && !in_outage {
            self.counted += 1;
        }
        RetryContext { counted: self.counted, in_outage, server, unconnected, patience }
    }

    /// Counts an accepted request that came to nothing; returns whether one of `retries` is left.
    pub(super) fn may_go_again(&mut self, retries: u32) -> bool {
        self.counted += 1;
        self.counted <= retries
    }

    /// Returns how it is known that "already started" means an attempt of ours, as far as anybody
    /// can tell (FACTS.md section 5, no. 9); `None` if none may have arrived.
    pub(super) fn ours(&self) -> Option<KnownBy> {
        match (self.now, self.earlier) {
            (Doubt::MayHaveStarted | Doubt::Accepted, _) => Some(KnownBy::Retry),
            (Doubt::None, Doubt::MayHaveStarted | Doubt::Accepted) => Some(KnownBy::Resume),
            (Doubt::None, Doubt::None) => None,
        }
    }

    /// Returns the end of a row that is not sent again. A row in doubt is never called failed or
    /// rejected: an earlier attempt may have started it.
    pub(super) fn given_up(&self, class: FailureClass) -> Outcome {
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

    pub(super) fn cut_off(&self, resumable: Resumable) -> (Outcome, Ending) {
        cut_off(self.doubt(), resumable)
    }
}

/// Returns the end of a row when the run stops. If nothing can be resumed, a row in doubt is
/// unknown, not pending.
pub(super) const fn cut_off(doubt: Doubt, resumable: Resumable) -> (Outcome, Ending) {
    let outcome = match (doubt, resumable) {
        (Doubt::Accepted, _) => Outcome::Unconfirmed,
        (Doubt::MayHaveStarted, Resumable::Never) => Outcome::Unknown,
        (Doubt::MayHaveStarted, Resumable::FromJournal) | (Doubt::None, _) => Outcome::Pending,
    };
    (outcome, Ending::CutOff(doubt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::Reply;
    use jiff::Timestamp;
    use std::time::Duration;

    fn state(earlier: Doubt, now: Doubt) -> RowState {
        let prior = Prior { doubt: earlier, ..Prior::default() };
        RowState { now, ..RowState::new(prior, &ServerClock::default()) }
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
            let state = state(earlier, now);
            let why = format!("{earlier:?}, then {now:?}");
            assert_eq!(state.ours(), ours, "{why}");
            assert_eq!(state.given_up(FailureClass::Transient), transient, "{why}");
            assert_eq!(state.given_up(FailureClass::NotFound), not_found, "{why}");
            assert_eq!(state.cut_off(Resumable::FromJournal).0, cut_off, "{why}");
            assert_eq!(state.cut_off(Resumable::Never).0, never, "{why}");
        }
    }

    fn attempted() -> Attempted {
        let run = RunId::new(Timestamp::UNIX_EPOCH, 1);
        Attempted {
            id: RequestId::new(&run, 1, 1, 1),
            sent: Timestamp::UNIX_EPOCH,
            latency: Duration::ZERO,
            reply: Reply::default(),
            class: None,
        }
    }

    /// The departure of an attempt at `second` by the server's clock.
    fn departure(second: i64) -> Departure {
        let server = Timestamp::from_second(second).ok();
        ServerClock::default().earlier(&FirstSent { server, local: None })
    }

    #[test]
    fn the_first_attempt_that_may_have_arrived_gives_the_time() {
        let mut state = state(Doubt::None, Doubt::None);
        state.sent(attempted(), Doubt::None, departure(1));
        assert_eq!(state.first_sent(), None, "a throttled or refused one keeps no time");
        state.sent(attempted(), Doubt::MayHaveStarted, departure(2));
        state.sent(attempted(), Doubt::MayHaveStarted, departure(3));
        let server = Timestamp::from_second(2).ok();
        assert_eq!(state.first_sent(), Some(FirstSent { server, local: None }));
    }

    #[test]
    fn a_row_that_an_earlier_session_sent_at_an_unknown_time_stays_without_one() {
        let prior = Prior { doubt: Doubt::MayHaveStarted, ..Prior::default() };
        let mut state = RowState::new(prior, &ServerClock::default());
        state.sent(attempted(), Doubt::MayHaveStarted, departure(900));
        assert_eq!(state.first_sent(), Some(FirstSent::default()), "900 is not the first");
    }

    #[test]
    fn an_accepted_row_stays_accepted_whatever_comes_after() {
        let mut state = state(Doubt::None, Doubt::None);
        state.sent(attempted(), Doubt::Accepted, departure(1));
        state.sent(attempted(), Doubt::MayHaveStarted, departure(2));
        assert_eq!(state.doubt(), Doubt::Accepted);
        assert!(state.may_go_again(2) && state.may_go_again(2) && !state.may_go_again(2));
    }
}
