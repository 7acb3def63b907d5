//! A bk-sops for trials: ESB and gateway routes, faults, latency, limits, and counts of its own.
//!
//! Listens on loopback only, on its own thread. It must not use any type of `api`: its texts are
//! written from the servers' facts, so that a mistake of the client cannot agree with itself.

mod answers;
mod behaviour;
mod bucket;
mod counts;
mod fronts;
mod gone;
mod pages;
mod routes;
mod serve;
mod span;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use jiff::Timestamp;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use behaviour::{
    Behaviour, BehaviourError, EsbKind, FaultChance, FaultKind, FirstFault, Latency, Memory,
    MockBusiness, MockScope, ThrottleRule, View,
};
pub use counts::{Arrival, MockCounts, TaskCounts};
pub use gone::{Front, Gone, GoneError};
use serve::Service;
pub use span::{Span, SpanError};
use world::World;

/// Server that runs until it is stopped or dropped.
pub struct Mock {
    address: SocketAddr,
    site: Site,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// State of a mock; it outlives a stop, as bk-sops outlives a restart of the ESB.
#[derive(Clone)]
pub struct Site {
    world: Arc<Mutex<World>>,
    began: (Instant, Timestamp),
}

/// Error of a mock that cannot start.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {source}; name another port, or 0 for a free one")]
pub struct MockError {
    address: SocketAddr,
    source: io::Error,
}

impl Site {
    /// Makes a site without any requests so far.
    #[must_use]
    pub fn new(behaviour: Behaviour) -> Self {
        let world = Arc::new(Mutex::new(World::new(behaviour)));
        Self { world, began: (Instant::now(), Timestamp::now()) }
    }

    /// Returns the counts of all requests.
    #[must_use]
    pub fn counts(&self) -> MockCounts {
        self.world.lock().unwrap_or_else(PoisonError::into_inner).counts()
    }

    /// Changes the behaviour, also while the mock runs.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner).behaviour);
    }
}

impl Mock {
    /// Starts a mock on `port` of the loopback address; 0 picks a free port.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot listen on the port.
    pub fn start(behaviour: Behaviour, port: u16) -> Result<Self, MockError> {
        Self::at(Site::new(behaviour), port)
    }

    /// Starts a mock of a site that may have been served before.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot listen on the port.
    pub fn at(site: Site, port: u16) -> Result<Self, MockError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let failed = |source| MockError { address, source };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Service::new(Arc::clone(&site.world), site.began, format!("http://{address}"));
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stopped => {}
                    () = shared.serve(listener) => {}
                }
            });
            // Dropping the runtime closes every connection.
        });
        Ok(Self { address, site, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address on which the mock listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the URL for `--esb`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the template for `--gateway`.
    #[must_use]
    pub fn gateway(&self) -> String {
        format!("{}/api/{{gateway_name}}", self.url())
    }

    /// Returns the state, which can be served again.
    #[must_use]
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// Returns the counts of all requests.
    #[must_use]
    pub fn counts(&self) -> MockCounts {
        self.site.counts()
    }

    /// Closes the port and every connection, and returns the state.
    #[must_use]
    pub fn stop(mut self) -> Site {
        self.end();
        self.site.clone()
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests;
