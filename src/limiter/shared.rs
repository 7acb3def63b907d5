//! What the limiter shares with its permits, and the handing out of permits.
//!
//! Most who change the state also hand out the permits that are due, so that no row waits until a
//! loop wakes. The loop in [`Limiter::run`](super::Limiter::run) hands out those that become due
//! with time, and for callers that only wake it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::choice::Pick;
use super::denial::{Closed, GivenUp};
use super::request_kind::RequestKind;
use super::state::LimiterState;
use crate::domain::connections::{Connections, Reservation, Turns};
use crate::rules::budget::Ledger;
use crate::rules::retry::Role;

#[derive(Debug)]
pub(super) enum Granted {
    Go(Role, Reservation),
    GiveUp(GivenUp),
    InVain,
    /// A turn for a request that was picked before.
    Turn,
}

/// A row, a question or a request that waits.
pub(super) type Waiter = oneshot::Sender<Granted>;

/// State of the limiter, and the signals that come from it.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<Guarded>,
    connections: Arc<dyn Connections>,
    /// Wakes the loop: something is due earlier than it knows.
    pub earlier: Notify,
    /// Asks for a commit of intents, so that rows need not wait for one.
    pub intents_wanted: Notify,
    /// Tells that nothing may go any more.
    pub closed: Notify,
}

#[derive(Debug)]
struct Guarded {
    limiter: LimiterState<Waiter>,
    /// When the loop looks again.
    wake: Option<Instant>,
}

impl Shared {
    pub(super) fn new(state: LimiterState<Waiter>, connections: Arc<dyn Connections>) -> Self {
        Self {
            state: Mutex::new(Guarded { limiter: state, wake: None }),
            connections,
            earlier: Notify::new(),
            intents_wanted: Notify::new(),
            closed: Notify::new(),
        }
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&LimiterState<Waiter>) -> T) -> T {
        look(&self.lock().limiter)
    }

    /// Changes the state, and hands out every permit that is due then.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut LimiterState<Waiter>) -> T) -> T {
        let mut guarded = self.lock();
        let changed = change(&mut guarded.limiter);
        self.advance(&mut guarded);
        changed
    }

    /// Settles the risk that a row took at `since`, and hands out permits if there is a budget: without one nobody
    /// waits for that.
    pub(super) fn settle<T>(&self, since: Instant, settle: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut guarded = self.lock();
        guarded.limiter.spent.at_risk(since, Instant::now());
        let settled = settle(&mut guarded.limiter.ledger);
        if guarded.limiter.ledger.tolerated().is_some() {
            self.advance(&mut guarded);
        }
        settled
    }

    fn advance(&self, guarded: &mut Guarded) {
        let wake = self.hand_out(&mut guarded.limiter, Instant::now()).unwrap_or_default();
        let is_earlier = match (wake, guarded.wake) {
            (Some(wake), Some(known)) => wake < known,
            (Some(_), None) => true,
            (None, _) => guarded.limiter.is_closed(),
        };
        if is_earlier {
            guarded.wake = wake;
            self.earlier.notify_one();
        }
    }

    /// Changes the state, and leaves the handing out to the loop: for callers outside the runtime,
    /// where no connection can be made, and for a row that is to wait again before others go.
    pub(super) fn change_and_wake<T>(
        &self,
        change: impl FnOnce(&mut LimiterState<Waiter>) -> T,
    ) -> T {
        let changed = change(&mut self.lock().limiter);
        self.earlier.notify_one();
        changed
    }

    /// Hands out every permit that is due now, and returns when to look again.
    pub(super) fn wake(&self) -> Result<Option<Instant>, Closed> {
        let mut guarded = self.lock();
        guarded.wake = self.hand_out(&mut guarded.limiter, Instant::now())?;
        Ok(guarded.wake)
    }

    /// Offers turns to requests that were picked before their connection was made.
    pub(super) fn offer_turns(&self, turns: Arc<dyn Turns>) {
        self.connections.ask_turns_of(turns);
    }

    /// Calls back the connections that are being made.
    pub(super) fn want_no_connections(&self) {
        self.connections.want(0);
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        // Nothing that holds the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_out(
        &self,
        state: &mut LimiterState<Waiter>,
        now: Instant,
    ) -> Result<Option<Instant>, Closed> {
        loop {
            match state.pick(now, &*self.connections)? {
                Pick::Wait(wake) => {
                    if state.wants_intents(now).is_some() {
                        self.intents_wanted.notify_one();
                    }
                    return Ok(wake);
                }
                Pick::Go(request_kind, role, waiter) => {
                    let connection = Reservation::made(Arc::clone(&self.connections));
                    // A row that no longer waits gives its slot, its risk and its connection back
                    // at once.
                    if waiter.send(Granted::Go(role, connection)).is_err() {
                        state.release(request_kind, role, now);
                        if let RequestKind::Start(..) = request_kind {
                            state.ledger.withdraw();
                        }
                    }
                }
                // Ignores a closed channel: the question no longer waits.
                Pick::InVain(waiter) => drop(waiter.send(Granted::InVain)),
                Pick::Turn(waiter) => drop(waiter.send(Granted::Turn)),
                Pick::GiveUp(why, waiter) => {
                    if waiter.send(Granted::GiveUp(why)).is_err() {
                        state.ledger.withdraw();
                    }
                }
            }
        }
    }
}
