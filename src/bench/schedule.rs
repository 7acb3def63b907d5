//! When the requests of a load are due: an open loop, which never waits for answers.
//!
//! Arithmetic only. A [`Schedule`] is a pace and a stop, with one pure function from
//! a request's position to its due time; [`Arrivals`] turns the numbers of requests
//! into positions, evenly or at random.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;

use crate::domain::rate::Rate;

/// When requests are due.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schedule {
    pace: Vec<Part>,
    stop: Stop,
}

/// When a schedule ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// When its parts are over.
    WithThePace,
    /// After so many requests.
    After(u64),
}

/// A part of a pace: a step, where its rates are the same, or a ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    /// Requests per second at its beginning...
    from: f64,
    /// ...and at its end.
    to: f64,
    /// Seconds.
    lasts: f64,
}

impl Part {
    /// How many requests are due before its second `at`.
    fn before(&self, at: f64) -> f64 {
        self.from * at + (self.to - self.from) * at * at / (2.0 * self.lasts)
    }

    fn all(&self) -> f64 {
        self.lasts * f64::midpoint(self.from, self.to)
    }

    /// The second at which so many are due: the root of a parabola, in the form that
    /// loses no digits where it is nearly a line.
    fn when(&self, requests: f64) -> f64 {
        let slope = (self.to - self.from) / self.lasts;
        let root = (self.from * self.from + 2.0 * slope * requests).max(0.0).sqrt();
        if self.from + root == 0.0 { 0.0 } else { 2.0 * requests / (self.from + root) }
    }
}

impl Schedule {
    /// So many requests per second, for so long.
    #[must_use]
    pub(crate) fn steady(per_second: f64, lasts: Duration) -> Self {
        let part = Part { from: per_second, to: per_second, lasts: lasts.as_secs_f64() };
        Self { pace: vec![part], stop: Stop::WithThePace }
    }

    /// So many requests per second, until so many were due.
    #[must_use]
    pub(crate) fn requests(per_second: f64, requests: u64) -> Self {
        // The last one is due before the part is over.
        let part = Part { from: per_second, to: per_second, lasts: count(requests) / per_second };
        Self { pace: vec![part], stop: Stop::After(requests) }
    }

    /// The same, after its first rate was kept for `warmup`.
    #[must_use]
    pub(crate) fn after(mut self, warmup: Duration) -> Self {
        let first = self.pace[0].from;
        if !warmup.is_zero() {
            let part = Part { from: first, to: first, lasts: warmup.as_secs_f64() };
            if let Stop::After(requests) = &mut self.stop {
                *requests = requests.saturating_add(whole(part.all()));
            }
            self.pace.insert(0, part);
        }
        self
    }

    /// When the request at `position` is due, counted from the beginning: with even
    /// arrivals the n-th request, from 0 on, is at position n. `None` once the pace is
    /// over; one that stops after a number of requests goes on until then.
    #[must_use]
    pub(crate) fn due(&self, position: f64) -> Option<Duration> {
        let (mut begins, mut before) = (0.0, 0.0);
        for (at, part) in self.pace.iter().enumerate() {
            let within = position - before;
            let is_open = matches!(self.stop, Stop::After(_)) && at + 1 == self.pace.len();
            if is_open || within < part.all() - ROUNDING {
                return Duration::try_from_secs_f64(begins + part.when(within.max(0.0))).ok();
            }
            before += part.all();
            begins += part.lasts;
        }
        None
    }

    /// The rate that is wanted at a moment, in requests per second.
    #[must_use]
    pub(crate) fn rate(&self, at: Duration) -> f64 {
        let (at, mut begins) = (at.as_secs_f64(), 0.0);
        for part in &self.pace {
            if at < begins + part.lasts {
                return part.from + (part.to - part.from) * (at - begins) / part.lasts;
            }
            begins += part.lasts;
        }
        0.0
    }

    /// How many requests are due between two moments, with even arrivals.
    #[must_use]
    pub(crate) fn between(&self, from: Duration, to: Duration) -> f64 {
        self.before(to.as_secs_f64()) - self.before(from.as_secs_f64())
    }

    fn before(&self, at: f64) -> f64 {
        let (mut begins, mut all) = (0.0, 0.0);
        for part in &self.pace {
            let within = (at - begins).clamp(0.0, part.lasts);
            all += part.before(within);
            begins += part.lasts;
        }
        all
    }

    /// How many requests are due in all, with even arrivals.
    #[must_use]
    pub(crate) fn total(&self) -> u64 {
        let all = whole(self.pace.iter().map(Part::all).sum());
        match self.stop {
            Stop::WithThePace => all,
            Stop::After(requests) => requests,
        }
    }

    /// How long it lasts.
    #[must_use]
    pub(crate) fn lasts(&self) -> Duration {
        let seconds = self.pace.iter().map(|part| part.lasts).sum();
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// No part of a load lasts longer.
pub(crate) const LONGEST: Duration = Duration::from_hours(1000);

/// A position this near to the end of a part is at its end.
const ROUNDING: f64 = 1e-6;

/// The requests that a part of so many holds: the first is due at its beginning.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of requests is far from the bounds"
)]
fn whole(requests: f64) -> u64 {
    (requests - ROUNDING).ceil().max(0.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "a number of requests is far from the bounds")]
const fn count(requests: u64) -> f64 {
    requests as f64
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.pace.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", then " };
            let lasts = Duration::try_from_secs_f64(part.lasts).unwrap_or(Duration::MAX);
            let rates = if (part.from - part.to).abs() < f64::EPSILON {
                format!("{}/s", part.from)
            } else {
                format!("{}..{}/s", part.from, part.to)
            };
            match self.stop {
                Stop::After(requests) if at + 1 == self.pace.len() => {
                    write!(f, "{separator}{rates} until {requests} requests were due")?;
                }
                _ => write!(f, "{separator}{rates} for {lasts:?}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = LoadError;

    /// Reads `50/s:30s,50..500/s:2m,500/s:30s`.
    fn from_str(text: &str) -> Result<Self, LoadError> {
        let pace = text.split(',').map(part).collect::<Result<Vec<_>, _>>()?;
        if pace.iter().all(|part| part.all() < ROUNDING) {
            return Err(LoadError);
        }
        Ok(Self { pace, stop: Stop::WithThePace })
    }
}

fn part(text: &str) -> Result<Part, LoadError> {
    let (rates, lasts) = text.split_once(':').ok_or(LoadError)?;
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
    let lasts: SignedDuration = lasts.trim().parse().map_err(|_| LoadError)?;
    let lasts = Duration::try_from(lasts).map_err(|_| LoadError)?.as_secs_f64();
    if lasts > 0.0 && lasts <= LONGEST.as_secs_f64() {
        Ok(Part { from, to, lasts })
    } else {
        Err(LoadError)
    }
}

/// The text is no load.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("write a load as 50/s:30s,50..500/s:2m,500/s:30s")]
pub(crate) struct LoadError;

/// How the requests of a schedule are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Evenly.
    Even,
    /// As a Poisson process: as many people would send them who do not know each other.
    Poisson {
        /// Makes the same arrivals again.
        seed: u64,
    },
}

/// The due times of a schedule, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    schedule: Schedule,
    position: f64,
    left: Option<u64>,
    random: Option<fastrand::Rng>,
}

impl Arrivals {
    /// The arrivals of `schedule`.
    #[must_use]
    pub(crate) fn new(schedule: Schedule, spread: Spread) -> Self {
        let random = match spread {
            Spread::Even => None,
            Spread::Poisson { seed } => Some(fastrand::Rng::with_seed(seed)),
        };
        let left = match schedule.stop {
            Stop::WithThePace => None,
            Stop::After(requests) => Some(requests),
        };
        let mut arrivals = Self { schedule, position: 0.0, left, random };
        // The first request of a Poisson process is as late as any other.
        arrivals.position = arrivals.step() - if arrivals.random.is_some() { 0.0 } else { 1.0 };
        arrivals
    }

    /// From one request to the next: 1, or exponentially distributed with that mean.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(text: &str) -> Schedule {
        text.parse().unwrap()
    }

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-6
    }

    #[test]
    fn a_number_has_its_due_time() {
        let steady = Schedule::steady(200.0, Duration::from_secs(30));
        let ramp = load("0..100/s:10s");
        let parts = load("50/s:10s,50..150/s:10s,150/s:10s");
        for (schedule, number, due) in [
            (&steady, 0, Some(0.0)),
            (&steady, 1, Some(0.005)),
            (&steady, 5_999, Some(29.995)),
            (&steady, 6_000, None),
            (&ramp, 0, Some(0.0)),
            (&ramp, 125, Some(5.0)),
            (&ramp, 499, Some(9.989_994_995)),
            (&ramp, 500, None),
            (&parts, 499, Some(9.98)),
            (&parts, 500, Some(10.0)),
            (&parts, 875, Some(15.0)),
            (&parts, 1_500, Some(20.0)),
            (&parts, 2_999, Some(29.993_333_333)),
            (&parts, 3_000, None),
        ] {
            let found = schedule.due(f64::from(number)).map(|due| due.as_secs_f64());
            let is_right = match (found, due) {
                (Some(found), Some(due)) => near(found, due),
                (None, None) => true,
                _ => false,
            };
            assert!(is_right, "request {number} of {schedule}: {found:?}");
        }
        let some = Schedule::requests(3.0, 10);
        assert_eq!(Arrivals::new(some.clone(), Spread::Even).count(), 10);
        assert_eq!(Arrivals::new(some.clone(), Spread::Poisson { seed: 1 }).count(), 10);
        assert_eq!(some.total(), 10);
    }

    #[test]
    fn a_warmup_comes_before_and_takes_nothing_away() {
        let some = Schedule::requests(10.0, 20).after(Duration::from_secs(5));
        assert_eq!(some.total(), 70);
        let measured =
            Arrivals::new(some, Spread::Even).filter(|due| *due >= Duration::from_secs(5));
        assert_eq!(measured.count(), 20);
    }

    #[test]
    fn what_is_no_load_says_how_one_is_written() {
        for text in [
            "",
            "50/s",
            "50:30s",
            "50/s:",
            "50/s:0s",
            "50/s:1001h",
            "0/s:5s",
            "a..b/s:5s",
            "50/s:30s,",
        ] {
            assert_eq!(text.parse::<Schedule>(), Err(LoadError), "{text}");
        }
        assert_eq!(
            load("50/s:30s,50..500/s:2m").to_string(),
            "50/s for 30s, then 50..500/s for 120s"
        );
        assert!(near(load("6000/m:1m").rate(Duration::from_secs(3)), 100.0));
    }

    proptest! {
        #[test]
        fn due_times_never_run_backwards_and_hit_the_integral(
            parts in prop::collection::vec((0_u32..500, 0_u32..500, 1_u32..20), 1..5)
        ) {
            let text: Vec<_> =
                parts.iter().map(|(from, to, lasts)| format!("{from}..{to}/s:{lasts}s")).collect();
            let Ok(schedule) = text.join(",").parse::<Schedule>() else { return Ok(()) };
            let mut last = Duration::ZERO;
            let mut sent = 0_u64;
            for due in Arrivals::new(schedule.clone(), Spread::Even) {
                prop_assert!(due >= last);
                // So many were due before, as the integral of the rate says.
                let integral = schedule.between(Duration::ZERO, due);
                prop_assert!((integral - count(sent)).abs() < 0.01, "{integral} at {sent}");
                last = due;
                sent += 1;
            }
            prop_assert_eq!(sent, schedule.total());
            prop_assert!(last <= schedule.lasts());
        }
    }

    /// The largest distance of the distribution of `gaps` from an exponential one with
    /// mean 1.
    fn kolmogorov_smirnov(mut gaps: Vec<f64>) -> f64 {
        gaps.sort_by(f64::total_cmp);
        let all = count(gaps.len() as u64);
        let distance = |(at, gap): (usize, &f64)| {
            let (at, expected) = (count(at as u64), 1.0 - (-gap).exp());
            (expected - at / all).abs().max(((at + 1.0) / all - expected).abs())
        };
        gaps.iter().enumerate().map(distance).fold(0.0, f64::max)
    }

    #[test]
    fn poisson_gaps_pass_a_kolmogorov_smirnov_test() {
        let gaps = |spread| {
            let schedule = Schedule::steady(100.0, Duration::from_secs(100));
            let due: Vec<_> = Arrivals::new(schedule, spread).collect();
            let gaps = due.windows(2).map(|pair| pair[1].abs_diff(pair[0]).as_secs_f64() * 100.0);
            gaps.collect::<Vec<_>>()
        };
        for seed in 1..=5 {
            let gaps = gaps(Spread::Poisson { seed });
            // The bound of the test at a level of 0.1 %.
            let bound = 1.95 / count(gaps.len() as u64).sqrt();
            assert!((9_600..10_400).contains(&gaps.len()), "{}", gaps.len());
            let distance = kolmogorov_smirnov(gaps);
            assert!(distance < bound, "seed {seed}: {distance} of {bound}");
        }
        assert!(kolmogorov_smirnov(gaps(Spread::Even)) > 0.5, "the test tells even gaps apart");
        let once = gaps(Spread::Poisson { seed: 7 });
        assert_eq!(once, gaps(Spread::Poisson { seed: 7 }), "a seed makes the same again");
    }
}
