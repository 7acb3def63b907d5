//! Standing connections, and those that are being made.
//!
//! A connection is set aside before the request that uses it is picked, and taken when it is
//! sent. The one used last is used first, so that the others can end.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::connection::Connection;
use super::connector::Connector;
use crate::api::transport::error::TransportError;
use crate::api::transport::seam::{ConnectionEvent, IDLE_TIMEOUT, MAX_CONNECTING, Traffic};
use crate::domain::connections::{Connections, Reservation, Turns};

/// Idle time from which a connection is checked before it is set aside: nobody polls it, so its
/// end would not be noticed. A check for each request would cost too much.
const LOOK_AFTER: Duration = Duration::from_millis(10);

/// Minimum time between two rounds of closing what is idle for too long.
const MIN_CLEANING_INTERVAL: Duration = Duration::from_millis(100);

/// Number of connections made at a time for waiting requests while there are no more than that.
/// After a hiccup many requests wait, and connections in flight come back sooner than as many new
/// ones could be made.
const FIRST_CONNECTING: usize = 4;

pub(super) struct Pool {
    connector: Connector,
    max_idle: usize,
    traffic: Arc<Traffic>,
    state: Mutex<State>,
    /// Held by each connection there is.
    alive: Arc<()>,
    /// For the tasks and reservations that outlive a call.
    this: Weak<Self>,
}

#[derive(Default)]
struct State {
    /// In the order in which they were last used.
    idle: VecDeque<Idle>,
    /// Number of idle connections that are set aside; the newest ones.
    set_aside: usize,
    making: Vec<Making>,
    made_so_far: u64,
    /// Requests that wait for a connection, in the order in which they asked.
    waiting: VecDeque<oneshot::Sender<Result<Reservation, TransportError>>>,
    listener: Option<mpsc::UnboundedSender<ConnectionEvent>>,
    /// Time that the last connection took.
    lead: Duration,
    cleaning: Cleaning,
}

struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

struct Making {
    number: u64,
    since: Instant,
    /// `None` until it has begun.
    task: Option<AbortHandle>,
}

/// Whether a task closes connections that are idle for too long.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Cleaning {
    #[default]
    Stopped,
    Running,
}

impl State {
    fn standing(&self) -> usize {
        self.idle.len().saturating_sub(self.set_aside)
    }

    /// Sets the connection aside that was used last, if it still stands.
    fn set_aside(&mut self, now: Instant) -> bool {
        while self.standing() > 0 {
            let next = self.idle.len() - 1 - self.set_aside;
            let Idle { connection, since } = &mut self.idle[next];
            let idle = now.saturating_duration_since(*since);
            if idle < IDLE_TIMEOUT && (idle < LOOK_AFTER || connection.is_open()) {
                self.set_aside += 1;
                return true;
            }
            self.idle.remove(next);
        }
        false
    }

    /// Forgets requests at the head of the queue that wait no more.
    fn forget_gone(&mut self) {
        while self.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            self.waiting.pop_front();
        }
    }

    /// Closes what is idle for too long; returns when the next one is.
    fn clean(&mut self, now: Instant) -> Option<Instant> {
        while self.standing() > 0
            && self.idle.front().is_some_and(|oldest| oldest.since + IDLE_TIMEOUT <= now)
        {
            self.idle.pop_front();
        }
        self.idle
            .front()
            .map(|oldest| (oldest.since + IDLE_TIMEOUT).max(now + MIN_CLEANING_INTERVAL))
    }
}

impl Pool {
    pub(super) fn new(connector: Connector, max_idle: usize, traffic: Arc<Traffic>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            connector,
            max_idle,
            traffic,
            state: Mutex::default(),
            alive: Arc::default(),
            this: Weak::clone(this),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn events(&self) -> mpsc::UnboundedReceiver<ConnectionEvent> {
        let (listener, events) = mpsc::unbounded_channel();
        self.state().listener = Some(listener);
        events
    }

    /// Takes the connection that `reservation` set aside.
    pub(super) fn take(&self, reservation: Reservation) -> Result<Box<Connection>, TransportError> {
        if !reservation.used() {
            return Err(TransportError::Unconnected("none was set aside".into()));
        }
        let mut state = self.state();
        state.set_aside = state.set_aside.saturating_sub(1);
        let taken = state.idle.pop_back().map(|idle| idle.connection);
        taken.ok_or_else(|| TransportError::Unconnected("it was closed".into()))
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, connection: Box<Connection>) {
        let now = Instant::now();
        let mut state = self.state();
        if state.idle.len() >= self.max_idle && state.waiting.is_empty() {
            return;
        }
        state.idle.push_back(Idle { connection, since: now });
        if state.cleaning == Cleaning::Stopped {
            state.cleaning = Cleaning::Running;
            tokio::spawn(clean(Weak::clone(&self.this)));
        }
        drop(state);
        self.serve();
    }

    /// Sets a connection aside, and makes one if none stands.
    pub(super) async fn reserve(&self) -> Result<Reservation, TransportError> {
        let received = {
            let mut state = self.state();
            // Who waits already goes first.
            if state.waiting.is_empty() && state.set_aside(Instant::now()) {
                return Ok(self.reservation());
            }
            let (sender, received) = oneshot::channel();
            state.waiting.push_back(sender);
            self.make_for_waiting(state);
            received
        };
        let gone = || Err(TransportError::Unconnected("nobody makes connections any more".into()));
        received.await.unwrap_or_else(|_| gone())
    }

    fn reservation(&self) -> Reservation {
        let this: Arc<Self> = self.this.upgrade().expect("a pool lives in an Arc");
        Reservation::made(this)
    }

    /// Makes what is missing for the waiting requests, at a time no more than there are already.
    fn make_for_waiting(&self, state: MutexGuard<'_, State>) {
        let alive = Arc::strong_count(&self.alive) - 1;
        let at_once = alive.clamp(FIRST_CONNECTING, MAX_CONNECTING);
        let count = state.waiting.len();
        self.make(state, count, at_once);
    }

    /// Makes what is missing for `count` connections to stand or be made, at most `at_once` at a
    /// time.
    fn make(&self, mut state: MutexGuard<'_, State>, count: usize, at_once: usize) {
        let missing = count.saturating_sub(state.standing() + state.making.len());
        let room = at_once.saturating_sub(state.making.len());
        let first = state.made_so_far + 1;
        state.made_so_far += missing.min(room) as u64;
        let numbers = first..=state.made_so_far;
        let since = Instant::now();
        let making = numbers.clone().map(|number| Making { number, since, task: None });
        state.making.extend(making);
        // A runtime that ends drops a task at once, which takes the lock.
        drop(state);
        for number in numbers {
            self.begin(number);
        }
    }

    fn begin(&self, number: u64) {
        let Some(pool) = self.this.upgrade() else { return };
        // Also a task that is called back before it began tells that it is over.
        let task = tokio::spawn(make_one(BeingMade { pool, number })).abort_handle();
        let mut state = self.state();
        if let Some(making) = state.making.iter_mut().find(|making| making.number == number) {
            making.task = Some(task);
        }
    }

    /// Hands an error to the request that waits longest, or to the listener if none waits.
    fn fail(&self, error: TransportError) {
        let waiting = {
            let mut state = self.state();
            state.forget_gone();
            state.waiting.pop_front()
        };
        match waiting {
            None => self.tell(ConnectionEvent::Failed(error)),
            // Ignores who waits no more.
            Some(waiting) => drop(waiting.send(Err(error))),
        }
        self.make_for_waiting(self.state());
    }

    fn tell(&self, event: ConnectionEvent) {
        if let Some(listener) = &self.state().listener {
            // Ignores that nobody listens any more: the run is over.
            let _ = listener.send(event);
        }
    }

    /// Gives standing connections to requests that wait, and makes what is missing for the rest.
    fn serve(&self) {
        loop {
            let waiting = {
                let mut state = self.state();
                state.forget_gone();
                if state.waiting.is_empty() {
                    return;
                }
                if !state.set_aside(Instant::now()) {
                    self.make_for_waiting(state);
                    return;
                }
                state.waiting.pop_front()
            };
            // A request that waits no more drops its reservation, which puts it back.
            if let Some(waiting) = waiting {
                drop(waiting.send(Ok(self.reservation())));
            }
        }
    }
}

async fn make_one(making: BeingMade) {
    let began = Instant::now();
    let pool = Arc::clone(&making.pool);
    let made = pool.connector.connect(&pool.alive).await;
    drop(making);
    match made {
        Ok(connection) => {
            pool.traffic.connects.fetch_add(1, Ordering::Relaxed);
            pool.state().lead = began.elapsed();
            pool.keep(Box::new(connection));
            pool.tell(ConnectionEvent::Made);
        }
        Err(error) => pool.fail(error),
    }
}

/// Counts a connection as being made until it is dropped.
struct BeingMade {
    pool: Arc<Pool>,
    number: u64,
}

impl Drop for BeingMade {
    fn drop(&mut self) {
        self.pool.state().making.retain(|making| making.number != self.number);
    }
}

/// Closes connections that are idle for too long, as long as there are any.
async fn clean(pool: Weak<Pool>) {
    loop {
        let next = {
            let Some(pool) = pool.upgrade() else { return };
            let mut state = pool.state();
            let Some(next) = state.clean(Instant::now()) else {
                state.cleaning = Cleaning::Stopped;
                return;
            };
            next
        };
        sleep_until(next).await;
    }
}

impl Connections for Pool {
    fn set_aside(&self) -> bool {
        self.state().set_aside(Instant::now())
    }

    fn put_back(&self) {
        let mut state = self.state();
        state.set_aside = state.set_aside.saturating_sub(1);
        drop(state);
        self.serve();
    }

    fn want(&self, count: usize) {
        let state = self.state();
        if count > 0 {
            self.make(state, count, MAX_CONNECTING);
            return;
        }
        let called_back: Vec<_> =
            state.making.iter().filter_map(|making| making.task.clone()).collect();
        drop(state);
        called_back.iter().for_each(AbortHandle::abort);
    }

    fn lead_time(&self) -> Duration {
        let state = self.state();
        let oldest = state.making.first().map(|making| making.since.elapsed());
        state.lead.max(oldest.unwrap_or_default())
    }

    /// Ignores the turns: a request is picked only when its connection stands.
    fn ask_turns_of(&self, _: Arc<dyn Turns>) {}
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Pool")
            .field("idle", &state.idle.len())
            .field("set_aside", &state.set_aside)
            .field("making", &state.making.len())
            .finish_non_exhaustive()
    }
}
