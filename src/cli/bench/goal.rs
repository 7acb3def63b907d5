//! What is to be measured: a load, or the highest rate that holds.

use std::num::NonZeroUsize;
use std::time::Duration;

use thiserror::Error;

use super::super::failure::Failure;
use crate::args::bench::{ArrivalsArg, LoadArgs};
use crate::bench::find_max::Steps;
use crate::bench::schedule::{Arrivals, Schedule, Spread};
use crate::bench::search::Search;
use crate::bench::slo::Slo;
use crate::bench::{Load, OnMiss, Plan, Until};

/// How long a measurement lasts by default.
const LASTS: Duration = Duration::from_secs(30);

/// How long a step of a search lasts by default.
const STEP_LASTS: Duration = Duration::from_secs(10);

/// No search goes higher.
const HIGHEST: f64 = 50_000.0;

/// What is to be measured.
pub(crate) enum Goal {
    /// One load.
    Once(Plan),
    /// The highest rate that holds.
    FindMax(Search, Steps),
}

impl Goal {
    /// What the flags say.
    pub(crate) fn new(
        load: LoadArgs,
        find_max: bool,
        slos: Vec<Slo>,
        on_miss: OnMiss,
    ) -> Result<Self, Failure> {
        let LoadArgs {
            rate,
            duration,
            requests,
            load,
            arrivals,
            seed,
            closed,
            concurrency,
            max_in_flight,
            warmup,
        } = load;
        let spread = match arrivals {
            ArrivalsArg::Even => Spread::Even,
            ArrivalsArg::Poisson => Spread::Poisson { seed },
        };
        let per_second = rate.per_second().ok_or(NoPace)?;
        if find_max {
            let slos = if slos.is_empty() { vec!["errors<1%".parse()?] } else { slos };
            let lasts = duration.unwrap_or(STEP_LASTS);
            let steps = Steps { lasts, spread, max_in_flight, slos };
            return Ok(Self::FindMax(Search::from(per_second, HIGHEST), steps));
        }
        let warmup = warmup.unwrap_or_default();
        let load = if closed {
            let over = Until::Over(warmup + duration.unwrap_or(LASTS));
            Load::Closed { concurrency, stop: requests.map_or(over, Until::Sent) }
        } else {
            let schedule = match (load, requests) {
                (Some(load), _) => load,
                (None, Some(requests)) => Schedule::requests(per_second, requests),
                (None, None) => Schedule::steady(per_second, duration.unwrap_or(LASTS)),
            };
            Load::Open { schedule: schedule.after(warmup), spread, max_in_flight }
        };
        Ok(Self::Once(Plan { load, warmup, slos, on_miss }))
    }

    /// How many requests will be sent, where that is known before.
    pub(crate) fn requests(&self) -> Option<u64> {
        match self {
            Self::Once(Plan {
                load: Load::Open { schedule, spread: Spread::Even, .. }, ..
            }) => Some(schedule.total()),
            Self::Once(Plan { load: Load::Closed { stop, .. }, warmup, .. }) => match stop {
                Until::Sent(requests) if warmup.is_zero() => Some(*requests),
                Until::Sent(_) | Until::Over(_) => None,
            },
            Self::Once(_) | Self::FindMax(..) => None,
        }
    }

    /// How many of `rows` rows are started at most.
    pub(crate) fn starts(&self, rows: u64) -> u64 {
        match self {
            Self::Once(Plan { load: Load::Open { schedule, spread, .. }, .. })
                if *spread != Spread::Even =>
            {
                let most = usize::try_from(rows).unwrap_or(usize::MAX);
                Arrivals::new(schedule.clone(), *spread).take(most).count() as u64
            }
            _ => rows.min(self.requests().unwrap_or(u64::MAX)),
        }
    }

    /// The load, in words.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Once(Plan { load: Load::Open { schedule, spread, .. }, .. }) => match spread {
                Spread::Even => schedule.to_string(),
                Spread::Poisson { seed } => format!("{schedule}, poisson arrivals of seed {seed}"),
            },
            Self::Once(Plan { load: Load::Closed { concurrency, stop }, .. }) => match stop {
                Until::Over(lasts) => format!("{concurrency} in a closed loop for {lasts:?}"),
                Until::Sent(requests) => {
                    format!("{concurrency} in a closed loop, {requests} requests")
                }
            },
            Self::FindMax(_, steps) => {
                format!("the highest rate that holds, in steps of {:?}", steps.lasts)
            }
        }
    }

    /// So many requests may be in flight.
    pub(crate) fn slots(&self) -> NonZeroUsize {
        match self {
            Self::Once(Plan { load: Load::Closed { concurrency, .. }, .. }) => *concurrency,
            Self::Once(Plan { load: Load::Open { max_in_flight, .. }, .. })
            | Self::FindMax(_, Steps { max_in_flight, .. }) => *max_in_flight,
        }
    }

    /// What is expected.
    pub(crate) fn slos(&self) -> &[Slo] {
        match self {
            Self::Once(plan) => &plan.slos,
            Self::FindMax(_, steps) => &steps.slos,
        }
    }

    /// What is left out at the beginning.
    pub(crate) fn warmup(&self) -> Duration {
        match self {
            Self::Once(plan) => plan.warmup,
            Self::FindMax(..) => Duration::ZERO,
        }
    }

    /// For how long it is measured, where that is known before.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        match self {
            Self::Once(Plan { load: Load::Open { schedule, .. }, warmup, .. }) => {
                Some(schedule.lasts().saturating_sub(*warmup))
            }
            Self::Once(Plan {
                load: Load::Closed { stop: Until::Over(lasts), .. },
                warmup,
                ..
            }) => Some(lasts.saturating_sub(*warmup)),
            Self::Once(_) | Self::FindMax(..) => None,
        }
    }
}

/// A closed loop is another thing than a rate without a limit.
#[derive(Debug, Error)]
#[error("bench needs a --rate; for as fast as answers come, say --closed --concurrency N")]
struct NoPace;
