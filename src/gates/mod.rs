//! All limits in one place: who may send the next request, and when.
//!
//! A row asks for a [`Pass`] and waits. One loop serves all of them: when a row
//! may go, a slot is free and the next turn of the pace is due, it picks the row,
//! and that row is sent at once. Nothing waits between the pick and the send:
//! turns taken earlier would all leave at once after a stall.
//!
//! The rules are in [`fair_queue`] (who), [`intents`] (who is noted before), [`pace`] (how fast), [`throttle`] (who is
//! held) and [`outage`] (is anybody there). This module must not know what a
//! request is, nor send one.

pub mod errand;
pub mod fair_queue;
pub mod intents;
pub mod outage;
pub mod pace;
pub mod throttle;

mod state;

use std::num::NonZeroU32;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::answer::{Answer, Contact, Hold, Verdict, Whom};
use crate::budget::{Base, Budget, UsedUp};
use crate::rate::Rate;
use crate::retry::{Attempt, Backoff, Server};
use crate::task::Business;

pub use errand::Errand;
pub use fair_queue::{Notes, Turn};
use state::{Pick, State};
use throttle::Began;

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
    /// How many rows may fail.
    pub budget: Option<(Budget, Base)>,
}

/// The gates that every request passes.
#[derive(Debug)]
pub struct Gates {
    state: Mutex<State<oneshot::Sender<Granted>>>,
    changed: Notify,
    /// Rows are to be noted, so that requests need not wait.
    intents_wanted: Notify,
    backoff: Backoff,
}

/// What the loop hands to a row: the right to send one request now.
#[derive(Debug)]
struct Granted {
    kind: Attempt,
}

/// The right to send one request, at once. It gives its slot back when dropped.
#[derive(Debug)]
pub struct Pass {
    gates: Arc<Gates>,
    errand: Errand,
    sent: Instant,
    kind: Attempt,
    risk: Option<Risk>,
}

/// That a row may yet fail. It counts against the budget until it is dropped (the
/// row waits, or is cut off), or the row is [settled](Self::good).
#[derive(Debug)]
pub struct Risk(Option<Arc<Gates>>);

impl Risk {
    /// The row is settled, and did not fail.
    pub fn good(mut self) {
        if let Some(gates) = self.0.take() {
            gates.state().ledger.good();
            gates.changed.notify_one();
        }
    }

    /// The row has failed. Whether that was one too many.
    #[must_use]
    pub fn failed(mut self) -> Option<UsedUp> {
        let gates = self.0.take()?;
        let used_up = gates.state().ledger.failed();
        gates.changed.notify_one();
        used_up
    }
}

impl Drop for Risk {
    fn drop(&mut self) {
        if let Some(gates) = self.0.take() {
            gates.state().ledger.withdraw();
            gates.changed.notify_one();
        }
    }
}

/// The gates are closed: nothing more may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// Counts of what the gates have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answers that asked for a hold.
    pub throttled: u64,
    /// Holds that began.
    pub holds: u64,
    /// Requests that were let through.
    pub requests: u64,
}

/// How things stand at the gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glimpse {
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests that were let through.
    pub requests: u64,
    /// Who is held, if anybody is.
    pub held: Option<Held>,
}

/// Who is held, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Everyone, since the server does not answer.
    Outage(Instant),
    /// Everyone, since the app's requests are used up.
    Everyone(Instant),
    /// So many businesses; the one that is held longest.
    Businesses(u64, Business, Instant),
}

/// What the gates know, after they heard of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whether the request was a probe.
    pub kind: Attempt,
    /// Whether any answer ever came, before or now.
    pub server: Server,
    /// How long those who share the throttle that refused this request have
    /// been refused without anything granted; zero for any other answer.
    pub starved: Duration,
    /// How long an outage has lasted, if this was its probe and it failed.
    pub outage: Option<Duration>,
}

impl Gates {
    /// Gates with these limits, open from now on.
    #[must_use]
    pub fn new(limits: &Limits, notes: Notes) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::new(limits, notes, Instant::now())),
            changed: Notify::new(),
            intents_wanted: Notify::new(),
            backoff: limits.backoff,
        })
    }

    /// Waits until a request on this errand, for the row on `line`, may leave. It must
    /// then leave at once.
    ///
    /// # Errors
    ///
    /// When the gates are [closed](Self::close), also while it waits.
    pub async fn pass(self: &Arc<Self>, errand: Errand, line: u64) -> Result<Pass, Closed> {
        let (grant, granted) = oneshot::channel();
        self.state().join(errand, line, grant)?;
        self.changed.notify_one();
        let Granted { kind } = granted.await.map_err(|_| Closed)?;
        let gates = Arc::clone(self);
        let risk = match errand {
            Errand::Start(..) => Some(Risk(Some(Arc::clone(self)))),
            Errand::Poll | Errand::Lookup => None,
        };
        Ok(Pass { gates, errand, sent: Instant::now(), kind, risk })
    }

    /// The one loop: hands out passes until the gates are closed.
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

    /// Hands out every pass that is due at `now`, and says when to look again.
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
                Pick::Go(errand, kind, grant) => {
                    // A row that no longer waits gives its slot back at once.
                    if grant.send(Granted { kind }).is_err() {
                        state.release(errand, kind, now);
                        if let Errand::Start(..) = errand {
                            state.ledger.withdraw();
                        }
                    }
                }
            }
        }
    }

    /// Takes the pass back, and learns from the answer that its request brought.
    pub fn heard(&self, pass: Pass, answer: &Answer) -> Known {
        let now = Instant::now();
        let mut state = self.state();
        let mut starved = Duration::ZERO;
        let mut outage = None;
        let contact = match &answer.verdict {
            Verdict::Accepted | Verdict::AlreadyStarted => {
                state.everyone.granted();
                if let Errand::Start(business, _) = pass.errand {
                    state.business(business, now).throttle.granted();
                }
                Contact::Answered
            }
            Verdict::Failed(failure) => {
                if let Some(hold) = failure.hold {
                    starved = self.refused(&mut state, &pass, hold, now);
                }
                failure.contact
            }
        };
        if contact == Contact::Answered {
            state.outage.answered();
        } else {
            outage = state.outage.unanswered(pass.kind, now, &self.backoff);
        }
        let server = state.outage.server();
        let kind = pass.kind;
        drop(state);
        drop(pass);
        Known { kind, server, starved, outage }
    }

    /// An answer asked for a pause: how long those who are to pause have been
    /// refused.
    fn refused<T>(&self, state: &mut State<T>, pass: &Pass, hold: Hold, now: Instant) -> Duration {
        let throttle = match (hold.whom, pass.errand) {
            (Whom::Business, Errand::Start(business, _)) => {
                &mut state.business(business, now).throttle
            }
            (Whom::Everyone, _) | (Whom::Business, Errand::Poll | Errand::Lookup) => {
                &mut state.everyone
            }
        };
        let began = throttle.refused(pass.sent, now, hold.stated, &self.backoff);
        let starved = throttle.starved(now);
        if began == Began::Hold {
            let pause = throttle.held(now).map(|until| until - now);
            debug!(whom = ?hold.whom, errand = ?pass.errand, ?pause, stated = ?hold.stated, "held");
        }
        state.tally.throttled += 1;
        state.tally.holds += u64::from(began == Began::Hold);
        starved
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

    /// How things stand at the gates now.
    #[must_use]
    pub fn glimpse(&self) -> Glimpse {
        self.state().glimpse(Instant::now())
    }

    /// What the gates have seen so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.state().tally
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

    fn state(&self) -> MutexGuard<'_, State<oneshot::Sender<Granted>>> {
        // Nothing that holds the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// When the pass was given.
    #[must_use]
    pub const fn sent(&self) -> Instant {
        self.sent
    }

    /// The risk that comes with a start, to be held as long as its row may fail.
    pub fn risk(&mut self) -> Option<Risk> {
        self.risk.take()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gates.state().release(self.errand, self.kind, Instant::now());
        self.gates.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
