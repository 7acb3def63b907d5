//! What the limiter hands to a row: the right to send, and the risk that the row takes.

use std::sync::Arc;

use tokio::time::Instant;

use super::denial::GivenUp;
use super::request_kind::RequestKind;
use super::shared::Shared;
use crate::domain::connections::Reservation;
use crate::rules::budget::{Ledger, UsedUp};
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
    /// `None` once the slot is free again.
    pub(super) shared: Option<Arc<Shared>>,
    pub(super) request_kind: RequestKind,
    pub(super) line: u64,
    pub(super) sent: Instant,
    pub(super) role: Role,
    pub(super) risk: Option<Risk>,
    pub(super) connection: Reservation,
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

    /// Leaves it to the caller to free the slot.
    pub(super) fn forget(mut self) {
        self.shared = None;
    }

    /// Takes the connection that was set aside for the request.
    pub(crate) fn connection(&mut self) -> Reservation {
        self.connection.take()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // An unused connection goes back first, for whoever goes next.
        drop(self.connection.take());
        let (request_kind, role) = (self.request_kind, self.role);
        if let Some(shared) = self.shared.take() {
            shared.change(|state| state.release(request_kind, role, Instant::now()));
        }
    }
}

/// The risk that a row may yet fail. It counts against the budget until it is dropped, since the
/// row waits or is cut off, or until [`good`](Self::good) or [`failed`](Self::failed) settles the
/// row.
#[derive(Debug)]
pub struct Risk {
    /// `None` once the row is settled.
    shared: Option<Arc<Shared>>,
    since: Instant,
}

impl Risk {
    /// Returns a risk that begins now, and is counted already.
    pub(super) fn begin(shared: Arc<Shared>) -> Self {
        Self { shared: Some(shared), since: Instant::now() }
    }

    /// Settles the row as one that did not fail.
    pub fn good(mut self) {
        if let Some(shared) = self.shared.take() {
            shared.settle(self.since, Ledger::good);
        }
    }

    /// Settles the row as failed. Returns the budget if this failure exceeds it.
    #[must_use]
    pub fn failed(mut self) -> Option<UsedUp> {
        let shared = self.shared.take()?;
        shared.settle(self.since, Ledger::failed)
    }
}

impl Drop for Risk {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            // A row that waits for its turn again does not let others go first.
            shared.change_and_wake(|state| {
                state.spent.at_risk(self.since, Instant::now());
                state.ledger.withdraw();
            });
        }
    }
}
