//! Connections for the tests of the limiter: numbers without a server.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::domain::connections::{Connections, Turns};

#[derive(Debug)]
pub(super) struct CountedConnections {
    free: AtomicUsize,
    lead_time: Duration,
    /// What was wanted, without repetitions.
    wanted: Mutex<Vec<usize>>,
}

impl CountedConnections {
    /// Returns connections that never run out.
    pub(super) fn always() -> Arc<Self> {
        Self::new(usize::MAX / 2, Duration::ZERO)
    }

    pub(super) fn new(free: usize, lead_time: Duration) -> Arc<Self> {
        Arc::new(Self { free: AtomicUsize::new(free), lead_time, wanted: Mutex::default() })
    }

    pub(super) fn add(&self, count: usize) {
        self.free.fetch_add(count, Ordering::Relaxed);
    }

    /// Takes what was wanted so far.
    pub(super) fn wanted(&self) -> Vec<usize> {
        std::mem::take(&mut self.wanted.lock().unwrap())
    }
}

impl Connections for CountedConnections {
    fn set_aside(&self) -> bool {
        let take = |free: usize| free.checked_sub(1);
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn put_back(&self) {
        self.add(1);
    }

    fn want(&self, count: usize) {
        let mut wanted = self.wanted.lock().unwrap();
        if wanted.last() != Some(&count) {
            wanted.push(count);
        }
    }

    fn lead_time(&self) -> Duration {
        self.lead_time
    }

    fn ask_turns_of(&self, _: Arc<dyn Turns>) {}
}
