//! What happened to rows, on its way to the collector, in batches.
//!
//! An event that is put here leaves when everything that is ready now has put its
//! own, unless a batch has left just before: so no record waits while nothing
//! happens, and under load many rows share a commit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::domain::record::{Prior, Record};

/// Something that the collector has to write.
#[derive(Debug)]
pub(super) enum Event {
    /// A row came to its end, or was cut off. The permit comes back once its record
    /// is written.
    Settled(Record, OwnedSemaphorePermit),
    /// A row came to its end, and its link is being looked up: its line in the
    /// reports waits for that.
    SettledWithoutLink(Record),
    /// The lookup for the row on this line is over.
    Link(u64, Option<Box<str>>, OwnedSemaphorePermit),
    /// The server accepted the row on this line, which is yet to be confirmed.
    Accepted(u64, Box<Prior>),
    /// The input ended after so many rows.
    InputEnded(u64),
    /// No more rows are read; so many were, and each must have its record by now.
    AllRead(u64),
    /// Somebody agreed to the stages up to this position of the input. The permit comes back once
    /// that is written.
    StageAgreed(u64, OwnedSemaphorePermit),
}

/// So long at least lies between two batches: a commit costs the same for one row
/// and for hundreds.
const MIN_BATCH_INTERVAL: Duration = Duration::from_millis(20);

/// Where rows put their events. It holds at most a few for each permit.
#[derive(Debug, Default)]
pub(super) struct EventBatcher {
    waiting: Mutex<Vec<Event>>,
    /// The collector is to look round, even if nothing was put.
    nudged: AtomicBool,
    filled: Notify,
}

impl EventBatcher {
    /// Puts an event; it is sent soon.
    pub(super) fn put(&self, event: Event) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.filled.notify_one();
    }

    /// Makes the collector look round, though nothing happened: it has work of its own.
    pub(super) fn nudge(&self) {
        self.nudged.store(true, Ordering::Relaxed);
        self.filled.notify_one();
    }

    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends what was put to the collector, until that is gone.
    pub(super) async fn forward(self: Arc<Self>, collector: mpsc::Sender<Vec<Event>>) {
        let mut next = Instant::now();
        loop {
            self.filled.notified().await;
            // Everything else that is ready runs first, and may put events too.
            tokio::task::yield_now().await;
            sleep_until(next).await;
            // As long as the collector is busy, more is put, and goes with the rest.
            let Ok(place) = collector.reserve().await else { return };
            let nudged = self.nudged.swap(false, Ordering::Relaxed);
            let batch = self.take();
            if nudged || !batch.is_empty() {
                place.send(batch);
                next = Instant::now() + MIN_BATCH_INTERVAL;
            }
        }
    }

    /// Sends what nobody waits for any more.
    pub(super) async fn flush(&self, collector: mpsc::Sender<Vec<Event>>) {
        let batch = self.take();
        if !batch.is_empty() {
            drop(collector.send(batch).await);
        }
    }
}
