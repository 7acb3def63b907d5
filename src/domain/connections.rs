//! Connections to the server, as far as the limiter must know them: how many stand ready.
//!
//! What makes connections implements [`Connections`]. The limiter grants a request only together
//! with a [`Reservation`], so that the request is written at once.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Connections that are made ahead of the requests that use them.
pub trait Connections: fmt::Debug + Send + Sync {
    /// Sets a standing connection aside for the request that is picked now; returns `false` if
    /// there is none.
    fn set_aside(&self) -> bool;

    /// Gives back a connection that was set aside and not used.
    fn put_back(&self);

    /// Makes the connections that are missing for `count` requests, as many as could leave before
    /// another one could be made. With 0, calls back those that are being made.
    fn want(&self, count: usize);

    /// Returns how long making a connection takes at present.
    fn lead_time(&self) -> Duration;

    /// Sets the `turns` that a request asks before it is written if its connection was made only
    /// after it was picked.
    fn ask_turns_of(&self, turns: Arc<dyn Turns>);
}

/// Hands out turns of the pace to requests that were picked already.
pub trait Turns: Send + Sync {
    /// Waits for a turn; `false` if no request may leave any more.
    fn turn(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;

    /// Waits until no request may leave any more.
    fn closed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A connection that is set aside for one request. It goes back if the reservation is dropped
/// unused.
#[derive(Debug)]
pub struct Reservation(Option<Arc<dyn Connections>>);

impl Reservation {
    /// Sets a standing connection aside; `None` if there is none.
    #[must_use]
    pub fn of(connections: &Arc<dyn Connections>) -> Option<Self> {
        connections.set_aside().then(|| Self::made(Arc::clone(connections)))
    }

    /// Returns the reservation of a connection that was set aside by the caller.
    #[must_use]
    pub fn made(connections: Arc<dyn Connections>) -> Self {
        Self(Some(connections))
    }

    /// Moves the reservation out of its place, and leaves none there.
    pub(crate) fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Uses the reservation: the connection does not go back. Returns whether one was set aside.
    #[must_use]
    pub fn used(mut self) -> bool {
        self.0.take().is_some()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(connections) = self.0.take() {
            connections.put_back();
        }
    }
}
