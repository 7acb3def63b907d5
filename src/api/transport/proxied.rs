//! The way by a proxy: reqwest finds it, and makes a tunnel or speaks to it.
//!
//! Whether a connection stands cannot be seen from outside, so a request takes its turn anew
//! right before it is written: after its connection was made, or before one is used again. Each
//! request in flight has a client of its own with at most one connection, so that none is given
//! the connection of another while it waits for its own.

use std::fmt;
use std::future::pending;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, Request, Response, Url};
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use tower::util::{AndThenLayer, MapRequestLayer};

use super::error::{TransportError, find, root};
use super::seam::{
    AnswerFuture, ConnectionEvent, Exchange, IDLE_TIMEOUT, MAX_CONNECTING, RawRequest, Received,
    ReservationFuture, ServerAddress, Traffic, Transport, too_long,
};
use crate::api::error::ClientError;
use crate::api::raw_response::Extent;
use crate::domain::connections::{Connections, Reservation, Turns};

pub(super) struct Proxied {
    make: Maker,
    idle: Mutex<Vec<Slot>>,
    this: std::sync::Weak<Self>,
}

/// Makes clients.
struct Maker {
    server: ServerAddress,
    traffic: Arc<Traffic>,
    connecting: Arc<Semaphore>,
    turns: Arc<OnceLock<Arc<dyn Turns>>>,
}

/// A client with at most one connection.
struct Slot {
    client: Client,
    gate: Arc<TurnGate>,
    /// When its connection became idle, if it has one.
    idle_since: Option<Instant>,
}

#[derive(Debug, Error)]
#[error("the run stops")]
struct NoTurn;

/// Last check of a request that has its connection, right before it is written.
struct TurnGate {
    turns: Arc<OnceLock<Arc<dyn Turns>>>,
    /// When the request passed.
    passed: Mutex<Option<Instant>>,
}

impl TurnGate {
    /// Takes a turn for a request that is about to be written, if anybody hands out turns.
    async fn pass(&self) -> Result<(), NoTurn> {
        if let Some(turns) = self.turns.get()
            && !turns.turn().await
        {
            return Err(NoTurn);
        }
        *self.passed() = Some(Instant::now());
        Ok(())
    }

    /// Makes the next request pass, or the same one again if its connection is made only now.
    fn reset(&self) {
        *self.passed() = None;
    }

    /// Whether the request may be on its way.
    fn is_passed(&self) -> bool {
        self.passed().is_some()
    }

    fn passed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the request can no longer pass; for ever if it has passed.
    async fn closed(&self) {
        let Some(turns) = self.turns.get() else { return pending().await };
        turns.closed().await;
        if self.is_passed() {
            pending::<()>().await;
        }
    }
}

impl Proxied {
    /// Returns a transport without connections.
    pub(super) fn new(
        server: ServerAddress,
        traffic: &Arc<Traffic>,
    ) -> Result<Arc<Self>, ClientError> {
        let make = Maker {
            server,
            traffic: Arc::clone(traffic),
            connecting: Arc::new(Semaphore::new(MAX_CONNECTING)),
            turns: Arc::default(),
        };
        // Finds out now what keeps clients from being made.
        let first = make.slot().map_err(|error| ClientError::Http(error.to_string()))?;
        let idle = Mutex::new(vec![first]);
        Ok(Arc::new_cyclic(|this| Self { make, idle, this: std::sync::Weak::clone(this) }))
    }

    async fn exchange(&self, request: RawRequest) -> Exchange {
        let (began, mut waited) = (Instant::now(), Duration::ZERO);
        let received = self.receive(request, began, &mut waited).await;
        Exchange { waited, received }
    }

    /// Sends a request that was picked when it `began`, and notes how long it `waited`.
    async fn receive(
        &self,
        request: RawRequest,
        began: Instant,
        waited: &mut Duration,
    ) -> Result<Received, TransportError> {
        let taken = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut slot = match taken {
            Some(slot) => slot,
            None => self.make.slot().map_err(|error| TransportError::Unconnected(root(&error)))?,
        };
        slot.gate.reset();
        let stands = slot.idle_since.take().is_some_and(|since| since.elapsed() < IDLE_TIMEOUT);
        if stands {
            slot.gate
                .pass()
                .await
                .map_err(|error| TransportError::Unconnected(error.to_string()))?;
        }
        let received = tokio::select! {
            biased;
            received = self.make.send(&slot, request) => received,
            // Nothing is known of a connection that is called back; it ends with its client.
            () = slot.gate.closed() => {
                return Err(TransportError::Unconnected(NoTurn.to_string()));
            }
        };
        *waited = slot.gate.passed().map(|passed| passed - began).unwrap_or_default();
        // Lets hyper put the connection back before another request looks for it.
        tokio::task::yield_now().await;
        let is_whole = matches!(&received, Ok(received) if received.extent == Extent::Whole);
        slot.idle_since = is_whole.then(Instant::now);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
        received
    }
}

impl Maker {
    fn slot(&self) -> reqwest::Result<Slot> {
        let ServerAddress { tls, connect_timeout, timeout, .. } = &self.server;
        let gate = Arc::new(TurnGate { turns: Arc::clone(&self.turns), passed: Mutex::default() });
        let (traffic, before, after) =
            (Arc::clone(&self.traffic), Arc::clone(&gate), Arc::clone(&gate));
        let connecting = MapRequestLayer::new(move |to| {
            before.reset();
            to
        });
        let connected = AndThenLayer::new(move |connection| {
            traffic.connects.fetch_add(1, Ordering::Relaxed);
            let gate = Arc::clone(&after);
            async move { gate.pass().await.map(|()| connection).map_err(Into::into) }
        });
        let client = Client::builder()
            .tls_backend_preconfigured((**tls).clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .tcp_nodelay(true)
            .timeout(*timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(1)
            // The one that is added first is the innermost: a turn may come later.
            .connector_layer(TimeoutLayer::new(*connect_timeout))
            .connector_layer(connected)
            .connector_layer(connecting)
            .connector_layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(
                &self.connecting,
            )))
            .build()?;
        Ok(Slot { client, gate, idle_since: None })
    }

    async fn send(&self, slot: &Slot, request: RawRequest) -> Result<Received, TransportError> {
        let RawRequest { method, path, headers, body, max_answer } = request;
        let url = Url::parse(&format!("{}{path}", self.server.origin))
            .map_err(|error| TransportError::Unconnected(error.to_string()))?;
        let mut request = Request::new(method, url);
        *request.headers_mut() = headers;
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        match slot.client.execute(request).await {
            Ok(response) => Ok(self.read(response, max_answer).await),
            Err(error) if slot.gate.is_passed() => Err(self.failed(&error)),
            Err(error) => Err(self.unconnected(&error)),
        }
    }

    /// Reads an answer to its end, or until it breaks off.
    async fn read(&self, mut response: Response, max_bytes: usize) -> Received {
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        let extent = loop {
            match response.chunk().await {
                Ok(None) => break Extent::Whole,
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(error) => break Extent::CutOff(self.failed(&error).to_string()),
            }
            if body.len() > max_bytes {
                break too_long(max_bytes);
            }
        };
        Received { status, headers, body: Bytes::from(body), extent }
    }

    /// Returns why a request that passed its gate has no answer.
    fn failed(&self, error: &reqwest::Error) -> TransportError {
        if error.is_connect()
            || error.is_builder()
            || find::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled)
        {
            // hyper cancels what it never began to write, for instance because the server had
            // closed the idle connection.
            self.unconnected(error)
        } else if error.is_timeout() {
            TransportError::Timeout(self.server.timeout)
        } else {
            TransportError::of_exchange(error)
        }
    }

    /// Returns why a request never left.
    fn unconnected(&self, error: &reqwest::Error) -> TransportError {
        if error.is_dns() {
            TransportError::HostName(root(error))
        } else if error.is_timeout() {
            TransportError::ConnectTimeout(self.server.connect_timeout)
        } else {
            TransportError::of_connecting(error)
        }
    }
}

impl Transport for Proxied {
    fn send(&self, request: RawRequest, connection: Reservation) -> AnswerFuture<'_> {
        // Whether one stands is found out when the request is sent.
        let _ = connection.used();
        Box::pin(self.exchange(request))
    }

    fn reserve(&self) -> ReservationFuture<'_> {
        let this: Option<Arc<dyn Connections>> = self.this.upgrade().map(|this| this as _);
        let gone = || TransportError::Unconnected("nobody makes connections any more".into());
        Box::pin(std::future::ready(this.map(Reservation::made).ok_or_else(gone)))
    }

    fn events(&self) -> mpsc::UnboundedReceiver<ConnectionEvent> {
        // A connection that fails is the answer to the request that asked for it.
        mpsc::unbounded_channel().1
    }
}

/// Every request finds its connection, or makes it: none is made ahead.
impl Connections for Proxied {
    fn set_aside(&self) -> bool {
        true
    }

    fn put_back(&self) {}

    fn want(&self, _: usize) {}

    fn lead_time(&self) -> Duration {
        Duration::ZERO
    }

    fn ask_turns_of(&self, turns: Arc<dyn Turns>) {
        // Ignores a second limiter: one client serves one run.
        let _ = self.make.turns.set(turns);
    }
}

impl fmt::Debug for Proxied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxied").finish_non_exhaustive()
    }
}
