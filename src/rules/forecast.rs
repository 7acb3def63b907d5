//! What is foreseen of a launch that goes on: the rate it achieves, the time that is
//! left, and whether that fits into its window.
//!
//! Arithmetic on counts that are handed in; what is drawn of it is `progress`' work.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The rate that is achieved is that of so long.
const RATE_INTERVAL: Duration = Duration::from_secs(5);

/// How far a launch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressCounts {
    /// Rows that have their last word, or were passed over.
    pub done: u64,
    /// Those of them that earlier sessions settled.
    pub replayed: u64,
    /// Requests that were sent.
    pub requests: u64,
}

/// The course of a launch, looked at now and then.
#[derive(Clone, Debug)]
pub struct Estimator {
    rows: Option<u64>,
    began: Instant,
    /// No new row is sent from this moment on.
    last_row: Option<Instant>,
    /// How long it was to take, before anything was known.
    planned: Option<Duration>,
    /// The requests of the last seconds.
    recent: VecDeque<(Instant, u64)>,
}

/// What is foreseen of a launch, if it goes on as it went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Requests per second in the last seconds.
    pub achieved: f64,
    /// How long it will take yet; `None` where nothing says so.
    pub left: Option<Duration>,
    /// Whether that fits into the window; `None` without one, or where it is not
    /// known what is left.
    pub fit: Option<Fit>,
}

/// Whether what is left fits into the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Fits,
    /// It does not: so many rows will be left.
    Leaves(u64),
}

impl Estimator {
    /// A launch of `rows` rows, if that is known, that begins at `began`, is to take as
    /// long as `planned`, and sends no new row from `last_row` on.
    #[must_use]
    pub const fn new(
        rows: Option<u64>,
        began: Instant,
        planned: Option<Duration>,
        last_row: Option<Instant>,
    ) -> Self {
        Self { rows, began, last_row, planned, recent: VecDeque::new() }
    }

    /// Takes note of how far the launch has come by `now`, and says what is foreseen.
    pub fn estimate(&mut self, counts: ProgressCounts, now: Instant) -> Estimate {
        self.recent.push_back((now, counts.requests));
        while self.recent.len() > 2 && now - self.recent[1].0 >= RATE_INTERVAL {
            self.recent.pop_front();
        }
        let left = self.left(counts, now);
        let fit = left.and_then(|left| self.fit(counts, left, now));
        Estimate { achieved: self.achieved(), left, fit }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate is told with few digits")]
    fn achieved(&self) -> f64 {
        match (self.recent.front(), self.recent.back()) {
            (Some((first, before)), Some((last, after))) if last > first => {
                (after - before) as f64 / (*last - *first).as_secs_f64()
            }
            _ => 0.0,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a time is told in seconds")]
    fn left(&self, counts: ProgressCounts, now: Instant) -> Option<Duration> {
        let rows = self.rows?.checked_sub(counts.done)?;
        let done = counts.done.saturating_sub(counts.replayed);
        if done == 0 {
            return Some(self.planned? + self.began.saturating_duration_since(now));
        }
        let so_far = now.saturating_duration_since(self.began).as_secs_f64();
        Duration::try_from_secs_f64(so_far * rows as f64 / done as f64).ok()
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rows are foreseen roughly"
    )]
    fn fit(&self, counts: ProgressCounts, left: Duration, now: Instant) -> Option<Fit> {
        let room = self.last_row?.saturating_duration_since(now);
        if left <= room {
            return Some(Fit::Fits);
        }
        let rows = self.rows?.saturating_sub(counts.done) as f64;
        let share = 1.0 - room.as_secs_f64() / left.as_secs_f64();
        Some(Fit::Leaves((rows * share).ceil() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(done: u64, replayed: u64) -> ProgressCounts {
        ProgressCounts { done, replayed, requests: done - replayed }
    }

    #[test]
    fn what_is_left_is_foreseen_by_what_this_session_achieved() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (rows, window, at, left, fit) in [
            (Some(400), None, counts(0, 0), seconds(20), None),
            (Some(400), Some(20), counts(0, 0), seconds(20), Some(Fit::Leaves(200))),
            (Some(400), None, counts(200, 0), seconds(10), None),
            (Some(400), Some(30), counts(200, 0), seconds(10), Some(Fit::Fits)),
            (Some(400), Some(20), counts(200, 0), seconds(10), Some(Fit::Fits)),
            (Some(400), Some(15), counts(200, 0), seconds(10), Some(Fit::Leaves(100))),
            (Some(400), Some(10), counts(200, 0), seconds(10), Some(Fit::Leaves(200))),
            (Some(400), None, counts(300, 200), seconds(10), None),
            (Some(400), Some(30), counts(200, 200), seconds(20), Some(Fit::Fits)),
            (None, Some(30), counts(200, 0), None, None),
        ] {
            let planned = Some(Duration::from_secs(20));
            let mut estimator = Estimator::new(rows, begin, planned, window.map(after));
            let estimate = estimator.estimate(at, after(10));
            assert_eq!((estimate.left, estimate.fit), (left, fit), "{rows:?} {window:?} {at:?}");
        }
    }

    #[test]
    fn before_the_start_the_wait_is_part_of_what_is_left() {
        let now = Instant::now();
        let begin = now + Duration::from_mins(1);
        for (planned, left) in
            [(None, None), (Some(Duration::from_secs(5)), Some(Duration::from_secs(65)))]
        {
            let mut estimator = Estimator::new(Some(100), begin, planned, None);
            assert_eq!(estimator.estimate(counts(0, 0), now).left, left);
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let begin = Instant::now();
        let mut estimator = Estimator::new(None, begin, None, None);
        let mut look = |second, requests| {
            let now = begin + Duration::from_secs(second);
            estimator.estimate(ProgressCounts { done: 0, replayed: 0, requests }, now).achieved
        };
        for (second, requests, achieved) in
            [(0, 0, 0.0), (1, 100, 100.0), (5, 500, 100.0), (6, 500, 80.0), (10, 500, 0.0)]
        {
            let found = look(second, requests);
            assert!((found - achieved).abs() < 0.01, "after {second} s: {found}");
        }
        // Whoever looks seldom sees the rate since it looked last.
        assert!((look(25, 2000) - 100.0).abs() < 0.01);
    }
}
