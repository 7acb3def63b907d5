//! Builds the HTTP client, and counts its traffic.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::MapResponseLayer;

use super::error::ClientError;
use super::target::Target;
use super::tls::{self, Identity};

/// Time after which an idle connection is closed. gunicorn closes it after 2 s (FACTS.md section
/// 7); closing it earlier means that few requests meet a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Maximum number of connections being made at a time. If many requests leave at once, the first
/// answers free connections for the rest before each has made its own.
const MAX_CONNECTING: usize = 64;

/// Timeouts and trust of connections to the server.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Time from sending a request to the end of its answer.
    pub timeout: Duration,
    /// Time for making a connection, TLS included.
    pub connect_timeout: Duration,
    /// PEM file of certificates trusted in addition to the system's.
    pub cacert: Option<PathBuf>,
    /// Whether the server must prove who it is.
    pub identity: Identity,
}

#[derive(Debug)]
pub struct Traffic {
    /// Number of connections made.
    pub connects: AtomicU64,
    /// Bytes in the bodies of requests.
    pub sent: AtomicU64,
    /// Bytes in the bodies of answers.
    pub received: AtomicU64,
    /// One permit for each connection made, and for each that may be made at the same time. A
    /// request with a permit hardly waits for a connection, a wait in which it could not be called
    /// back.
    pub room: Arc<Semaphore>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            connects: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            room: Arc::new(Semaphore::new(MAX_CONNECTING)),
        }
    }
}

pub(super) fn build(
    target: &Target,
    options: &HttpOptions,
    connections: usize,
    traffic: &Arc<Traffic>,
) -> Result<reqwest::Client, ClientError> {
    let traffic = Arc::clone(traffic);
    let connected = MapResponseLayer::new(move |connection| {
        traffic.connects.fetch_add(1, Ordering::Relaxed);
        traffic.room.add_permits(1);
        connection
    });
    let tls = tls::config(options.cacert.as_deref(), options.identity)?;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("bk-launch/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        .tcp_nodelay(true)
        .timeout(options.timeout)
        .connect_timeout(options.connect_timeout.min(options.timeout))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .connector_layer(connected)
        .connector_layer(GlobalConcurrencyLimitLayer::new(MAX_CONNECTING))
        .pool_max_idle_per_host(connections);
    if target.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ClientError::Http(error.to_string()))
}
