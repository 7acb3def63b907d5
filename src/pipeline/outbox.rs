//! Records on their way to the collector, in batches.
//!
//! A record that is put here leaves when everything that is ready now has put
//! its own: so no record waits while nothing happens, and under load a whole
//! batch wakes the collector once.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};

use crate::record::Record;

/// A record, and the permit that comes back once it is written.
#[derive(Debug)]
pub struct Settled {
    /// What became of a row.
    pub record: Record,
    /// Dropped after the record is written.
    #[expect(dead_code, reason = "it is held, not read")]
    pub permit: OwnedSemaphorePermit,
}

/// Where rows put their records. It holds at most as many as there are permits.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Mutex<Vec<Settled>>,
    filled: Notify,
}

impl Outbox {
    /// Puts a record; it is sent soon.
    pub fn put(&self, settled: Settled) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(settled);
        self.filled.notify_one();
    }

    /// Sends what was put to the collector, until that is gone.
    pub async fn forward(self: Arc<Self>, collector: mpsc::Sender<Vec<Settled>>) {
        loop {
            self.filled.notified().await;
            // Everything else that is ready runs first, and may put records too.
            tokio::task::yield_now().await;
            let batch =
                std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if !batch.is_empty() && collector.send(batch).await.is_err() {
                return;
            }
        }
    }
}
