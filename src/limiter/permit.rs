//! What the limiter hands to a row: the right to send, and the risk that the row takes.

use std::sync::Arc;

use tokio::time::Instant;

use super::denial::GivenUp;
use super::request_kind::RequestKind;
use super::shared::Shared;
use crate::rules::budget::UsedUp;
use crate::rules::retry::Role;

#[derive(Debug)]
pub enum Admitted {
    Go(Permit),
    /// Not sent again; the row fails at this risk.
    GiveUp(GivenUp, Risk),
}

/// The right to send one request, at once. Dropping it frees its slot.
#[derive(Debug)]
pub struct Permit {
    pub(super) shared: Arc<Shared>,
    pub(super) request_kind: RequestKind,
    pub(super) line: u64,
    pub(super) sent: Instant,
    pub(super) role: Role,
    pub(super) risk: Option<Risk>,
}

impl Permit {
    /// Returns when the permit was given.
    #[must_use]
    pub const fn sent(&self) -> Instant {
        self.sent
    }

    /// Takes the risk of a start, to be held as long as its row may fail.
    pub fn risk(&mut self) -> Option<Risk> {
        self.risk.take()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.state().release(self.request_kind, self.role, Instant::now());
        self.shared.changed.notify_one();
    }
}

/// The risk that a row may yet fail. It counts against the budget until it is dropped, since the
/// row waits or is cut off, or until [`good`](Self::good) or [`failed`](Self::failed) settles the
/// row.
#[derive(Debug)]
pub struct Risk(pub(super) Option<Arc<Shared>>);

impl Risk {
    /// Settles the row as one that did not fail.
    pub fn good(mut self) {
        if let Some(shared) = self.0.take() {
            shared.state().ledger.good();
            shared.changed.notify_one();
        }
    }

    /// Settles the row as failed. Returns the budget if this failure exceeds it.
    #[must_use]
    pub fn failed(mut self) -> Option<UsedUp> {
        let shared = self.0.take()?;
        let used_up = shared.state().ledger.failed();
        shared.changed.notify_one();
        used_up
    }
}

impl Drop for Risk {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.state().ledger.withdraw();
            shared.changed.notify_one();
        }
    }
}
