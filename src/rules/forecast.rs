//! Forecasts a launch: its achieved rate, the time left, and whether that fits into its window.
//!
//! Only arithmetic on given counts; `progress` displays it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::course::{AnswerTimes, Brake, Course};

/// Time over which the achieved rate is measured.
const RATE_INTERVAL: Duration = Duration::from_secs(5);

/// Minimum time of which a rate is told: three requests in a tenth of a second are none.
pub(crate) const MIN_RATE_TIME: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProgressCounts {
    /// Rows that are settled or were passed over.
    pub done: u64,
    /// Rows of these that earlier sessions settled.
    pub replayed: u64,
    pub requests: u64,
    /// Time between stages so far.
    pub paused: Duration,
    /// How long the server takes; `None` before a row is settled.
    pub answers: Option<AnswerTimes>,
}

/// Forecast of a launch before its first answer.
#[derive(Clone, Debug)]
pub struct Forecast {
    pub course: Course,
    /// Number of rows that can be launched, those beyond a `--limit` included.
    pub launchable: u64,
    /// Number of rows that are handed out, those that are never sent included.
    pub rows: u64,
    /// How long the server took for earlier rows.
    pub answers: AnswerTimes,
}

impl Forecast {
    /// Returns how many of the rows that this session handed out were launched, by their share.
    fn launched(&self, counts: ProgressCounts) -> u64 {
        let handed_out = counts.done.saturating_sub(counts.replayed);
        let part = u128::from(handed_out) * u128::from(self.launchable);
        let launched = part.checked_div(u128::from(self.rows)).unwrap_or_default();
        u64::try_from(launched).unwrap_or(u64::MAX).min(self.course.rows())
    }
}

/// Estimates the end of a launch from counts that it gets now and then.
#[derive(Clone, Debug)]
pub struct Estimator {
    /// `None` if nobody knows how many rows come.
    forecast: Option<Forecast>,
    began: Instant,
    /// Moment from which no new row is sent.
    last_row: Option<Instant>,
    /// Requests of the last seconds.
    recent: VecDeque<(Instant, u64)>,
}

/// Forecast of a launch that goes on as it did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Time until the launch begins; `None` from then on.
    pub begins_in: Option<Duration>,
    /// Requests per second over the last seconds; `None` before the first second is over.
    pub achieved: Option<f64>,
    /// Time left; `None` if unknown.
    pub left: Option<Duration>,
    /// `None` without a window, or if the rest is unknown.
    pub fit: Option<Fit>,
    /// Limit that slows the rest most, if it is not `--rate`.
    pub slowed_by: Option<Brake>,
}

/// Whether the rest of a launch fits into its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Fits,
    /// About this many rows will be left.
    Leaves(u64),
}

impl Estimator {
    /// Returns an estimator of a launch that begins at `began`, with what was foreseen of it if the
    /// number of its rows is known. From `last_row` on no new row is sent.
    #[must_use]
    pub const fn new(
        forecast: Option<Forecast>,
        began: Instant,
        last_row: Option<Instant>,
    ) -> Self {
        Self { forecast, began, last_row, recent: VecDeque::new() }
    }

    /// Estimates the rest of the launch from the `counts` at `now`.
    pub fn estimate(&mut self, counts: ProgressCounts, now: Instant) -> Estimate {
        self.recent.push_back((now, counts.requests));
        while self.recent.len() > 2 && now - self.recent[1].0 >= RATE_INTERVAL {
            self.recent.pop_front();
        }
        let left = self.left(counts, now);
        let fit = left.and_then(|left| self.fit(counts, left, now));
        let wait = self.began.saturating_duration_since(now);
        Estimate {
            begins_in: (!wait.is_zero()).then_some(wait),
            achieved: self.achieved(),
            left,
            fit,
            slowed_by: self.slowed_by(counts),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate is told with few digits")]
    fn achieved(&self) -> Option<f64> {
        let ((first, before), (last, after)) = (self.recent.front()?, self.recent.back()?);
        let time = *last - *first;
        (time >= MIN_RATE_TIME).then(|| (after - before) as f64 / time.as_secs_f64())
    }

    /// Returns the time that the rest takes: as long as foreseen, and longer or shorter as what is
    /// done was.
    fn left(&self, counts: ProgressCounts, now: Instant) -> Option<Duration> {
        let ProgressCounts { done, replayed, paused, answers, .. } = counts;
        let forecast = self.forecast.as_ref()?;
        let course = &forecast.course;
        let (launched, rows) = (forecast.launched(counts), course.rows());
        let Some(answers) = answers.filter(|_| done > replayed && launched > 0) else {
            let planned = course.time(0, rows, &forecast.answers).total();
            return Some(planned + self.began.saturating_duration_since(now));
        };
        let so_far = now.saturating_duration_since(self.began).saturating_sub(paused);
        let foreseen = course.time(0, launched, &answers).active;
        let ratio = if foreseen > 0.0 { so_far.as_secs_f64() / foreseen } else { 1.0 };
        let mut rest = course.time(launched, rows, &answers).active * ratio;
        let whole = course.time(0, rows, &answers);
        if whole.brake.is_of_business() {
            // Rows of smaller businesses go faster, and say nothing of the largest.
            rest = rest.max(whole.active - so_far.as_secs_f64());
        }
        let pauses = course.pauses(launched, rows);
        Duration::try_from_secs_f64(rest + pauses).ok()
    }

    fn slowed_by(&self, counts: ProgressCounts) -> Option<Brake> {
        let forecast = self.forecast.as_ref()?;
        let Forecast { course, .. } = forecast;
        let brake = course.time(forecast.launched(counts), course.rows(), &counts.answers?).brake;
        (!matches!(brake, Brake::None | Brake::Rate | Brake::RateWithQuestions)).then_some(brake)
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
        let forecast = self.forecast.as_ref()?;
        let rows = forecast.course.rows().saturating_sub(forecast.launched(counts)) as f64;
        let share = 1.0 - room.as_secs_f64() / left.as_secs_f64();
        Some(Fit::Leaves((rows * share).ceil() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rate::Rate;
    use crate::rules::course::{Brakes, Confirmation, CourseStage};
    use std::num::{NonZeroU32, NonZeroUsize};

    const ANSWERS: AnswerTimes = AnswerTimes { request: 0.1, row: 0.1, requests: 1.0 };

    fn counts(done: u64, replayed: u64) -> ProgressCounts {
        let answers = (done > replayed).then_some(ANSWERS);
        ProgressCounts {
            done,
            replayed,
            requests: done - replayed,
            paused: Duration::ZERO,
            answers,
        }
    }

    /// Rows at 20/s, in stages that end there.
    fn course(ends: &[u64]) -> Course {
        let many = NonZeroUsize::new(1000).unwrap();
        Course {
            brakes: Brakes {
                rate: "20/s".parse().unwrap(),
                burst: NonZeroU32::MIN,
                rate_per_biz: Rate::Unlimited,
                slots: many,
                slots_per_biz: None,
                lookahead: many,
                pause: Duration::from_secs(30),
                confirmation: Confirmation::None,
            },
            stages: ends.iter().map(|&end| CourseStage { end, at_risk: None }).collect(),
            largest: 1.0,
        }
    }

    fn estimator(course: Option<Course>, began: Instant, last_row: Option<Instant>) -> Estimator {
        let answers = AnswerTimes { row: 0.0, ..ANSWERS };
        let forecast = course.map(|course| {
            let rows = course.rows();
            Forecast { course, launchable: rows, rows, answers }
        });
        Estimator::new(forecast, began, last_row)
    }

    #[test]
    fn what_is_left_is_foreseen_by_what_this_session_achieved() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let rounded = |time: Duration| (time + Duration::from_millis(1)).as_secs();
        for (rows, window, at, left, fit) in [
            (Some(400), None, counts(0, 0), Some(20), None),
            (Some(400), Some(20), counts(0, 0), Some(20), Some(Fit::Leaves(200))),
            (Some(400), None, counts(200, 0), Some(10), None),
            (Some(400), Some(30), counts(200, 0), Some(10), Some(Fit::Fits)),
            (Some(400), Some(15), counts(200, 0), Some(10), Some(Fit::Leaves(100))),
            (Some(400), Some(10), counts(200, 0), Some(10), Some(Fit::Leaves(200))),
            (Some(400), None, counts(300, 200), Some(10), None),
            (Some(400), Some(30), counts(200, 200), Some(10), Some(Fit::Fits)),
            (None, Some(30), counts(200, 0), None, None),
        ] {
            let course = rows.map(|rows| course(&[rows - at.replayed]));
            let mut estimator = estimator(course, begin, window.map(after));
            let estimate = estimator.estimate(at, after(10));
            let found = estimate.left.map(rounded);
            assert_eq!((found, estimate.fit), (left, fit), "{rows:?} {window:?} {at:?}");
        }
    }

    #[test]
    fn pauses_are_added_and_say_nothing_of_the_pace() {
        let begin = Instant::now();
        for (what, done, paused, at, left) in
            [("in the first stage", 10, 0, 1, 93.0), ("in the pause after it", 20, 5, 6, 77.5)]
        {
            let counts = ProgressCounts { paused: Duration::from_secs(paused), ..counts(done, 0) };
            let mut estimator = estimator(Some(course(&[20, 200, 400])), begin, None);
            let now = begin + Duration::from_secs(at);
            let found = estimator.estimate(counts, now).left.unwrap().as_secs_f64();
            assert!((found - left).abs() < 1.0, "{what}: {found} s left");
        }
    }

    #[test]
    fn before_the_start_the_wait_is_part_of_what_is_left() {
        let now = Instant::now();
        let begin = now + Duration::from_mins(1);
        let mut estimator = estimator(Some(course(&[100])), begin, None);
        for (at, begins_in, left) in [(now, Some(60), 65), (begin, None, 5)] {
            let estimate = estimator.estimate(counts(0, 0), at);
            assert_eq!(estimate.begins_in, begins_in.map(Duration::from_secs));
            assert_eq!(estimate.left, Some(Duration::from_secs(left)));
        }
    }

    #[test]
    fn the_largest_business_takes_as_long_as_planned_however_fast_the_others_are() {
        let begin = Instant::now();
        let mut course = course(&[400]);
        // Three quarters of the rows are of one business, at one a second.
        course.brakes.rate_per_biz = "1/s".parse().unwrap();
        course.largest = 0.75;
        let mut estimator = estimator(Some(course), begin, None);
        let left = estimator.estimate(counts(110, 0), begin + Duration::from_secs(10)).left;
        assert_eq!(left.map(|left| left.as_secs()), Some(290));
    }

    #[test]
    fn a_limit_that_slows_is_named_once_the_server_was_timed() {
        let now = Instant::now();
        let mut slow = course(&[400]);
        slow.stages[0].at_risk = Some(1);
        let mut estimator = estimator(Some(slow), now, None);
        for (done, brake) in [(0, None), (1, Some(Brake::MaxFailures(1)))] {
            assert_eq!(estimator.estimate(counts(done, 0), now).slowed_by, brake);
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let begin = Instant::now();
        let mut estimator = estimator(None, begin, None);
        let mut look = |second, requests| {
            let now = begin + Duration::from_secs(second);
            estimator.estimate(ProgressCounts { requests, ..counts(0, 0) }, now).achieved
        };
        assert_eq!(look(0, 0), None);
        for (second, requests, achieved) in
            [(1, 100, 100.0), (5, 500, 100.0), (6, 500, 80.0), (10, 500, 0.0)]
        {
            let found = look(second, requests).unwrap();
            assert!((found - achieved).abs() < 0.01, "after {second} s: {found}");
        }
        // With rare calls, the rate is the one since the last call.
        assert!((look(25, 2000).unwrap() - 100.0).abs() < 0.01);
    }
}
