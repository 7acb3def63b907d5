//! What the limiter shares with the permits that it hands out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::denial::GivenUp;
use super::state::LimiterState;
use crate::rules::retry::Role;

#[derive(Debug)]
pub(super) enum Granted {
    Go(Role),
    GiveUp(GivenUp),
    InVain,
}

/// State of the limiter, and the signal that wakes its loop.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<LimiterState<oneshot::Sender<Granted>>>,
    pub changed: Notify,
}

impl Shared {
    pub(super) fn new(state: LimiterState<oneshot::Sender<Granted>>) -> Self {
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, LimiterState<oneshot::Sender<Granted>>> {
        // Nothing that holds the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
