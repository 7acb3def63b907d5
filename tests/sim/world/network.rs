//! The network: connections that are made ahead or not, and requests on their way to the server in
//! memory and back.

mod pool;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bk_launch::internals::api::{
    AnswerFuture, ConnectionEvent, Exchange, Network, RawRequest, ReservationFuture, Transport,
    TransportError,
};
use bk_launch::internals::domain::connections::{Connections, Reservation, Turns};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::World;
use crate::history::Way;
use crate::server::Connecting;
use pool::Pool;
use wire::Limits;

/// Time after which an idle connection is closed by the program.
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Returns the network of this world, for a program.
pub fn network(world: &Arc<World>) -> Network {
    let world = Arc::clone(world);
    Network::By(Arc::new(move |_, options| {
        Arc::new_cyclic(|this| SimulatedTransport {
            world: Arc::clone(&world),
            this: std::sync::Weak::clone(this),
            limits: Limits { timeout: options.timeout, connect_timeout: options.connect_timeout },
            pool: Mutex::default(),
            turns: OnceLock::new(),
        })
    }))
}

/// Carries requests to the server in memory.
pub struct SimulatedTransport {
    world: Arc<World>,
    this: std::sync::Weak<Self>,
    limits: Limits,
    pool: Mutex<Pool>,
    turns: OnceLock<Arc<dyn Turns>>,
}

impl fmt::Debug for SimulatedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedTransport")
    }
}

impl SimulatedTransport {
    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_proxied(&self) -> bool {
        self.world.history.server.way == Way::Proxied
    }

    /// Makes a connection.
    async fn connect(&self) -> Result<(), TransportError> {
        let connecting = self.world.state().server.connect(self.world.now());
        let most = self.limits.connect_timeout;
        match connecting {
            Connecting::MadeAfter(time) if time < most => {
                sleep(time).await;
                Ok(())
            }
            Connecting::RefusedAfter(time) if time < most => {
                sleep(time).await;
                Err(TransportError::Unconnected("Connection refused (os error 111)".into()))
            }
            Connecting::MadeAfter(_) | Connecting::RefusedAfter(_) | Connecting::Hangs => {
                sleep(most).await;
                Err(TransportError::ConnectTimeout(most))
            }
            Connecting::BadCertificate => {
                Err(TransportError::Handshake("the certificate has expired".into()))
            }
            Connecting::NoHost => Err(TransportError::HostName("Name or service not known".into())),
        }
    }

    /// Makes one connection ahead.
    async fn make_one(self: Arc<Self>, number: u64) {
        let began = self.world.now();
        let made = self.connect().await;
        let now = self.world.now();
        let mut pool = self.pool();
        pool.made(number);
        let event = match made {
            Ok(()) => {
                pool.keep(now, now.saturating_sub(began));
                ConnectionEvent::Made
            }
            Err(error) => ConnectionEvent::Failed(error),
        };
        pool.tell(event);
    }

    async fn exchange(
        &self,
        request: RawRequest,
        connection: Reservation,
        began: Instant,
        waited: &mut Duration,
    ) -> Result<bk_launch::internals::api::Received, TransportError> {
        let _ = connection.used();
        let closed = self.world.state().server.idle_closed(self.world.now());
        let stale = if self.is_proxied() {
            self.turn_by_proxy().await?;
            *waited = began.elapsed();
            false
        } else {
            self.pool().take(closed)?
        };
        let received = self.world.send(wire::request(&request), self.limits, stale).await;
        if received.as_ref().is_ok_and(wire::is_whole) {
            let now = self.world.now();
            self.pool().put(now);
        }
        received
    }

    /// Connects, unless a connection stands, and takes the turn of the request.
    async fn turn_by_proxy(&self) -> Result<(), TransportError> {
        let (now, closed) = {
            let now = self.world.now();
            (now, self.world.state().server.idle_closed(now))
        };
        let stands = self.pool().take_any(now, closed);
        let no_turn = || TransportError::Unconnected("the run stops".into());
        let turns = self.turns.get().cloned();
        if !stands {
            let closed = async {
                match &turns {
                    Some(turns) => turns.closed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                made = self.connect() => made?,
                () = closed => return Err(no_turn()),
            }
        }
        match turns {
            Some(turns) if !turns.turn().await => Err(no_turn()),
            Some(_) | None => Ok(()),
        }
    }
}

impl Transport for SimulatedTransport {
    fn send(&self, request: RawRequest, connection: Reservation) -> AnswerFuture<'_> {
        Box::pin(async {
            let (began, mut waited) = (Instant::now(), Duration::ZERO);
            let received = self.exchange(request, connection, began, &mut waited).await;
            Exchange { waited, received }
        })
    }

    fn reserve(&self) -> ReservationFuture<'_> {
        unreachable!("only requests that pass no limiter reserve a connection")
    }

    fn events(&self) -> mpsc::UnboundedReceiver<ConnectionEvent> {
        let (listener, events) = mpsc::unbounded_channel();
        if !self.is_proxied() {
            self.pool().listener = Some(listener);
        }
        events
    }
}

impl Connections for SimulatedTransport {
    fn set_aside(&self) -> bool {
        let now = self.world.now();
        let closed = self.world.state().server.idle_closed(now);
        self.is_proxied() || self.pool().set_aside(now, closed)
    }

    fn put_back(&self) {
        if !self.is_proxied() {
            self.pool().put_back();
        }
    }

    fn want(&self, count: usize) {
        if self.is_proxied() {
            return;
        }
        if count == 0 {
            self.pool().call_back();
            return;
        }
        let numbers = self.pool().missing(count);
        for number in numbers {
            let this = self.this.upgrade().unwrap();
            let task = tokio::spawn(this.make_one(number));
            self.pool().making(number, self.world.now(), task.abort_handle());
        }
    }

    fn lead_time(&self) -> Duration {
        if self.is_proxied() { Duration::ZERO } else { self.pool().lead_time(self.world.now()) }
    }

    fn ask_turns_of(&self, turns: Arc<dyn Turns>) {
        if self.is_proxied() {
            let _ = self.turns.set(turns);
        }
    }
}
