//! The seam between a client and what carries its requests: bytes and headers in, a raw response or
//! a typed error out.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use rustls::ClientConfig;
use tokio::sync::mpsc;

use super::error::TransportError;
use crate::api::raw_response::Extent;
use crate::domain::connections::{Connections, Reservation};

/// Time after which an idle connection is closed. gunicorn closes it after 2 s (FACTS.md section
/// 7); closing it earlier means that few requests meet a connection that is being closed.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Maximum number of connections being made at a time. If many requests leave at once, the first
/// answers free connections for the rest before each has made its own.
pub(super) const MAX_CONNECTING: usize = 64;

/// A request to the server, with all headers but `Host` and the length of its body.
#[derive(Debug)]
pub struct RawRequest {
    /// `GET` or `POST`.
    pub method: Method,
    /// Path and query.
    pub path: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Maximum size of the answer; a longer one is cut off.
    pub max_answer: usize,
}

/// Result of sending one request.
#[derive(Debug)]
pub struct Exchange {
    /// Time for which the request waited before it was written.
    pub waited: Duration,
    /// The answer, or why there is none.
    pub received: Result<Received, TransportError>,
}

/// An HTTP answer, whole or in part.
#[derive(Debug)]
pub struct Received {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as far as it came.
    pub body: Bytes,
    /// Whether the body came whole.
    pub extent: Extent,
}

/// News of connections made ahead.
#[derive(Debug)]
pub enum ConnectionEvent {
    /// One more stands ready.
    Made,
    /// One could not be made.
    Failed(TransportError),
}

/// Counts of what passed between this machine and the server.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Number of connections made.
    pub connects: AtomicU64,
    /// Bytes in the bodies of requests.
    pub sent: AtomicU64,
    /// Bytes in the bodies of answers.
    pub received: AtomicU64,
}

/// An answer that is waited for.
pub type AnswerFuture<'a> = Pin<Box<dyn Future<Output = Exchange> + Send + 'a>>;
/// A connection that is waited for.
pub type ReservationFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Reservation, TransportError>> + Send + 'a>>;

/// The way between a client and its server.
pub trait Transport: Connections {
    /// Sends one request by a connection that was set aside for it.
    fn send(&self, request: RawRequest, connection: Reservation) -> AnswerFuture<'_>;

    /// Sets a connection aside, and makes one if none stands. Requests get theirs in the order in
    /// which they asked.
    fn reserve(&self) -> ReservationFuture<'_>;

    /// Returns news of the connections that [`want`](Connections::want) makes. Only the last caller
    /// gets it.
    fn events(&self) -> mpsc::UnboundedReceiver<ConnectionEvent>;
}

/// Returns the extent of an answer that is longer than `max_bytes`.
pub(super) fn too_long(max_bytes: usize) -> Extent {
    Extent::CutOff(format!("more than {} MiB of answer", max_bytes / (1024 * 1024)))
}

/// Address of a server, and time limits of reaching it.
pub(super) struct ServerAddress {
    /// Scheme, host and port.
    pub origin: String,
    pub tls: Arc<ClientConfig>,
    pub connect_timeout: Duration,
    /// Time from sending a request to the end of its answer.
    pub timeout: Duration,
    /// Maximum number of idle connections.
    pub max_idle: usize,
}
