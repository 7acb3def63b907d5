//! Carries one request to the server, and its raw response back.
//!
//! [`Direct`] reaches the server without a proxy, by connections that are made before they are
//! needed; [`Proxied`] leaves that to reqwest. A transport must not judge a response, send a
//! request twice, or follow a redirect.

mod direct;
mod error;
mod proxied;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::ClientConfig;
use tokio::sync::mpsc;

use super::error::ClientError;
use super::http_options::HttpOptions;
use super::raw_response::Extent;
use super::target::Target;
use super::tls;
use crate::domain::connections::{Connections, Reservation};

use direct::Direct;
use proxied::Proxied;

pub(crate) use error::TransportError;

/// Time after which an idle connection is closed. gunicorn closes it after 2 s (FACTS.md section
/// 7); closing it earlier means that few requests meet a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Maximum number of connections being made at a time. If many requests leave at once, the first
/// answers free connections for the rest before each has made its own.
const MAX_CONNECTING: usize = 64;

pub(super) const USER_AGENT: &str = concat!("bk-launch/", env!("CARGO_PKG_VERSION"));

/// Which way requests take to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportKind {
    /// Without a proxy.
    Direct,
    /// By a proxy that `HTTPS_PROXY` or a like variable names.
    Proxied,
}

impl TransportKind {
    /// Returns the way to `target` by the proxies that the environment names.
    #[must_use]
    pub(crate) fn for_target(target: &Target) -> Self {
        let uri = target.origin().parse::<Uri>().ok().filter(|_| !target.is_loopback());
        match uri.and_then(|uri| Matcher::from_system().intercept(&uri)) {
            Some(_) => Self::Proxied,
            None => Self::Direct,
        }
    }
}

/// A request to the server, without the headers that all requests share.
#[derive(Debug)]
pub(super) struct RawRequest {
    pub method: Method,
    /// Path and query.
    pub path: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Maximum size of the answer; a longer one is cut off.
    pub max_answer: usize,
}

/// An HTTP answer, whole or in part.
#[derive(Debug)]
pub(super) struct Received {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub extent: Extent,
}

/// News of connections that no request has asked for by itself.
#[derive(Debug)]
pub(crate) enum ConnectionEvent {
    /// One more stands ready.
    Made,
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

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Received, TransportError>> + Send + 'a>>;
type Reserving<'a> = Pin<Box<dyn Future<Output = Result<Reservation, TransportError>> + Send + 'a>>;

/// The way between a client and its server.
pub(super) trait Transport: Connections {
    /// Sends one request by a connection that was set aside for it.
    fn send(&self, request: RawRequest, connection: Reservation) -> Sending<'_>;

    /// Sets a connection aside, and makes one if none stands; connections go to requests in the
    /// order in which they asked.
    fn reserve(&self) -> Reserving<'_>;

    /// Returns news of the connections that [`want`](Connections::want) makes; ask once.
    fn events(&self) -> mpsc::UnboundedReceiver<ConnectionEvent>;
}

/// Returns `bytes` in the unit in which an answer's bound is told.
fn too_long(max_bytes: usize) -> Extent {
    Extent::CutOff(format!("more than {} MiB of answer", max_bytes / (1024 * 1024)))
}

/// Where a transport connects to, and how long that may take.
struct Server {
    /// Scheme, host and port.
    origin: String,
    tls: Arc<ClientConfig>,
    connect_timeout: Duration,
    /// Time from sending a request to the end of its answer.
    timeout: Duration,
    /// Maximum number of idle connections.
    max_idle: usize,
}

/// Returns a transport to `target` that keeps up to `connections` open between requests.
pub(super) fn make(
    target: &Target,
    options: &HttpOptions,
    connections: usize,
    traffic: &Arc<Traffic>,
) -> Result<Arc<dyn Transport>, ClientError> {
    let server = Server {
        origin: target.origin(),
        tls: Arc::new(tls::config(options.cacert.as_deref(), options.identity)?),
        connect_timeout: options.connect_timeout.min(options.timeout),
        timeout: options.timeout,
        max_idle: connections,
    };
    Ok(match options.transport {
        TransportKind::Direct => Arc::new(Direct::new(&server, traffic)?),
        TransportKind::Proxied => Proxied::new(server, traffic)?,
    })
}
