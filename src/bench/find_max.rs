//! Finds the highest rate that the server holds, by steps of a steady rate.
//!
//! Which rate is next is `knee`'s rule. A step holds if the expectations do, and the
//! server keeps up: requests do not pile up while it lasts. Its beginning is left out,
//! and one that held but had not become steady is repeated, twice as long.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::{Ended, Ground, Load, Measured, OnMiss, Onlooker, Plan, Second, Started, measure};
use crate::knee::{Search, Step};
use crate::schedule::{Schedule, Spread};
use crate::slo::Slo;

/// How each step is taken.
#[derive(Clone, Debug)]
pub struct Steps {
    /// How long one lasts, its beginning included.
    pub lasts: Duration,
    /// How requests are spread.
    pub spread: Spread,
    /// More are never out at a time.
    pub max_in_flight: NonZeroUsize,
    /// What is expected of the server.
    pub slos: Vec<Slo>,
}

/// A step that was taken.
pub struct Taken {
    /// Requests per second.
    pub rate: f64,
    /// What was measured.
    pub measured: Measured,
    /// Why the server did not hold the rate, if it did not.
    pub failed: Option<String>,
}

/// What was found.
pub struct Found {
    /// The highest rate that held.
    pub highest: Option<f64>,
    /// The step at that rate, or else the last one.
    pub best: Option<Taken>,
    /// The tasks that were started in all steps.
    pub started: Started,
    /// Why the search ended before its end, if it did.
    pub ended: Option<Unfinished>,
}

/// Why a search ended before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It was told to stop.
    Stopped,
    /// The rows were used up.
    RowsUsedUp,
    /// The generator came to its own end first.
    Bottleneck(String),
}

/// The part of a step that is left out, as a divisor of its length.
const SETTLES: u32 = 5;

/// A step may be repeated so often, each time twice as long.
const REPEATS: u32 = 2;

/// A server keeps up if no more than this share of the requests piles up in a step.
const PILED: f64 = 0.02;

/// A step is steady if the response times of its halves differ by no more than this.
const STEADY: f64 = 0.25;

/// Searches, and shows each step to `told`.
///
/// # Errors
///
/// Where the system has no timer for it.
pub async fn find_max(
    ground: &Arc<Ground>,
    mut search: Search,
    steps: &Steps,
    onlooker: Option<&Onlooker>,
    mut told: impl FnMut(&Taken),
) -> std::io::Result<Found> {
    let mut best: Option<Taken> = None;
    let mut started = Started::default();
    while let Some(rate) = search.rate() {
        let measured = step(ground, rate, steps, onlooker, &mut started).await?;
        let unfinished = match measured.ended {
            Ended::Stopped => Some(Unfinished::Stopped),
            Ended::RowsUsedUp => Some(Unfinished::RowsUsedUp),
            Ended::LoadOver => measured.health.bottleneck().map(Unfinished::Bottleneck),
        };
        let failed = why_not(&measured, &steps.slos);
        let taken = Taken { rate, measured, failed };
        told(&taken);
        if unfinished.is_some() {
            let best = best.or(Some(taken));
            return Ok(Found { highest: search.highest(), best, started, ended: unfinished });
        }
        let came_out = if taken.failed.is_none() { Step::Held } else { Step::Failed };
        let has_held = best.as_ref().is_some_and(|best| best.failed.is_none());
        if came_out == Step::Held || !has_held {
            best = Some(taken);
        }
        search = search.came_out(came_out);
    }
    Ok(Found { highest: search.highest(), best, started, ended: None })
}

/// Takes one step, until it is steady.
async fn step(
    ground: &Arc<Ground>,
    rate: f64,
    steps: &Steps,
    onlooker: Option<&Onlooker>,
    started: &mut Started,
) -> std::io::Result<Measured> {
    let Steps { lasts, spread, max_in_flight, slos } = steps.clone();
    let mut lasts = lasts;
    for repeat in 0.. {
        let plan = Plan {
            load: Load::Open { schedule: Schedule::steady(rate, lasts), spread, max_in_flight },
            warmup: lasts / SETTLES,
            slos: slos.clone(),
            on_miss: OnMiss::GoOn,
        };
        let measured = measure(ground, &plan, onlooker).await?;
        started.add(&measured.started);
        let is_judged = measured.ended != Ended::LoadOver || why_not(&measured, &slos).is_some();
        if is_judged || is_steady(&measured.seconds) || repeat == REPEATS {
            return Ok(measured);
        }
        lasts *= 2;
    }
    unreachable!("a step is repeated only so often")
}

/// Why the server did not hold the rate, if it did not.
fn why_not(measured: &Measured, slos: &[Slo]) -> Option<String> {
    if measured.dropped > 0 {
        return Some(format!("{} requests could not be sent: too many were out", measured.dropped));
    }
    let missed = measured.judge(slos).into_iter().find(|judgement| !judgement.holds());
    missed.map(|judgement| judgement.to_string()).or_else(|| piles_up(&measured.seconds))
}

/// Says so if more and more requests are out from second to second.
#[expect(clippy::cast_precision_loss, reason = "requests in flight are few")]
fn piles_up(seconds: &[Second]) -> Option<String> {
    let whole: Vec<_> = seconds.iter().filter(|second| second.sent > 0).collect();
    let (first, last) = (whole.first()?, whole.last()?);
    let sent: u64 = whole.iter().skip(1).map(|second| second.sent).sum();
    let more = last.in_flight.saturating_sub(first.in_flight);
    (more as f64 > PILED * sent as f64 && more > 1).then(|| {
        format!(
            "the server does not keep up: {} requests were out, then {}",
            first.in_flight, last.in_flight
        )
    })
}

/// Whether response times are about the same in both halves.
fn is_steady(seconds: &[Second]) -> bool {
    let medians: Vec<_> =
        seconds.iter().filter_map(|second| second.response.map(|[p50, ..]| p50)).collect();
    let (first, second) = medians.split_at(medians.len() / 2);
    match (mean(first), mean(second)) {
        (Some(first), Some(second)) => (second / first - 1.0).abs() <= STEADY,
        _ => true,
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds are few")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(in_flight: &[u64], p50: &[f64]) -> Vec<Second> {
        let times = p50.iter().copied().chain(std::iter::repeat(1.0));
        let seconds = in_flight.iter().zip(times);
        seconds
            .map(|(in_flight, p50)| Second {
                sent: 100,
                in_flight: *in_flight,
                response: Some([p50; 5]),
                ..Second::default()
            })
            .collect()
    }

    #[test]
    fn a_server_that_does_not_keep_up_lets_requests_pile_up() {
        for (in_flight, piles) in [
            (&[5, 5, 5, 5, 5][..], false),
            (&[5, 7, 4, 6, 8], false),
            (&[5, 8, 11, 13, 16], true),
            (&[5, 105, 205, 305, 405], true),
            (&[400, 300, 200, 100, 0], false),
            (&[5], false),
            (&[], false),
        ] {
            assert_eq!(piles_up(&seconds(in_flight, &[])).is_some(), piles, "{in_flight:?}");
        }
    }

    #[test]
    fn a_step_is_steady_if_its_halves_are_alike() {
        for (p50, steady) in [
            (&[10.0, 10.0, 11.0, 10.0][..], true),
            (&[10.0, 12.0, 14.0, 16.0], false),
            (&[30.0, 20.0, 10.0, 10.0], false),
            (&[10.0], true),
        ] {
            assert_eq!(is_steady(&seconds(&vec![1; p50.len()], p50)), steady, "{p50:?}");
        }
    }
}
