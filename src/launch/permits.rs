//! Limit on the rows that are open at once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits to have a row open, `lookahead` of them. A permit travels with its row's record and
/// comes back once that is written.
#[derive(Clone)]
pub(super) struct RowPermits {
    free: Arc<Semaphore>,
    all: u32,
    given: Arc<AtomicU64>,
}

impl RowPermits {
    pub(super) fn new(lookahead: NonZeroUsize) -> Self {
        let all = u32::try_from(lookahead.get()).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(all as usize)), all, given: Arc::default() }
    }

    pub(super) async fn one(&self) -> OwnedSemaphorePermit {
        let permit = self.of_no_row().await;
        self.given.fetch_add(1, Ordering::Relaxed);
        permit
    }

    pub(super) async fn of_no_row(&self) -> OwnedSemaphorePermit {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        permit.expect("nobody closes the semaphore")
    }

    /// Number of open rows, if the records of `done` rows are written.
    pub(super) fn taken(&self, done: u64) -> u64 {
        self.given.load(Ordering::Relaxed).saturating_sub(done)
    }

    pub(super) fn is_full(&self, done: u64) -> bool {
        self.taken(done) >= u64::from(self.all)
    }

    /// Waits until every record is written.
    pub(super) async fn all_back(&self) {
        drop(self.free.acquire_many(self.all).await);
    }
}
