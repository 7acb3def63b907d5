//! All limits in one place: who may send the next request, and when.
//!
//! A row asks for a [`Permit`] and waits. One loop serves all of them: when a row
//! may go, a slot is free and the next turn of the pace is due, it picks the row,
//! and that row is sent at once. Nothing waits between the pick and the send:
//! turns taken earlier would all leave at once after a stall.
//!
//! The rules are in [`fair_queue`] (who), [`intents`] (who is noted before), [`pace`] (how
//! fast), [`throttle`] (who is held), [`first_answer`] (is anybody there) and [`circuit_breaker`] (is
//! bk-sops gone). This module must not know what a request is, nor send one.

pub(crate) mod circuit_breaker;
pub(crate) mod fair_queue;
pub(crate) mod first_answer;
pub(crate) mod intents;
pub(crate) mod pace;
pub(crate) mod permit;
mod questions;
pub(crate) mod request_kind;
pub(crate) mod throttle;

mod state;

use std::num::NonZeroU32;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use crate::domain::answer::{Answer, Contact, Hold, Speaker, Verdict, Whom};
use crate::domain::rate::Rate;
use crate::domain::task::Business;
use crate::rules::budget::{Base, Budget};
use crate::rules::retry::{Backoff, Patience, Role, Server};

use circuit_breaker::{AttemptResult, Learned, OutageChange, Sign, description};
pub use fair_queue::{IntentNotes, Try};
pub(crate) use permit::{Admitted, GivenUp, Permit, Risk};
pub(crate) use request_kind::RequestKind;
use state::{AcquireRequest, LimiterState, Pick};
use throttle::{Began, ThrottleRefusal};

/// The limits on requests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests of everyone.
    pub rate: Rate,
    /// How many may leave at once, where more than the pace's own allowance.
    pub burst: Option<NonZeroU32>,
    /// Starts of one business.
    pub rate_per_biz: Rate,
    /// Requests in flight.
    pub slots: NonZeroUsize,
    /// Requests in flight of one business.
    pub slots_per_biz: Option<NonZeroUsize>,
    /// How long holds last that state no time, and how often an outage is probed.
    pub backoff: Backoff,
    /// How long all requests of a business may be refused before its rows fail.
    pub throttle_patience: Duration,
    /// How many rows may fail.
    pub budget: Option<(Budget, Base)>,
}

/// The limiter that every request passes.
#[derive(Debug)]
pub struct Limiter {
    state: Mutex<LimiterState<oneshot::Sender<Granted>>>,
    changed: Notify,
    /// Rows are to be noted, so that requests need not wait.
    intents_wanted: Notify,
    backoff: Backoff,
    throttle_patience: Duration,
}

/// What the loop hands to a row.
#[derive(Debug)]
enum Granted {
    /// The right to send one request now.
    Go(Role),
    /// That it is given up.
    GiveUp(GivenUp),
    /// That its question is not asked again.
    InVain,
}

/// The limiter is closed: nothing more may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// Why a question is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    /// The limiter is closed.
    Closed,
    /// bk-sops works, and failed each time that it was asked.
    InVain,
}

impl From<Closed> for NotAsked {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// A task's state.
    State,
    /// A task's link, when nobody else wants to go.
    Link,
}

/// Counts of what the limiter has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Answers that asked for a hold.
    pub throttled: u64,
    /// Holds that began.
    pub holds: u64,
    /// Requests that were let through.
    pub requests: u64,
}

/// How things stand at the limiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimiterSnapshot {
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests that were let through.
    pub requests: u64,
    /// Who is held, if anybody is.
    pub held: Option<Held>,
}

/// Who is held, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Everyone, since bk-sops is gone; what answers in its place.
    Outage(Instant, Arc<str>),
    /// Everyone, since the app's requests are used up.
    Everyone(Instant),
    /// So many businesses; the one that is held longest.
    Businesses(u64, Business, Instant),
}

/// What the limiter knows, after they heard of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Whether the attempt began an outage, or ended during one.
    pub in_outage: bool,
    /// What is known of the server by now.
    pub server: Server,
    /// Connections in a row that could not be made before the first HTTP answer.
    pub unconnected: u32,
    /// Whether those who share the throttle that refused this request still wait.
    pub patience: Patience,
    /// The outage that this probe did not end.
    pub outage: Option<Lasting>,
}

/// An outage that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lasting {
    /// For how long by now.
    pub lasted: Duration,
    /// What answers in place of bk-sops.
    pub says: Arc<str>,
}

impl Limiter {
    /// A limiter with these limits, open from now on.
    #[must_use]
    pub fn new(limits: &Limits, notes: IntentNotes) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(LimiterState::new(limits, notes, Instant::now())),
            changed: Notify::new(),
            intents_wanted: Notify::new(),
            backoff: limits.backoff,
            throttle_patience: limits.throttle_patience,
        })
    }

    /// Waits until a row of `business` on `line`, that was sent so many times, may be sent.
    /// It must then leave at once.
    ///
    /// # Errors
    ///
    /// When the limiter is [closed](Self::close), also while it waits.
    pub async fn acquire_start(
        self: &Arc<Self>,
        business: Business,
        turn: Try,
        line: u64,
        attempts: u32,
    ) -> Result<Admitted, Closed> {
        let request_kind = RequestKind::Start(business, turn);
        let risk = || Risk(Some(Arc::clone(self)));
        Ok(match self.wait_for(request_kind, line, attempts).await? {
            Granted::Go(role) => {
                let mut permit = self.permit(request_kind, line, role);
                permit.risk = Some(risk());
                Admitted::Go(permit)
            }
            Granted::GiveUp(why) => Admitted::GiveUp(why, risk()),
            Granted::InVain => return Err(Closed),
        })
    }

    /// Waits until a question about the row on `line` may leave. It must then leave at once.
    ///
    /// # Errors
    ///
    /// When the limiter is [closed](Self::close), also while it waits, or an outage has shown
    /// that there will be no answer.
    pub async fn acquire_question(
        self: &Arc<Self>,
        kind: Question,
        line: u64,
    ) -> Result<Permit, NotAsked> {
        let request_kind = match kind {
            Question::State => RequestKind::Poll,
            Question::Link => RequestKind::Lookup,
        };
        match self.wait_for(request_kind, line, 0).await? {
            Granted::Go(role) => Ok(self.permit(request_kind, line, role)),
            Granted::GiveUp(_) => Err(NotAsked::Closed),
            Granted::InVain => Err(NotAsked::InVain),
        }
    }

    async fn wait_for(
        &self,
        request_kind: RequestKind,
        line: u64,
        attempts: u32,
    ) -> Result<Granted, Closed> {
        let (row, granted) = oneshot::channel();
        self.state().join(AcquireRequest { request_kind, line, attempts, row })?;
        self.changed.notify_one();
        granted.await.map_err(|_| Closed)
    }

    fn permit(self: &Arc<Self>, request_kind: RequestKind, line: u64, role: Role) -> Permit {
        let (limiter, sent) = (Arc::clone(self), Instant::now());
        Permit { limiter, request_kind, line, sent, role, risk: None }
    }

    /// The one loop: hands out permits until the limiter is closed.
    pub async fn run(self: Arc<Self>) {
        loop {
            let wake = match self.hand_out(Instant::now()) {
                Ok(wake) => wake,
                Err(Closed) => return,
            };
            match wake {
                None => self.changed.notified().await,
                Some(due) => tokio::select! {
                    () = self.changed.notified() => {}
                    () = sleep_until(due) => {}
                },
            }
        }
    }

    /// Hands out every permit that is due at `now`, and says when to look again.
    fn hand_out(&self, now: Instant) -> Result<Option<Instant>, Closed> {
        let mut state = self.state();
        loop {
            match state.pick(now)? {
                Pick::Wait(wake) => {
                    if state.wants_intents(now) {
                        self.intents_wanted.notify_one();
                    }
                    return Ok(wake);
                }
                // A row that no longer waits gives its slot and its risk back at once.
                Pick::Go(request_kind, role, grant) => {
                    if grant.send(Granted::Go(role)).is_err() {
                        state.release(request_kind, role, now);
                        if let RequestKind::Start(..) = request_kind {
                            state.ledger.withdraw();
                        }
                    }
                }
                // Whoever no longer waits does not mind.
                Pick::InVain(grant) => drop(grant.send(Granted::InVain)),
                Pick::GiveUp(why, grant) => {
                    if grant.send(Granted::GiveUp(why)).is_err() {
                        state.ledger.withdraw();
                    }
                }
            }
        }
    }

    /// Takes the permit back, and learns from the answer that its request brought.
    pub fn heard(&self, permit: Permit, answer: &Answer) -> Feedback {
        let now = Instant::now();
        let mut state = self.state();
        let mut patience = Patience::Left;
        state.first_answer.heard(contact(&answer.verdict), now, &self.backoff);
        let server = state.first_answer.server();
        let sign = Sign::of(&answer.verdict, server);
        let ended = AttemptResult { line: permit.line, role: permit.role, sign, at: now };
        let Learned { in_outage, lasted, change } =
            state.outage.heard(ended, &self.backoff, || description(answer).into());
        if let OutageChange::Over(lasted) = change {
            state.outage_is_over(lasted, now);
        }
        match &answer.verdict {
            Verdict::Accepted | Verdict::AlreadyStarted => {
                state.everyone.granted();
                if let RequestKind::Start(business, _) = permit.request_kind {
                    state.granted(business, now);
                }
            }
            Verdict::Failed(failure) => {
                if let Some(hold) = failure.hold {
                    patience = self.refused(&mut state, &permit, hold, answer);
                }
            }
        }
        let says = state.outage.says();
        tell_outage(change, says.as_deref().unwrap_or_default());
        let outage = lasted.zip(says).map(|(lasted, says)| Lasting { lasted, says });
        let unconnected = state.first_answer.unconnected();
        drop(state);
        drop(permit);
        Feedback { in_outage, server, unconnected, patience, outage }
    }

    /// An answer asked for a pause: whether those who are to pause still wait.
    fn refused<T>(
        &self,
        state: &mut LimiterState<T>,
        permit: &Permit,
        hold: Hold,
        answer: &Answer,
    ) -> Patience {
        let now = Instant::now();
        let business = match (hold.whom, permit.request_kind) {
            (Whom::Business, RequestKind::Start(business, _)) => Some(business),
            (Whom::Everyone, _) | (Whom::Business, RequestKind::Poll | RequestKind::Lookup) => None,
        };
        let held_before = state.everyone.held(now).unwrap_or(now);
        let throttle = match business {
            Some(business) => &mut state.business(business, now).throttle,
            None => &mut state.everyone,
        };
        let refused = ThrottleRefusal { sent: permit.sent, stated: hold.stated };
        let began = throttle.refused(refused, now, &self.backoff);
        let patience = throttle.patience(now, self.throttle_patience);
        if began == Began::Hold {
            let pause = throttle.held(now).map(|until| until - now);
            debug!(whom = ?hold.whom, request_kind = ?permit.request_kind, ?pause, stated = ?hold.stated, "held");
        }
        let until = state.everyone.held(now).unwrap_or(now);
        state.excuse_businesses(held_before, until);
        state.counters.throttled += 1;
        state.counters.holds += u64::from(began == Began::Hold);
        if let (Some(business), Patience::Over) = (business, patience) {
            let why = GivenUp::Throttled(Arc::from(&*answer.reply.message));
            state.give_up(&why, |of, _| of == business);
        }
        patience
    }

    /// How long all outages of this session lasted, the present one included.
    #[must_use]
    pub fn time_in_outages(&self) -> Duration {
        self.state().outage.total(Instant::now())
    }

    /// Returns once rows are to be noted that could otherwise not go in time.
    pub async fn intents_wanted(&self) {
        loop {
            self.intents_wanted.notified().await;
            if self.state().wants_intents(Instant::now()) {
                return;
            }
        }
    }

    /// Names the lines of the rows that go next, to be noted in a commit. They may go
    /// once it is [there](Self::intents_committed).
    #[must_use]
    pub fn name_intents(&self) -> Vec<u64> {
        self.state().name_intents(Instant::now())
    }

    /// A commit is there, and with it the rows that were named before it.
    pub fn intents_committed(&self) {
        self.state().intents_committed();
        self.changed.notify_one();
    }

    /// A budget that is a share is one of this from now on.
    pub fn rebase(&self, base: Base) {
        self.state().ledger.rebase(base);
        self.changed.notify_one();
    }

    /// How things stand at the limiter now.
    #[must_use]
    pub fn snapshot(&self) -> LimiterSnapshot {
        self.state().snapshot(Instant::now())
    }

    /// What the limiter has seen so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state().counters
    }

    /// No row that was never sent may be sent; those who wait are told so at once.
    pub fn close_to_new(&self) {
        self.state().close_to_new();
        self.changed.notify_one();
    }

    /// Nothing more may be sent; whoever waits is told so at once.
    pub fn close(&self) {
        self.state().close();
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, LimiterState<oneshot::Sender<Granted>>> {
        // Nothing that holds the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells that an outage begins or ends: whoever looks at the log of a night wants to know.
fn tell_outage(change: OutageChange, says: &str) {
    match change {
        OutageChange::None => {}
        OutageChange::Began => {
            warn!("bk-sops is gone: {says}; until it is back only one probe at a time is sent");
        }
        OutageChange::Over(lasted) => warn!("bk-sops is back after {:.0} s", lasted.as_secs_f64()),
    }
}

/// How far a request came that was answered so.
const fn contact(verdict: &Verdict) -> Contact {
    match verdict {
        Verdict::Accepted | Verdict::AlreadyStarted => Contact::Answered(Speaker::BkSops),
        Verdict::Failed(failure) => failure.contact,
    }
}

#[cfg(test)]
mod tests;
