//! Decides what the measurement of a step shows about the server, or about this machine.
//!
//! A server that handles `c` requests a second and gets `r` falls behind by `r - c` a second, so
//! each second makes response times longer by `r / c - 1` seconds. That growth and its bounds
//! decide. The number of requests in flight at two moments does not, since it is noise.
//!
//! Late sends make response times too long, never too short: a step that holds despite them has
//! held. A step that does not hold is spoiled, unless response times grew by more than the time
//! during which requests waited for this machine, since this machine cannot keep a server idle
//! longer than that.

use crate::bench::trend::Trend;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepFinding {
    Held,
    Failed,
    /// It seems to hold the rate, but noise may hide that it does not.
    SeemsHeld,
    /// It seems not to hold the rate, but that may be noise.
    SeemsFailed,
    /// Nothing about the server: this machine may be the reason.
    Spoiled,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StepObservation {
    /// Requests per second.
    pub rate: f64,
    pub sent: f64,
    /// Change of response times by due time, in seconds per second.
    pub growth: Option<Trend>,
    /// A missed expectation, in words.
    pub missed: Option<String>,
    pub machine: Option<MachineFault>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MachineFault {
    Late {
        /// Seconds during which some request waited for this machine.
        waited: f64,
        /// The number of late sends, in words.
        why: String,
    },
    Unable {
        why: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepJudgement {
    pub step: StepFinding,
    /// Why the rate did not hold, cannot be judged, or was spoiled; `None` if it held.
    pub why: Option<String>,
}

/// Growth above which a server is overloaded, in seconds per second: it gets a hundredth more
/// requests than it handles.
const OVERLOAD_THRESHOLD: f64 = 0.01;

/// Possible growth above which a step is repeated for longer. Together with the gap at which a
/// search ends, less than 5 % stays open.
const UNCLEAR_THRESHOLD: f64 = 0.03;

#[must_use]
pub(crate) fn judge(observed: &StepObservation) -> StepJudgement {
    let StepObservation { missed, machine, .. } = observed;
    let pace = keeps_up(observed);
    let behind = || gets_behind(observed);
    let (step, why) = match (machine, missed, pace) {
        (Some(MachineFault::Unable { why }), ..) => (StepFinding::Spoiled, Some(why.clone())),
        (Some(MachineFault::Late { waited, .. }), _, StepFinding::Failed)
            if grown(observed) > *waited =>
        {
            (StepFinding::Failed, behind())
        }
        (_, None, StepFinding::Held) => (StepFinding::Held, None),
        (_, None, StepFinding::SeemsHeld) => (StepFinding::SeemsHeld, Some(unclear(observed))),
        (Some(MachineFault::Late { why, .. }), ..) => (StepFinding::Spoiled, Some(why.clone())),
        (None, Some(missed), _) => (StepFinding::Failed, Some(missed.clone())),
        (None, None, StepFinding::SeemsFailed) => {
            (StepFinding::SeemsFailed, Some(unclear(observed)))
        }
        (None, None, _) => (StepFinding::Failed, behind()),
    };
    StepJudgement { step, why }
}

/// Judges by response times alone:
///
/// | growth | |
/// |---|---|
/// | surely an overload, and known to a factor of two | it failed |
/// | surely some, and most likely an overload | seems to have failed |
/// | perhaps a larger one | seems to have held |
/// | else | it held |
fn keeps_up(observed: &StepObservation) -> StepFinding {
    // A backlog of less than one request is no overload, however low the rate.
    let overload = OVERLOAD_THRESHOLD.max(1.0 / observed.sent);
    let open = UNCLEAR_THRESHOLD.max(overload);
    let Some(Trend { slope, low, high }) = observed.growth else { return StepFinding::SeemsHeld };
    if low > overload.max(slope / 2.0) {
        StepFinding::Failed
    } else if low > 0.0 && slope > overload {
        StepFinding::SeemsFailed
    } else if high > open {
        StepFinding::SeemsHeld
    } else {
        StepFinding::Held
    }
}

/// Returns the minimum number of seconds by which response times grew during the step.
fn grown(observed: &StepObservation) -> f64 {
    let lasted = observed.sent / observed.rate;
    observed.growth.map_or(0.0, |growth| growth.low * lasted)
}

fn gets_behind(observed: &StepObservation) -> Option<String> {
    let Trend { slope, .. } = observed.growth?;
    let takes = observed.rate / (1.0 + slope);
    Some(format!(
        "the server falls behind: response times grew by {:.1} ms each second, as if it handled \
         {takes:.1}/s",
        slope * 1e3
    ))
}

fn unclear(observed: &StepObservation) -> String {
    let Some(Trend { low, high, .. }) = observed.growth.filter(|growth| growth.low.is_finite())
    else {
        return "too few answers to tell whether response times grow".into();
    };
    let (low, high) = (low * 1e3, high * 1e3);
    format!("response times may have grown by {low:.1} to {high:.1} ms each second")
}
