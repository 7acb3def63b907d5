//! Finds the highest rate that the server holds, by steps of a steady rate.
//!
//! What a step shows, and which one is next, are the rules of `search`. The beginning of each step is
//! left out.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::measured::as_f64;
use super::{Ended, Ground, Load, Measured, OnMiss, Onlooker, Plan, measure};
use crate::bench::schedule::{Schedule, Spread};
use crate::bench::search::{
    Decision, Judged, Length, Limit, Machine, Observed, Role, Search, judge,
};
use crate::bench::slo::Slo;

/// How each step is taken.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
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
pub(crate) struct Taken {
    /// What was tried.
    pub attempt: Role,
    /// What was measured.
    pub measured: Measured,
    /// What the search made of it; `None` if it was not finished.
    pub decision: Option<Decision>,
    /// Why the server did not hold the rate, or why that cannot be told.
    pub why: Option<String>,
    /// The rate that is tried next.
    pub next: Option<f64>,
}

/// What was found.
pub(crate) struct Found {
    /// The highest rate that held.
    pub highest: Option<f64>,
    /// What kept the search from a higher rate; `None` if nothing did, or it was not finished.
    pub limit: Option<Limit>,
    /// The step at the highest rate, or else the last one.
    pub best: Option<Taken>,
    /// Why the search ended before its end, if it did.
    pub ended: Option<Unfinished>,
}

/// Why a search ended before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// It was told to stop.
    Stopped,
    /// The rows were used up.
    RowsUsedUp,
    /// This machine was the limit, not the server.
    Bottleneck(String),
}

/// The part of a step that is left out, as a divisor of its length.
const SETTLES: u32 = 5;

/// A step is long enough for so many requests at least.
const FEWEST: f64 = 30.0;

/// Searches, and shows each step to `told`.
///
/// # Errors
///
/// Where the system has no timer for it.
pub(crate) async fn find_max(
    ground: &Arc<Ground>,
    mut search: Search,
    steps: &Steps,
    onlooker: Option<&Onlooker>,
    mut told: impl FnMut(&Taken),
) -> std::io::Result<Found> {
    let mut best: Option<Taken> = None;
    // Why this machine spoiled the last of the steps that it did.
    let mut spoiled = None;
    while let Some(attempt) = search.attempt() {
        let measured = measure(ground, &plan(attempt, steps), onlooker).await?;
        let unfinished = match measured.ended {
            Ended::LoadOver => None,
            Ended::Stopped => Some(Unfinished::Stopped),
            Ended::RowsUsedUp => Some(Unfinished::RowsUsedUp),
        };
        if unfinished.is_some() {
            let why = Some("was not finished".into());
            let taken = Taken { attempt, measured, decision: None, why, next: None };
            told(&taken);
            let (highest, best) = (search.highest(), best.or(Some(taken)));
            return Ok(Found { highest, limit: None, best, ended: unfinished });
        }
        let Judged { step, why } = judge(&observed(attempt.rate, &measured, &steps.slos));
        let decision = search.decide(step);
        search = search.after(decision);
        if decision == Decision::Spoiled {
            spoiled = why.as_ref().map(|why| format!("at {:.1}/s {why}", attempt.rate));
        }
        let next = search.attempt().map(|attempt| attempt.rate);
        let taken = Taken { attempt, measured, decision: Some(decision), why, next };
        told(&taken);
        if decision == Decision::Held || search.highest().is_none() {
            best = Some(taken);
        }
    }
    let (highest, limit) = (search.highest(), search.limit());
    let ended = spoiled.filter(|_| limit == Some(Limit::Machine)).map(Unfinished::Bottleneck);
    Ok(Found { highest, limit, best, ended })
}

fn plan(attempt: Role, steps: &Steps) -> Plan {
    let Steps { lasts, spread, max_in_flight, slos } = steps.clone();
    let lasts = lasts.max(Duration::from_secs_f64(FEWEST / attempt.rate));
    let lasts = match attempt.length {
        Length::Normal => lasts,
        Length::Double => lasts * 2,
    };
    let schedule = Schedule::steady(attempt.rate, lasts);
    Plan {
        load: Load::Open { schedule, spread, max_in_flight },
        warmup: lasts / SETTLES,
        slos,
        on_miss: OnMiss::GoOn,
    }
}

/// What a step shows to the rules.
fn observed(rate: f64, measured: &Measured, slos: &[Slo]) -> Observed {
    let dropped = (measured.dropped > 0)
        .then(|| format!("{} requests could not be sent: too many were out", measured.dropped));
    let missed = || {
        let missed = measured.judge(slos).into_iter().find(|judgement| !judgement.holds());
        missed.map(|judgement| judgement.to_string())
    };
    let health = &measured.health;
    let machine = health.bottleneck().map(|why| match health.own_failures {
        0 => Machine::Late { waited: health.waited.as_secs_f64(), why },
        _ => Machine::Unable { why },
    });
    Observed {
        rate,
        sent: as_f64(measured.sent),
        growth: measured.growth,
        missed: dropped.or_else(missed),
        machine,
    }
}
