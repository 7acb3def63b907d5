//! All limits in one place: who may send the next request, and when.
//!
//! A row asks for a [`Permit`] and waits. Once a row may go, a slot is free, a connection stands
//! ready and the next turn of the pace is due, the row is picked and sent at once. Nothing waits
//! between the pick and the send: turns taken earlier would all leave at once after a stall.
//!
//! The rules are in [`fair_queue`] (who goes), [`intents`] (who is noted before), [`pace`] (how
//! fast), [`demand`] (how many connections are wanted), [`throttle`] (who is held),
//! [`first_answer`] (whether a server is there) and [`circuit_breaker`] (whether bk-sops is gone).
//! This module must not know what a request is, nor send one; of connections it knows numbers.

mod choice;
mod circuit_breaker;
mod demand;
mod denial;
mod fair_queue;
mod first_answer;
mod giving_up;
mod intents;
mod learn;
mod limits;
mod pace;
mod permit;
mod questions;
mod request_kind;
mod shared;
mod shares;
mod snapshot;
mod spent;
mod state;
mod throttle;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::domain::connections::{Connections, Reservation};
use crate::domain::task::Business;
use crate::rules::budget::Base;
use crate::rules::course::AnswerTimes;
use crate::rules::retry::{Backoff, Role};

use choice::AcquireRequest;
use request_kind::RequestKind;
use shared::{Granted, Shared};
use state::LimiterState;

pub(crate) use denial::{Closed, GivenUp, NotAsked};
pub use fair_queue::{IntentNotes, Try};
pub(crate) use intents::IntentsWanted;
pub use limits::Limits;
pub(crate) use permit::{Admitted, Permit, Risk};
pub(crate) use request_kind::Question;
pub(crate) use snapshot::{Counters, Feedback, Held, Lasting, LimiterSnapshot};

/// The limiter that every request passes.
#[derive(Debug)]
pub struct Limiter {
    shared: Arc<Shared>,
    backoff: Backoff,
    throttle_patience: Duration,
}

impl Limiter {
    /// Returns a limiter with these limits, open from now on, for requests by `connections`.
    #[must_use]
    pub fn new(
        limits: &Limits,
        notes: IntentNotes,
        connections: Arc<dyn Connections>,
    ) -> Arc<Self> {
        let state = LimiterState::new(limits, notes, Instant::now());
        let shared = Arc::new(Shared::new(state, connections));
        shared.offer_turns(Arc::new(turn::TurnsOf(Arc::downgrade(&shared))));
        Arc::new(Self {
            shared,
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
        let risk = || Risk::begin(Arc::clone(&self.shared));
        Ok(match self.wait_for(request_kind, line, attempts).await? {
            Granted::Go(role, connection) => {
                let mut permit = self.permit(request_kind, line, role, connection);
                permit.risk = Some(risk());
                Admitted::Go(permit)
            }
            Granted::GiveUp(why) => Admitted::GiveUp(why, risk()),
            Granted::InVain | Granted::Turn => return Err(Closed),
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
            Granted::Go(role, connection) => Ok(self.permit(request_kind, line, role, connection)),
            Granted::GiveUp(_) | Granted::Turn => Err(NotAsked::Closed),
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
        let asking = AcquireRequest { request_kind, line, attempts, row };
        self.shared.change(|state| state.join(asking))?;
        granted.await.map_err(|_| Closed)
    }

    fn permit(
        &self,
        request_kind: RequestKind,
        line: u64,
        role: Role,
        connection: Reservation,
    ) -> Permit {
        let (shared, sent) = (Arc::clone(&self.shared), Instant::now());
        Permit { shared: Some(shared), request_kind, line, sent, role, risk: None, connection }
    }

    /// Hands out the permits that become due with time, or that a change has left to it, until the
    /// limiter is closed.
    pub async fn run(self: Arc<Self>) {
        while let Ok(wake) = self.shared.wake() {
            match wake {
                None => self.shared.earlier.notified().await,
                Some(due) => tokio::select! {
                    biased;
                    () = self.shared.earlier.notified() => {}
                    () = sleep_until(due) => {}
                },
            }
        }
    }

    /// Hands out what is due, since another connection stands ready.
    pub fn connection_made(&self) {
        self.shared.change(|_| ());
    }

    /// Returns the total time of all outages of this session, the present one included.
    #[must_use]
    pub fn time_in_outages(&self) -> Duration {
        self.shared.look(|state| state.outage.total(Instant::now()))
    }

    /// Waits until rows must be noted, since they could otherwise not go in time.
    pub(crate) async fn intents_wanted(&self) -> IntentsWanted {
        loop {
            self.shared.intents_wanted.notified().await;
            if let Some(wanted) = self.shared.look(|state| state.wants_intents(Instant::now())) {
                return wanted;
            }
        }
    }

    /// Names the lines of the rows that go next, to be noted in a commit. They may go once that
    /// is [committed](Self::intents_committed).
    #[must_use]
    pub fn name_intents(&self) -> Vec<u64> {
        self.shared.change_and_wake(|state| state.name_intents(Instant::now()))
    }

    /// Lets the rows go that were named before this commit.
    pub fn intents_committed(&self) {
        self.shared.change_and_wake(LimiterState::intents_committed);
    }

    /// Sets the base of a budget that is a share.
    pub fn rebase(&self, base: Base) {
        self.shared.change_and_wake(|state| state.ledger.rebase(base));
    }

    /// Returns the state of the limiter now.
    #[must_use]
    pub fn snapshot(&self) -> LimiterSnapshot {
        self.shared.look(|state| state.snapshot(Instant::now()))
    }

    /// Returns how long the server took so far; `None` before a row is settled.
    #[must_use]
    pub(crate) fn answer_times(&self) -> Option<AnswerTimes> {
        self.shared.look(|state| state.spent.answer_times(state.ledger.settled()))
    }

    /// Returns the counts of what the limiter has seen so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.look(|state| state.counters)
    }

    /// Lets no row go that was never sent; those who wait are told so at once.
    pub fn close_to_new(&self) {
        self.shared.change_and_wake(LimiterState::close_to_new);
    }

    /// Lets nothing more go; whoever waits is told so at once, and connections that are being
    /// made are called back.
    pub fn close(&self) {
        self.shared.change_and_wake(LimiterState::close);
        self.shared.closed.notify_waiters();
        self.shared.want_no_connections();
    }
}

#[cfg(test)]
mod counted_connections;
#[cfg(test)]
mod tests;
