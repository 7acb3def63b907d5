//! Finds the highest rate that the server holds, by steps of a steady rate.
//!
//! Which rate is next is `knee`'s rule. A step holds if the expectations do, and the
//! server keeps up: requests do not pile up while it lasts. Its beginning is left out,
//! and one that held but had not become steady is repeated, twice as long.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::{Ended, Ground, Load, Measured, OnMiss, Onlooker, Plan, Second, measure};
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

/// A step is long enough for so many requests at least.
const FEWEST: f64 = 30.0;

/// A step may be repeated so often, each time twice as long.
const REPEATS: u32 = 1;

/// A server keeps up if no more than this share of the requests piles up in a step.
const PILED: f64 = 0.02;

/// Response times rise if those of the second half are so much longer.
const RISES: f64 = 0.05;

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
    while let Some(rate) = search.rate() {
        let (measured, failed) = step(ground, rate, steps, onlooker).await?;
        let (unfinished, failed) = match measured.ended {
            Ended::Stopped => (Some(Unfinished::Stopped), Some("was not finished".into())),
            Ended::RowsUsedUp => (Some(Unfinished::RowsUsedUp), Some("was not finished".into())),
            Ended::LoadOver => match measured.health.bottleneck() {
                Some(why) => (Some(Unfinished::Bottleneck(why.clone())), Some(why)),
                None => (None, failed),
            },
        };
        let taken = Taken { rate, measured, failed };
        told(&taken);
        if unfinished.is_some() {
            let best = best.or(Some(taken));
            return Ok(Found { highest: search.highest(), best, ended: unfinished });
        }
        let came_out = if taken.failed.is_none() { Step::Held } else { Step::Failed };
        let has_held = best.as_ref().is_some_and(|best| best.failed.is_none());
        if came_out == Step::Held || !has_held {
            best = Some(taken);
        }
        search = search.came_out(came_out);
    }
    Ok(Found { highest: search.highest(), best, ended: None })
}

/// Takes one step, until it is steady; says why the server did not hold it, if it did not.
async fn step(
    ground: &Arc<Ground>,
    rate: f64,
    steps: &Steps,
    onlooker: Option<&Onlooker>,
) -> std::io::Result<(Measured, Option<String>)> {
    let Steps { lasts, spread, max_in_flight, slos } = steps.clone();
    let mut lasts = lasts.max(Duration::from_secs_f64(FEWEST / rate));
    for repeat in 0.. {
        let plan = Plan {
            load: Load::Open { schedule: Schedule::steady(rate, lasts), spread, max_in_flight },
            warmup: lasts / SETTLES,
            slos: slos.clone(),
            on_miss: OnMiss::GoOn,
        };
        let measured = measure(ground, &plan, onlooker).await?;
        let failed = why_not(&measured, &slos);
        // A hiccup of this machine is no end of the search, unless it comes again.
        if measured.ended == Ended::LoadOver
            && measured.health.bottleneck().is_some()
            && repeat < REPEATS
        {
            continue;
        }
        let is_judged = measured.ended != Ended::LoadOver || failed.is_some();
        let drift = drift(&measured.seconds);
        let is_steady = drift.is_none_or(|drift| drift.abs() <= STEADY);
        if is_judged || is_steady {
            return Ok((measured, failed));
        }
        if repeat == REPEATS {
            return Ok((measured, drift.and_then(rising)));
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
    // Long response times let requests pile up at first, too, but do not rise.
    let rises = drift(&measured.seconds).is_none_or(|drift| drift > RISES);
    let piled = || piles_up(measured.out, measured.sent).filter(|_| rises);
    missed.map(|judgement| judgement.to_string()).or_else(piled)
}

/// Says so if more and more requests are out while they are sent.
#[expect(clippy::cast_precision_loss, reason = "requests in flight are few")]
fn piles_up((first, last): (u64, u64), sent: u64) -> Option<String> {
    let more = last.saturating_sub(first);
    (more > 1 && more as f64 > PILED * sent as f64).then(|| {
        format!("the server does not keep up: {first} requests were out, and {last} at the end")
    })
}

/// How much longer the response times of the second half are than those of the first;
/// 0.1 is a tenth. `None` where there are no two halves.
fn drift(seconds: &[Second]) -> Option<f64> {
    let medians: Vec<_> =
        seconds.iter().filter_map(|second| second.response.map(|[p50, ..]| p50)).collect();
    let (first, second) = medians.split_at(medians.len() / 2);
    Some(mean(second)? / mean(first)? - 1.0)
}

/// Response times that go on rising are those of a server that does not keep up.
fn rising(drift: f64) -> Option<String> {
    let percent = drift * 100.0;
    (drift > 0.0).then(|| format!("response times went on rising, by {percent:.0}% in half a step"))
}

#[expect(clippy::cast_precision_loss, reason = "seconds are few")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_keep_up_lets_requests_pile_up() {
        for (out, sent, piles) in [
            ((5, 5), 500, false),
            ((5, 14), 500, false),
            ((5, 16), 500, true),
            ((5, 405), 500, true),
            ((400, 0), 500, false),
            ((0, 1), 10, false),
            ((0, 0), 0, false),
        ] {
            assert_eq!(piles_up(out, sent).is_some(), piles, "{out:?} of {sent}");
        }
    }

    #[test]
    fn a_drift_is_what_the_second_half_has_more() {
        let seconds = |p50: &[f64]| -> Vec<_> {
            let second = |p50: &f64| Second { response: Some([*p50; 5]), ..Second::default() };
            p50.iter().map(second).collect()
        };
        for (p50, expected) in [
            (&[10.0, 10.0, 10.0, 10.0][..], Some(0.0)),
            (&[10.0, 10.0, 15.0, 15.0], Some(0.5)),
            (&[20.0, 20.0, 10.0, 10.0], Some(-0.5)),
            (&[10.0], None),
            (&[], None),
        ] {
            assert_eq!(drift(&seconds(p50)), expected, "{p50:?}");
        }
        assert!(rising(0.3).is_some() && rising(-0.3).is_none());
    }
}
