//! Says what the measurement of a step shows: of the server, or of this machine.
//!
//! A server that takes `c` requests a second and is sent `r` gets behind by `r - c` a second, so
//! that each second makes the response times longer by `r / c - 1` seconds. That growth is looked
//! for, with its bounds: not the number of requests in flight at two moments, which is noise.
//!
//! Requests that this machine sent late have response times that are too long, never too short:
//! a step that holds all the same has held. One that does not is spoiled, unless response times
//! grew by more than the time in which this machine let requests wait: a server is idle for this
//! machine's fault no longer than that.

use crate::bench::trend::Trend;

/// What the measurement of a step shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The server held the rate.
    Held,
    /// It did not.
    Failed,
    /// It seems that it did, but noise may hide that it did not.
    SeemsHeld,
    /// It seems that it did not, but that may be noise.
    SeemsFailed,
    /// Nothing about the server: this machine may be the reason.
    Spoiled,
}

/// What was measured in a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Observed {
    /// Requests per second that were wanted.
    pub rate: f64,
    /// Requests that were sent.
    pub sent: f64,
    /// How response times changed, in seconds per second, by when the requests were due.
    pub growth: Option<Trend>,
    /// The expectation that was missed, in words.
    pub missed: Option<String>,
    /// What was wrong with this machine.
    pub machine: Option<Machine>,
}

/// What was wrong with this machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Machine {
    /// It sent requests late.
    Late {
        /// Seconds in which some waited for it.
        waited: f64,
        /// How many they were, in words.
        why: String,
    },
    /// It could not send some.
    Unable {
        /// Why not.
        why: String,
    },
}

/// What a step shows, and why it did not simply hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    /// What it shows.
    pub step: Step,
    /// Why it did not hold, cannot be judged, or was spoiled.
    pub why: Option<String>,
}

/// Growth from which on a server is overloaded, in seconds a second: that of one that is sent a
/// hundredth more than it takes.
const OVERLOAD: f64 = 0.01;

/// A step is looked at for longer if the growth may be more than this. Together with the distance
/// of rates at which a search ends, what stays open is less than 5 %.
const OPEN: f64 = 0.03;

/// Says what a step shows.
#[must_use]
pub(crate) fn judge(observed: &Observed) -> Judged {
    let Observed { missed, machine, .. } = observed;
    let pace = keeps_up(observed);
    let behind = || gets_behind(observed);
    let (step, why) = match (machine, missed, pace) {
        (Some(Machine::Unable { why }), ..) => (Step::Spoiled, Some(why.clone())),
        (Some(Machine::Late { waited, .. }), _, Step::Failed) if grown(observed) > *waited => {
            (Step::Failed, behind())
        }
        (_, None, Step::Held) => (Step::Held, None),
        (_, None, Step::SeemsHeld) => (Step::SeemsHeld, Some(unclear(observed))),
        (Some(Machine::Late { why, .. }), ..) => (Step::Spoiled, Some(why.clone())),
        (None, Some(missed), _) => (Step::Failed, Some(missed.clone())),
        (None, None, Step::SeemsFailed) => (Step::SeemsFailed, Some(unclear(observed))),
        (None, None, _) => (Step::Failed, behind()),
    };
    Judged { step, why }
}

/// Whether the server keeps up, by response times alone:
///
/// | growth | |
/// |---|---|
/// | surely an overload, and known to a factor of two | it failed |
/// | surely some, and most likely an overload | seems to have failed |
/// | perhaps a larger one | seems to have held |
/// | else | it held |
fn keeps_up(observed: &Observed) -> Step {
    // Less than one request that piles up is no overload, at however low a rate.
    let overload = OVERLOAD.max(1.0 / observed.sent);
    let open = OPEN.max(overload);
    let Some(Trend { slope, low, high }) = observed.growth else { return Step::SeemsHeld };
    if low > overload.max(slope / 2.0) {
        Step::Failed
    } else if low > 0.0 && slope > overload {
        Step::SeemsFailed
    } else if high > open {
        Step::SeemsHeld
    } else {
        Step::Held
    }
}

/// Seconds by which response times grew during the step, at least.
fn grown(observed: &Observed) -> f64 {
    let lasted = observed.sent / observed.rate;
    observed.growth.map_or(0.0, |growth| growth.low * lasted)
}

fn gets_behind(observed: &Observed) -> Option<String> {
    let Trend { slope, .. } = observed.growth?;
    let takes = observed.rate / (1.0 + slope);
    Some(format!(
        "the server does not keep up: response times grew by {:.1} ms each second, as if it took \
         {takes:.1}/s",
        slope * 1e3
    ))
}

fn unclear(observed: &Observed) -> String {
    let Some(Trend { low, high, .. }) = observed.growth.filter(|growth| growth.low.is_finite())
    else {
        return "too few answers to tell whether response times grow".into();
    };
    let (low, high) = (low * 1e3, high * 1e3);
    format!("response times grew by {low:.1} to {high:.1} ms each second, which is too vague")
}
