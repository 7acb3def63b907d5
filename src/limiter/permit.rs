//! What a row is handed by the limiter: the right to send, and the risk that it takes.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Limiter, RequestKind};
use crate::rules::budget::UsedUp;
use crate::rules::retry::Role;

/// What a row that waited for its start is told.
#[derive(Debug)]
pub enum Admitted {
    /// It may be sent.
    Go(Permit),
    /// It is to be given up without another request, and fails at this risk.
    GiveUp(GivenUp, Risk),
}

/// Why a row is given up without another request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// Nothing of its business was granted for the whole of `--throttle-patience`; what
    /// the server said last.
    Throttled(Arc<str>),
    /// It is a bad row: bk-sops works, and fails each time that it is sent.
    BadRow,
}

/// The right to send one request, at once. It gives its slot back when dropped.
#[derive(Debug)]
pub struct Permit {
    pub(super) limiter: Arc<Limiter>,
    pub(super) request_kind: RequestKind,
    pub(super) line: u64,
    pub(super) sent: Instant,
    pub(super) role: Role,
    pub(super) risk: Option<Risk>,
}

impl Permit {
    /// When the permit was given.
    #[must_use]
    pub const fn sent(&self) -> Instant {
        self.sent
    }

    /// The risk that comes with a start, to be held as long as its row may fail.
    pub fn risk(&mut self) -> Option<Risk> {
        self.risk.take()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.state().release(self.request_kind, self.role, Instant::now());
        self.limiter.changed.notify_one();
    }
}

/// That a row may yet fail. It counts against the budget until it is dropped (the
/// row waits, or is cut off), or the row is [settled](Self::good).
#[derive(Debug)]
pub struct Risk(pub(super) Option<Arc<Limiter>>);

impl Risk {
    /// The row is settled, and did not fail.
    pub fn good(mut self) {
        if let Some(limiter) = self.0.take() {
            limiter.state().ledger.good();
            limiter.changed.notify_one();
        }
    }

    /// The row has failed. Whether that was one too many.
    #[must_use]
    pub fn failed(mut self) -> Option<UsedUp> {
        let limiter = self.0.take()?;
        let used_up = limiter.state().ledger.failed();
        limiter.changed.notify_one();
        used_up
    }
}

impl Drop for Risk {
    fn drop(&mut self) {
        if let Some(limiter) = self.0.take() {
            limiter.state().ledger.withdraw();
            limiter.changed.notify_one();
        }
    }
}
