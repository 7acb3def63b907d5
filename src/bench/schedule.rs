//! Due times of the requests of an open loop.
//!
//! A [`Schedule`] maps the position of a request to its due time; [`Arrivals`] gives the requests
//! their positions, evenly or at random.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;

use crate::domain::rate::Rate;

/// Rates over time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schedule {
    segments: Vec<Segment>,
    stop: ScheduleEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScheduleEnd {
    WithLastSegment,
    /// After this number of requests; the last segment goes on until then.
    After(u64),
}

/// A steady rate, if both rates are the same, or a ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    /// Requests per second at the beginning.
    from: f64,
    /// Requests per second at the end.
    to: f64,
    /// Seconds.
    duration: f64,
}

impl Segment {
    /// Returns the number of requests due before second `at`.
    fn before(&self, at: f64) -> f64 {
        self.from * at + (self.to - self.from) * at * at / (2.0 * self.duration)
    }

    fn all(&self) -> f64 {
        self.duration * f64::midpoint(self.from, self.to)
    }

    /// Returns the second at which this number is due: the root of a parabola, in the form that
    /// loses no digits if the parabola is nearly a line.
    fn when(&self, requests: f64) -> f64 {
        let slope = (self.to - self.from) / self.duration;
        let root = (self.from * self.from + 2.0 * slope * requests).max(0.0).sqrt();
        if self.from + root == 0.0 { 0.0 } else { 2.0 * requests / (self.from + root) }
    }
}

impl Schedule {
    #[must_use]
    pub(crate) fn steady(per_second: f64, duration: Duration) -> Self {
        let segment =
            Segment { from: per_second, to: per_second, duration: duration.as_secs_f64() };
        Self { segments: vec![segment], stop: ScheduleEnd::WithLastSegment }
    }

    /// Returns a steady rate that ends after a number of requests.
    #[must_use]
    pub(crate) fn requests(per_second: f64, requests: u64) -> Self {
        // The last request is due before the segment is over.
        let segment =
            Segment { from: per_second, to: per_second, duration: count(requests) / per_second };
        Self { segments: vec![segment], stop: ScheduleEnd::After(requests) }
    }

    /// Puts a warm-up at the first rate in front.
    #[must_use]
    pub(crate) fn after(mut self, warmup: Duration) -> Self {
        let first = self.segments[0].from;
        if !warmup.is_zero() {
            let segment = Segment { from: first, to: first, duration: warmup.as_secs_f64() };
            if let ScheduleEnd::After(requests) = &mut self.stop {
                *requests = requests.saturating_add(whole(segment.all()));
            }
            self.segments.insert(0, segment);
        }
        self
    }

    /// Returns the due time of the request at `position`, counted from the beginning, or `None`
    /// after the end. With even arrivals the n-th request, from 0 on, is at position n.
    #[must_use]
    pub(crate) fn due(&self, position: f64) -> Option<Duration> {
        let (mut begins, mut before) = (0.0, 0.0);
        for (at, segment) in self.segments.iter().enumerate() {
            let within = position - before;
            let is_open =
                matches!(self.stop, ScheduleEnd::After(_)) && at + 1 == self.segments.len();
            if is_open || within < segment.all() - POSITION_TOLERANCE {
                return Duration::try_from_secs_f64(begins + segment.when(within.max(0.0))).ok();
            }
            before += segment.all();
            begins += segment.duration;
        }
        None
    }

    /// Returns the requests per second at a moment.
    #[must_use]
    pub(crate) fn rate(&self, at: Duration) -> f64 {
        let (at, mut begins) = (at.as_secs_f64(), 0.0);
        for segment in &self.segments {
            if at < begins + segment.duration {
                return segment.from
                    + (segment.to - segment.from) * (at - begins) / segment.duration;
            }
            begins += segment.duration;
        }
        0.0
    }

    /// Returns the number of requests due between two moments, with even arrivals.
    #[must_use]
    pub(crate) fn between(&self, from: Duration, to: Duration) -> f64 {
        self.before(to.as_secs_f64()) - self.before(from.as_secs_f64())
    }

    fn before(&self, at: f64) -> f64 {
        let (mut begins, mut all) = (0.0, 0.0);
        for segment in &self.segments {
            let within = (at - begins).clamp(0.0, segment.duration);
            all += segment.before(within);
            begins += segment.duration;
        }
        all
    }

    /// Returns the number of all requests, with even arrivals.
    #[must_use]
    pub(crate) fn total(&self) -> u64 {
        let all = whole(self.segments.iter().map(Segment::all).sum());
        match self.stop {
            ScheduleEnd::WithLastSegment => all,
            ScheduleEnd::After(requests) => requests,
        }
    }

    #[must_use]
    pub(crate) fn duration(&self) -> Duration {
        let seconds = self.segments.iter().map(|segment| segment.duration).sum();
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

pub(crate) const MAX_DURATION: Duration = Duration::from_hours(1000);

/// Distance at which a position counts as the end of a segment.
const POSITION_TOLERANCE: f64 = 1e-6;

/// Rounds up: the first request of a segment is due at its beginning.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of requests is far from the bounds"
)]
fn whole(requests: f64) -> u64 {
    (requests - POSITION_TOLERANCE).ceil().max(0.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "a number of requests is far from the bounds")]
const fn count(requests: u64) -> f64 {
    requests as f64
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.segments.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", then " };
            let duration = Duration::try_from_secs_f64(segment.duration).unwrap_or(Duration::MAX);
            let rates = if (segment.from - segment.to).abs() < f64::EPSILON {
                format!("{}/s", segment.from)
            } else {
                format!("{}..{}/s", segment.from, segment.to)
            };
            match self.stop {
                ScheduleEnd::After(requests) if at + 1 == self.segments.len() => {
                    write!(f, "{separator}{rates} until {requests} requests were due")?;
                }
                _ => write!(f, "{separator}{rates} for {duration:?}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = LoadError;

    /// Reads a load such as `50/s:30s,50..500/s:2m,500/s:30s`.
    fn from_str(text: &str) -> Result<Self, LoadError> {
        let segments = text.split(',').map(segment).collect::<Result<Vec<_>, _>>()?;
        if segments.iter().all(|segment| segment.all() < POSITION_TOLERANCE) {
            return Err(LoadError);
        }
        Ok(Self { segments, stop: ScheduleEnd::WithLastSegment })
    }
}

fn segment(text: &str) -> Result<Segment, LoadError> {
    let (rates, duration) = text.split_once(':').ok_or(LoadError)?;
    let (numbers, unit) = rates.split_once('/').ok_or(LoadError)?;
    let rate = |number: &str| match number.trim() {
        "0" => Ok(0.0),
        number => {
            let rate: Rate = format!("{number}/{unit}").parse().map_err(|_| LoadError)?;
            rate.per_second().ok_or(LoadError)
        }
    };
    let (from, to) = match numbers.split_once("..") {
        None => (rate(numbers)?, rate(numbers)?),
        Some((from, to)) => (rate(from)?, rate(to)?),
    };
    let duration: SignedDuration = duration.trim().parse().map_err(|_| LoadError)?;
    let duration = Duration::try_from(duration).map_err(|_| LoadError)?.as_secs_f64();
    if duration > 0.0 && duration <= MAX_DURATION.as_secs_f64() {
        Ok(Segment { from, to, duration })
    } else {
        Err(LoadError)
    }
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("write a load as 50/s:30s,50..500/s:2m,500/s:30s")]
pub(crate) struct LoadError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrivalPattern {
    Even,
    /// At random, as from independent people: a Poisson process.
    Poisson {
        /// The same seed gives the same arrivals.
        seed: u64,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    schedule: Schedule,
    position: f64,
    left: Option<u64>,
    random: Option<fastrand::Rng>,
}

impl Arrivals {
    #[must_use]
    pub(crate) fn new(schedule: Schedule, spread: ArrivalPattern) -> Self {
        let random = match spread {
            ArrivalPattern::Even => None,
            ArrivalPattern::Poisson { seed } => Some(fastrand::Rng::with_seed(seed)),
        };
        let left = match schedule.stop {
            ScheduleEnd::WithLastSegment => None,
            ScheduleEnd::After(requests) => Some(requests),
        };
        let mut arrivals = Self { schedule, position: 0.0, left, random };
        // In a Poisson process the first request comes after a gap like any other.
        arrivals.position = arrivals.step() - if arrivals.random.is_some() { 0.0 } else { 1.0 };
        arrivals
    }

    /// Returns the gap to the next request: 1, or exponentially distributed with that mean.
    fn step(&mut self) -> f64 {
        self.random.as_mut().map_or(1.0, |random| -(1.0 - random.f64()).ln())
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let due = self.schedule.due(self.position)?;
        self.position += self.step();
        Some(due)
    }
}
