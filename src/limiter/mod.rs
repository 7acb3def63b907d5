//! All limits in one place: who may send the next request, and when.
//!
//! A row asks for a [`Permit`] and waits. One loop serves all rows: once a row may go, a slot is
//! free and the next turn of the pace is due, it picks the row, and that row is sent at once.
//! Nothing waits between the pick and the send: turns taken earlier would all leave at once after
//! a stall.
//!
//! The rules are in [`fair_queue`] (who goes), [`intents`] (who is noted before), [`pace`] (how
//! fast), [`throttle`] (who is held), [`first_answer`] (whether a server is there) and
//! [`circuit_breaker`] (whether bk-sops is gone). This module must not know what a request is,
//! nor send one.

mod choice;
mod circuit_breaker;
mod denial;
mod fair_queue;
mod first_answer;
mod giving_up;
mod intents;
mod limits;
mod pace;
mod permit;
mod questions;
mod request_kind;
mod shared;
mod shares;
mod snapshot;
mod state;
mod throttle;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use crate::domain::answer::{Answer, Delivery, Hold, Speaker, Verdict, Whom};
use crate::domain::task::Business;
use crate::rules::budget::Base;
use crate::rules::retry::{Backoff, Patience, Role};

use choice::{AcquireRequest, Pick};
use circuit_breaker::{AttemptResult, Learned, OutageChange, Sign, description};
use request_kind::RequestKind;
use shared::{Granted, Shared};
use state::LimiterState;
use throttle::{Began, ThrottleRefusal};

pub(crate) use denial::{Closed, GivenUp, NotAsked};
pub use fair_queue::{IntentNotes, Try};
pub use limits::Limits;
pub(crate) use permit::{Admitted, Permit, Risk};
pub(crate) use request_kind::Question;
pub(crate) use snapshot::{Counters, Feedback, Held, Lasting, LimiterSnapshot};

/// The limiter that every request passes.
#[derive(Debug)]
pub struct Limiter {
    shared: Arc<Shared>,
    /// Told when rows are to be noted, so that requests need not wait.
    intents_wanted: Notify,
    backoff: Backoff,
    throttle_patience: Duration,
}

impl Limiter {
    /// Returns a limiter with these limits, open from now on.
    #[must_use]
    pub fn new(limits: &Limits, notes: IntentNotes) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::new(Shared::new(LimiterState::new(limits, notes, Instant::now()))),
            intents_wanted: Notify::new(),
            backoff: limits.backoff,
            throttle_patience: limits.throttle_patience,
        })
    }

    /// Waits until a row that was sent `attempts` times may be sent. It must then leave at once.
    ///
    /// # Errors
    ///
    /// Returns an error if the limiter is [closed](Self::close), also while the row waits.
    pub async fn acquire_start(
        &self,
        business: Business,
        turn: Try,
        line: u64,
        attempts: u32,
    ) -> Result<Admitted, Closed> {
        let request_kind = RequestKind::Start(business, turn);
        let risk = || Risk(Some(Arc::clone(&self.shared)));
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
    /// Returns an error if the limiter is [closed](Self::close), also while the question waits,
    /// or if an outage has shown that there will be no answer.
    pub async fn acquire_question(&self, kind: Question, line: u64) -> Result<Permit, NotAsked> {
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
        self.shared.state().join(AcquireRequest { request_kind, line, attempts, row })?;
        self.shared.changed.notify_one();
        granted.await.map_err(|_| Closed)
    }

    fn permit(&self, request_kind: RequestKind, line: u64, role: Role) -> Permit {
        let (shared, sent) = (Arc::clone(&self.shared), Instant::now());
        Permit { shared, request_kind, line, sent, role, risk: None }
    }

    /// Hands out permits until the limiter is closed; it is the only loop that does.
    pub async fn run(self: Arc<Self>) {
        loop {
            let wake = match self.hand_out(Instant::now()) {
                Ok(wake) => wake,
                Err(Closed) => return,
            };
            match wake {
                None => self.shared.changed.notified().await,
                Some(due) => tokio::select! {
                    () = self.shared.changed.notified() => {}
                    () = sleep_until(due) => {}
                },
            }
        }
    }

    /// Hands out every permit that is due at `now`, and returns when to look again.
    fn hand_out(&self, now: Instant) -> Result<Option<Instant>, Closed> {
        let mut state = self.shared.state();
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
                // Ignores a closed channel: the question no longer waits.
                Pick::InVain(grant) => drop(grant.send(Granted::InVain)),
                Pick::GiveUp(why, grant) => {
                    if grant.send(Granted::GiveUp(why)).is_err() {
                        state.ledger.withdraw();
                    }
                }
            }
        }
    }

    /// Takes the permit back, and learns from the answer to its request.
    pub fn heard(&self, permit: Permit, answer: &Answer) -> Feedback {
        let now = Instant::now();
        let mut state = self.shared.state();
        let mut patience = Patience::Left;
        state.first_answer.heard(delivery(&answer.verdict), now, &self.backoff);
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

    /// Handles an answer that asked for a pause; returns whether those who must pause still wait.
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
            Some(business) => &mut state.shares.of(business, now).throttle,
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
        state.shares.excuse(held_before, until);
        state.counters.throttled += 1;
        state.counters.holds += u64::from(began == Began::Hold);
        if let (Some(business), Patience::Over) = (business, patience) {
            let why = GivenUp::Throttled(Arc::from(&*answer.reply.message));
            state.give_up(&why, |of, _| of == business);
        }
        patience
    }

    /// Returns the total time of all outages of this session, the present one included.
    #[must_use]
    pub fn time_in_outages(&self) -> Duration {
        self.shared.state().outage.total(Instant::now())
    }

    /// Waits until rows must be noted, since they could otherwise not go in time.
    pub async fn intents_wanted(&self) {
        loop {
            self.intents_wanted.notified().await;
            if self.shared.state().wants_intents(Instant::now()) {
                return;
            }
        }
    }

    /// Names the lines of the rows that go next, to be noted in a commit. They may go once that
    /// is [committed](Self::intents_committed).
    #[must_use]
    pub fn name_intents(&self) -> Vec<u64> {
        self.shared.state().name_intents(Instant::now())
    }

    /// Lets the rows go that were named before this commit.
    pub fn intents_committed(&self) {
        self.shared.state().intents_committed();
        self.shared.changed.notify_one();
    }

    /// Sets the base of a budget that is a share.
    pub fn rebase(&self, base: Base) {
        self.shared.state().ledger.rebase(base);
        self.shared.changed.notify_one();
    }

    /// Returns the state of the limiter now.
    #[must_use]
    pub fn snapshot(&self) -> LimiterSnapshot {
        self.shared.state().snapshot(Instant::now())
    }

    /// Returns the counts of what the limiter has seen so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.state().counters
    }

    /// Lets no row go that was never sent; those who wait are told so at once.
    pub fn close_to_new(&self) {
        self.shared.state().close_to_new();
        self.shared.changed.notify_one();
    }

    /// Lets nothing more go; whoever waits is told so at once.
    pub fn close(&self) {
        self.shared.state().close();
        self.shared.changed.notify_one();
    }
}

/// Logs that an outage begins or ends, for whoever reads the log of a night.
fn tell_outage(change: OutageChange, says: &str) {
    match change {
        OutageChange::None => {}
        OutageChange::Began => {
            warn!("bk-sops is gone: {says}; until it is back only one probe at a time is sent");
        }
        OutageChange::Over(lasted) => warn!("bk-sops is back after {:.0} s", lasted.as_secs_f64()),
    }
}

const fn delivery(verdict: &Verdict) -> Delivery {
    match verdict {
        Verdict::Accepted | Verdict::AlreadyStarted => Delivery::Answered(Speaker::BkSops),
        Verdict::Failed(failure) => failure.delivery,
    }
}

#[cfg(test)]
mod tests;
