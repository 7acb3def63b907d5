//! What to measure, by the flags.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::time::Duration;

use thiserror::Error;

use super::super::command_error::CommandError;
use crate::args::bench::{ArrivalsArg, LoadArgs};
use crate::bench::find_max::StepSettings;
use crate::bench::measurement::{Load, LoopEnd, Measurement, OnMiss, Sending};
use crate::bench::schedule::{ArrivalPattern, Arrivals, Schedule};
use crate::bench::search::RateSearch;
use crate::bench::slo::Slo;
use crate::bench::wake_ups::DEFAULT_SLACK;

/// Duration of a measurement without `--duration`.
const DEFAULT_DURATION: Duration = Duration::from_secs(30);

/// Duration of a step of `--find-max` without `--duration`.
const DEFAULT_STEP_DURATION: Duration = Duration::from_secs(10);

/// Maximum rate of a search, in requests per second.
const MAX_SEARCH_RATE: f64 = 50_000.0;

/// A load, or a search.
pub(crate) enum Workload {
    Once(Measurement),
    FindMax(RateSearch, StepSettings),
}

impl Workload {
    pub(crate) fn new(
        load: LoadArgs,
        find_max: bool,
        slos: Vec<Slo>,
        on_miss: OnMiss,
    ) -> Result<Self, CommandError> {
        let LoadArgs {
            rate,
            duration,
            requests,
            load,
            arrivals,
            seed,
            slack,
            closed,
            concurrency,
            max_in_flight,
            warmup,
        } = load;
        let spread = match arrivals {
            ArrivalsArg::Even => ArrivalPattern::Even,
            ArrivalsArg::Poisson => ArrivalPattern::Poisson { seed },
        };
        let sending = Sending { spread, slack, max_in_flight };
        let per_second = rate.per_second().ok_or(NoPace)?;
        if find_max {
            let slos = if slos.is_empty() { vec!["errors<1%".parse()?] } else { slos };
            let duration = duration.unwrap_or(DEFAULT_STEP_DURATION);
            let steps = StepSettings { duration, sending, slos };
            return Ok(Self::FindMax(RateSearch::from(per_second, MAX_SEARCH_RATE), steps));
        }
        let warmup = warmup.unwrap_or_default();
        let load = if closed {
            let over = LoopEnd::Over(warmup + duration.unwrap_or(DEFAULT_DURATION));
            Load::Closed { concurrency, stop: requests.map_or(over, LoopEnd::Sent) }
        } else {
            let schedule = match (load, requests) {
                (Some(load), _) => load,
                (None, Some(requests)) => Schedule::requests(per_second, requests),
                (None, None) => Schedule::steady(per_second, duration.unwrap_or(DEFAULT_DURATION)),
            };
            Load::Open { schedule: schedule.after(warmup), sending }
        };
        Ok(Self::Once(Measurement { load, warmup, slos, on_miss }))
    }

    /// Returns the number of requests, if it is known before.
    pub(crate) fn requests(&self) -> Option<u64> {
        match self {
            Self::Once(Measurement { load: Load::Open { schedule, sending }, .. }) => {
                (sending.spread == ArrivalPattern::Even).then(|| schedule.total())
            }
            Self::Once(Measurement { load: Load::Closed { stop, .. }, warmup, .. }) => match stop {
                LoopEnd::Sent(requests) if warmup.is_zero() => Some(*requests),
                LoopEnd::Sent(_) | LoopEnd::Over(_) => None,
            },
            Self::FindMax(..) => None,
        }
    }

    /// Returns the maximum number of starts out of `rows` rows.
    pub(crate) fn starts(&self, rows: u64) -> u64 {
        match self {
            Self::Once(Measurement { load: Load::Open { schedule, sending }, .. })
                if sending.spread != ArrivalPattern::Even =>
            {
                let most = usize::try_from(rows).unwrap_or(usize::MAX);
                Arrivals::new(schedule.clone(), sending.spread).take(most).count() as u64
            }
            _ => rows.min(self.requests().unwrap_or(u64::MAX)),
        }
    }

    /// Describes the load, for results.
    pub(crate) fn description(&self) -> String {
        match self {
            Self::Once(Measurement { load: Load::Open { schedule, sending }, .. }) => {
                let mut load = schedule.to_string();
                if let ArrivalPattern::Poisson { seed } = sending.spread {
                    let _ = write!(load, ", poisson arrivals of seed {seed}");
                }
                if sending.slack != DEFAULT_SLACK {
                    let _ = write!(load, ", a slack of {:?}", sending.slack);
                }
                load
            }
            Self::Once(Measurement { load: Load::Closed { concurrency, stop }, .. }) => {
                match stop {
                    LoopEnd::Over(duration) => {
                        format!("{concurrency} in a closed loop for {duration:?}")
                    }
                    LoopEnd::Sent(requests) => {
                        format!("{concurrency} in a closed loop, {requests} requests")
                    }
                }
            }
            Self::FindMax(_, steps) => {
                format!("the highest rate that holds, in steps of {:?}", steps.duration)
            }
        }
    }

    /// Returns the maximum number of requests in flight.
    pub(crate) fn slots(&self) -> NonZeroUsize {
        match self {
            Self::Once(Measurement { load: Load::Closed { concurrency, .. }, .. }) => *concurrency,
            Self::Once(Measurement { load: Load::Open { sending, .. }, .. })
            | Self::FindMax(_, StepSettings { sending, .. }) => sending.max_in_flight,
        }
    }

    pub(crate) fn slos(&self) -> &[Slo] {
        match self {
            Self::Once(measurement) => &measurement.slos,
            Self::FindMax(_, steps) => &steps.slos,
        }
    }

    /// Returns the time at the beginning that is left out.
    pub(crate) fn warmup(&self) -> Duration {
        match self {
            Self::Once(measurement) => measurement.warmup,
            Self::FindMax(..) => Duration::ZERO,
        }
    }

    /// Returns how long the measurement will take, without its warm-up, if that is known before.
    pub(crate) fn duration(&self) -> Option<Duration> {
        match self {
            Self::Once(Measurement { load: Load::Open { schedule, .. }, warmup, .. }) => {
                Some(schedule.duration().saturating_sub(*warmup))
            }
            Self::Once(Measurement {
                load: Load::Closed { stop: LoopEnd::Over(duration), .. },
                warmup,
                ..
            }) => Some(duration.saturating_sub(*warmup)),
            Self::Once(_) | Self::FindMax(..) => None,
        }
    }
}

/// An unlimited rate is refused, since it would be a closed loop.
#[derive(Debug, Error)]
#[error("bench needs a --rate; for as fast as answers come, use --closed --concurrency N")]
struct NoPace;
