//! Forecasts a launch: its achieved rate, the time left, and whether that fits into its window.
//!
//! Only arithmetic on given counts; `progress` displays it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Time over which the achieved rate is measured.
const RATE_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressCounts {
    /// Rows that are settled or were passed over.
    pub done: u64,
    /// Rows of these that earlier sessions settled.
    pub replayed: u64,
    pub requests: u64,
}

/// Estimates the end of a launch from counts that it gets now and then.
#[derive(Clone, Debug)]
pub struct Estimator {
    rows: Option<u64>,
    began: Instant,
    /// Moment from which no new row is sent.
    last_row: Option<Instant>,
    /// Planned duration; used until there are counts.
    planned: Option<Duration>,
    /// Requests of the last seconds.
    recent: VecDeque<(Instant, u64)>,
}

/// Forecast of a launch that goes on as it did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Requests per second over the last seconds.
    pub achieved: f64,
    /// Time left; `None` if unknown.
    pub left: Option<Duration>,
    /// `None` without a window, or if the rest is unknown.
    pub fit: Option<Fit>,
}

/// Whether the rest of a launch fits into its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Fits,
    /// About this many rows will be left.
    Leaves(u64),
}

impl Estimator {
    /// Returns an estimator of a launch that begins at `began`. `rows` is its number of rows, if
    /// known; `planned` its planned duration; from `last_row` on no new row is sent.
    #[must_use]
    pub const fn new(
        rows: Option<u64>,
        began: Instant,
        planned: Option<Duration>,
        last_row: Option<Instant>,
    ) -> Self {
        Self { rows, began, last_row, planned, recent: VecDeque::new() }
    }

    /// Estimates the rest of the launch from the `counts` at `now`.
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
        // With rare calls, the rate is the one since the last call.
        assert!((look(25, 2000) - 100.0).abs() < 0.01);
    }
}
