//! Time that a launch has spent between its stages.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Clock that runs between two stages.
#[derive(Debug, Default)]
pub(super) struct PauseClock(Mutex<Paused>);

#[derive(Clone, Copy, Debug, Default)]
struct Paused {
    over: Duration,
    since: Option<Instant>,
}

impl PauseClock {
    pub(super) fn begin(&self, now: Instant) {
        self.change(|paused| paused.since = Some(now));
    }

    pub(super) fn end(&self, now: Instant) {
        self.change(|paused| *paused = Paused { over: paused.total(now), since: None });
    }

    /// Returns the time of all pauses, the present one included.
    pub(super) fn total(&self, now: Instant) -> Duration {
        self.change(|paused| paused.total(now))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Paused) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Paused {
    fn total(&self, now: Instant) -> Duration {
        let present = self.since.map(|since| now.saturating_duration_since(since));
        self.over + present.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_add_up() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let clock = PauseClock::default();
        let total = |second| clock.total(after(second)).as_secs();
        assert_eq!(total(9), 0);
        clock.begin(after(10));
        assert_eq!(total(13), 3);
        clock.end(after(15));
        assert_eq!(total(99), 5);
        clock.begin(after(100));
        assert_eq!(total(101), 6);
    }
}
