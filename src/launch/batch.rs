//! Batches of row events on their way to the collector.
//!
//! A batch leaves once everything that is ready now has put its events, but not right after
//! another: so no record waits while nothing happens, and under load many rows share a commit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::domain::record::{Prior, Record};

#[derive(Debug)]
pub(super) enum Event {
    /// A row ended or was cut off. Its permit returns once the record is written.
    Settled(Record, OwnedSemaphorePermit),
    /// A row ended, and its link is being looked up: its line in the reports waits for that.
    SettledWithoutLink(Record),
    /// The lookup for the row on this line is over.
    Link(u64, Option<Box<str>>, OwnedSemaphorePermit),
    /// The server accepted the row on this line, which is yet to be confirmed.
    Accepted(u64, Box<Prior>),
    /// The input ended after this many rows.
    InputEnded(u64),
    /// No more rows are read; this many were, and each must have its record by the end.
    AllRead(u64),
    /// The stages up to this position of the input were agreed to. The permit returns once that
    /// is written.
    StageAgreed(u64, OwnedSemaphorePermit),
}

/// Minimum time between two batches: a commit costs the same for one row and for hundreds.
const MIN_BATCH_INTERVAL: Duration = Duration::from_millis(20);

/// Maximum number of events of a batch whose memory is kept.
const MAX_REUSED_EVENTS: usize = 4096;

/// Events that wait for the collector: at most a few for each permit.
#[derive(Debug, Default)]
pub(super) struct EventBatcher {
    waiting: Mutex<Vec<Event>>,
    /// An emptied batch, whose memory the next one takes.
    emptied: Mutex<Vec<Event>>,
    nudged: AtomicBool,
    filled: Notify,
}

impl EventBatcher {
    pub(super) fn put(&self, event: Event) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.filled.notify_one();
    }

    /// Makes the collector look round although nothing happened: it has work of its own.
    pub(super) fn nudge(&self) {
        self.nudged.store(true, Ordering::Relaxed);
        self.filled.notify_one();
    }

    fn take(&self) -> Vec<Event> {
        let next =
            std::mem::take(&mut *self.emptied.lock().unwrap_or_else(PoisonError::into_inner));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *waiting, next)
    }

    /// Takes back the memory of a batch: allocated anew for each, it would come from the system
    /// again and again, since another thread frees it.
    pub(super) fn reuse(&self, emptied: Vec<Event>) {
        if emptied.capacity() <= MAX_REUSED_EVENTS {
            *self.emptied.lock().unwrap_or_else(PoisonError::into_inner) = emptied;
        }
    }

    pub(super) async fn forward(self: Arc<Self>, collector: mpsc::Sender<Vec<Event>>) {
        let mut next = Instant::now();
        loop {
            self.filled.notified().await;
            // Everything else that is ready runs first, and may put events too.
            tokio::task::yield_now().await;
            sleep_until(next).await;
            // While the collector is busy, more events join this batch.
            let Ok(place) = collector.reserve().await else { return };
            let nudged = self.nudged.swap(false, Ordering::Relaxed);
            let batch = self.take();
            if nudged || !batch.is_empty() {
                place.send(batch);
                next = Instant::now() + MIN_BATCH_INTERVAL;
            }
        }
    }

    pub(super) async fn flush(&self, collector: mpsc::Sender<Vec<Event>>) {
        let batch = self.take();
        if !batch.is_empty() {
            drop(collector.send(batch).await);
        }
    }
}
