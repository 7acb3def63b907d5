//! Batches of row events on their way to the collector.
//!
//! A batch leaves once everything that is ready now has put its events, but not right after
//! another: so no record waits while little happens, and under load many rows share a commit. If
//! half of the rows that may be open wait for it, it leaves at once.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// Minimum time between two batches: a commit costs about the same for one row and for hundreds.
const MIN_BATCH_INTERVAL: Duration = Duration::from_millis(50);

/// Maximum number of events of a batch whose memory is kept.
const MAX_REUSED_EVENTS: usize = 4096;

/// Events that wait for the collector: at most a few for each permit.
#[derive(Debug)]
pub(super) struct EventBatcher {
    waiting: Mutex<Vec<Event>>,
    /// An emptied batch, whose memory the next one takes.
    emptied: Mutex<Vec<Event>>,
    /// Number of waiting events at which a batch leaves before the interval is over.
    crowd: usize,
    nudged: AtomicBool,
    hurried: AtomicBool,
    filled: Notify,
    /// Ends the wait for the interval.
    crowded: Notify,
}

impl EventBatcher {
    /// Returns a batcher for a run with at most `lookahead` open rows.
    pub(super) fn new(lookahead: NonZeroUsize) -> Self {
        Self {
            waiting: Mutex::default(),
            emptied: Mutex::default(),
            crowd: lookahead.get().div_ceil(2),
            nudged: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
            filled: Notify::new(),
            crowded: Notify::new(),
        }
    }

    pub(super) fn put(&self, event: Event) {
        let mut waiting = self.waiting();
        waiting.push(event);
        let is_crowded = waiting.len() == self.crowd;
        drop(waiting);
        self.filled.notify_one();
        if is_crowded {
            self.crowded.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Event>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the collector look round although nothing happened: it has work of its own.
    pub(super) fn nudge(&self) {
        self.nudged.store(true, Ordering::Relaxed);
        self.filled.notify_one();
    }

    /// Makes the collector look round at once: requests wait for its work.
    pub(super) fn hurry(&self) {
        self.hurried.store(true, Ordering::Relaxed);
        self.crowded.notify_one();
        self.nudge();
    }

    fn take(&self) -> Vec<Event> {
        let next =
            std::mem::take(&mut *self.emptied.lock().unwrap_or_else(PoisonError::into_inner));
        std::mem::replace(&mut *self.waiting(), next)
    }

    /// Takes back the memory of a batch. If each allocated its own, it would come from the system
    /// again and again, since another thread frees it.
    pub(super) fn reuse(&self, emptied: Vec<Event>) {
        if emptied.capacity() <= MAX_REUSED_EVENTS {
            *self.emptied.lock().unwrap_or_else(PoisonError::into_inner) = emptied;
        }
    }

    /// Waits until so many events wait that the run could soon be out of permits, or requests
    /// wait.
    async fn crowded(&self) {
        while !self.hurried.load(Ordering::Relaxed) && self.waiting().len() < self.crowd {
            self.crowded.notified().await;
        }
    }

    pub(super) async fn forward(self: Arc<Self>, collector: mpsc::Sender<Vec<Event>>) {
        let mut next = Instant::now();
        loop {
            self.filled.notified().await;
            // Everything else that is ready runs first, and may put events too.
            tokio::task::yield_now().await;
            tokio::select! {
                biased;
                () = sleep_until(next) => {}
                () = self.crowded() => {}
            }
            // While the collector is busy, more events join this batch.
            let Ok(place) = collector.reserve().await else { return };
            self.hurried.store(false, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_batch_waits_unless_half_of_the_rows_that_may_be_open_wait_for_it() {
        let batcher = Arc::new(EventBatcher::new(NonZeroUsize::new(4).unwrap()));
        let (sender, mut leaving) = mpsc::channel(1);
        let forwarding = tokio::spawn(Arc::clone(&batcher).forward(sender));
        let begun = Instant::now();
        for (events, leaves_after) in [
            (1, Duration::ZERO),
            (1, MIN_BATCH_INTERVAL),
            (2, MIN_BATCH_INTERVAL),
            (1, MIN_BATCH_INTERVAL * 2),
        ] {
            for _ in 0..events {
                batcher.put(Event::AllRead(1));
            }
            assert_eq!(leaving.recv().await.unwrap().len(), events);
            // The timer is exact to a millisecond.
            assert_eq!(begun.elapsed().as_millis(), leaves_after.as_millis());
        }
        batcher.put(Event::AllRead(1));
        batcher.hurry();
        assert_eq!(leaving.recv().await.unwrap().len(), 1, "requests wait");
        assert_eq!(begun.elapsed().as_millis(), (MIN_BATCH_INTERVAL * 2).as_millis());
        forwarding.abort();
    }
}
