//! Searches for the highest rate that the server holds, by measuring steps of a steady rate.
//!
//! [`RateSearch`] decides what a step shows and which one is next.

use std::sync::Arc;
use std::time::Duration;

use super::context::BenchContext;
use super::measure::measure;
use super::measured::Measured;
use super::measured::as_f64;
use super::measurement::{Load, LoadEnd, Measurement, OnMiss, Sending};
use super::observers::LoadObserver;
use crate::bench::schedule::Schedule;
use crate::bench::search::{
    LimitedBy, MachineFault, PlannedStep, RateSearch, SearchDecision, StepJudgement, StepLength,
    StepObservation, judge,
};
use crate::bench::slo::Slo;
use crate::domain::count::Digits;

#[derive(Clone, Debug)]
pub(crate) struct StepSettings {
    /// Normal duration of a step, its warm-up included.
    pub duration: Duration,
    pub sending: Sending,
    pub slos: Vec<Slo>,
}

pub(crate) struct MeasuredStep {
    pub planned: PlannedStep,
    pub measured: Measured,
    /// `None` if the step was not finished.
    pub decision: Option<SearchDecision>,
    /// Why the server did not hold the rate, or why that is unknown.
    pub why: Option<String>,
    pub next: Option<f64>,
}

pub(crate) struct SearchResult {
    pub highest: Option<f64>,
    /// What kept the search from a higher rate; `None` if nothing did, or if the search was not
    /// finished.
    pub limit: Option<LimitedBy>,
    /// The step at the highest rate that held, or the last step if none did.
    pub best: Option<MeasuredStep>,
    pub ended: Option<Unfinished>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    Stopped,
    RowsUsedUp,
    /// This machine was the limit; says how.
    Bottleneck(String),
}

/// Divisor of a step's duration that gives its warm-up.
const WARMUP_DIVISOR: u32 = 5;

/// Minimum number of requests per step; a step lasts until they are sent.
const MIN_STEP_REQUESTS: f64 = 30.0;

/// Searches, and calls `observe_step` after each step.
pub(crate) async fn find_max(
    context: &Arc<BenchContext>,
    mut search: RateSearch,
    steps: &StepSettings,
    observer: Option<&LoadObserver>,
    mut observe_step: impl FnMut(&MeasuredStep),
) -> std::io::Result<SearchResult> {
    let mut best: Option<MeasuredStep> = None;
    // Why the latest spoiled step was spoiled.
    let mut spoiled = None;
    while let Some(planned) = search.next_step() {
        let measured = measure(context, &measurement(planned, steps), observer).await?;
        let unfinished = match measured.ended {
            LoadEnd::LoadOver => None,
            LoadEnd::Stopped => Some(Unfinished::Stopped),
            LoadEnd::RowsUsedUp => Some(Unfinished::RowsUsedUp),
        };
        if unfinished.is_some() {
            let why = Some("was not finished".into());
            let taken = MeasuredStep { planned, measured, decision: None, why, next: None };
            observe_step(&taken);
            let (highest, best) = (search.highest(), best.or(Some(taken)));
            return Ok(SearchResult { highest, limit: None, best, ended: unfinished });
        }
        let StepJudgement { step, why } = judge(&observed(planned.rate, &measured, &steps.slos));
        let decision = search.decide(step);
        search = search.after(decision);
        if decision == SearchDecision::Spoiled {
            spoiled = why.as_ref().map(|why| format!("at {:.1}/s {why}", planned.rate));
        }
        let next = search.next_step().map(|planned| planned.rate);
        let taken = MeasuredStep { planned, measured, decision: Some(decision), why, next };
        observe_step(&taken);
        if decision == SearchDecision::Held || search.highest().is_none() {
            best = Some(taken);
        }
    }
    let (highest, limit) = (search.highest(), search.limit());
    let ended = spoiled.filter(|_| limit == Some(LimitedBy::Machine)).map(Unfinished::Bottleneck);
    Ok(SearchResult { highest, limit, best, ended })
}

fn measurement(planned: PlannedStep, steps: &StepSettings) -> Measurement {
    let StepSettings { duration, sending, slos } = steps.clone();
    let duration = duration.max(Duration::from_secs_f64(MIN_STEP_REQUESTS / planned.rate));
    let duration = match planned.length {
        StepLength::Normal => duration,
        StepLength::Double => duration * 2,
    };
    let schedule = Schedule::steady(planned.rate, duration);
    Measurement {
        load: Load::Open { schedule, sending },
        warmup: duration / WARMUP_DIVISOR,
        slos,
        on_miss: OnMiss::GoOn,
    }
}

fn observed(rate: f64, measured: &Measured, slos: &[Slo]) -> StepObservation {
    let dropped = (measured.dropped > 0).then(|| {
        let unsent = Digits::Plain.counted(measured.dropped, "request was", "requests were");
        format!("{unsent} not sent, since too many were in flight")
    });
    let missed = || {
        let missed = measured.judge(slos).into_iter().find(|judgement| !judgement.holds());
        missed.map(|judgement| judgement.comparison())
    };
    let health = &measured.health;
    let machine = health.bottleneck().map(|why| match health.own_failures {
        0 => MachineFault::Late { waited: health.waited.as_secs_f64(), why },
        _ => MachineFault::Unable { why },
    });
    StepObservation {
        rate,
        sent: as_f64(measured.sent),
        growth: measured.growth,
        missed: dropped.or_else(missed),
        machine,
    }
}
