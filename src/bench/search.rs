//! Finds the highest rate that holds, by steps that first grow and then close in.
//!
//! [`judge()`] says what the measurement of a step shows; [`RateSearch`] decides what follows from
//! it, and which step is next:
//!
//! | a step shows | the first time at its rate | again |
//! |---|---|---|
//! | held, failed | a bound of the search | |
//! | seems so, but noise may deceive | repeated, twice as long | counts as what it seems |
//! | spoiled by this machine | repeated | a bound, but one that is tried again after each rate that holds below it |

mod judge;
#[cfg(test)]
mod tests;

pub(crate) use judge::{MachineFault, StepFinding, StepJudgement, StepObservation, judge};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateSearch {
    next: PlannedStep,
    /// Number of times that the next step was spoiled before.
    spoiled_before: u32,
    held: Option<f64>,
    /// Lowest rate that did not hold.
    failed: Option<f64>,
    /// Lowest rate above `held` whose steps this machine spoiled.
    spoiled: Option<f64>,
    /// Number of rates that this machine spoiled before one held.
    spoiled_without_any: u32,
    most: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlannedStep {
    pub rate: f64,
    pub length: StepLength,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepLength {
    Normal,
    /// Twice as long, to tell more from noise.
    Double,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchDecision {
    Held,
    Failed,
    Repeat,
    RepeatLonger,
    /// The rate stays unknown, and the search goes on below it.
    Spoiled,
}

impl SearchDecision {
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::RepeatLonger => "unclear",
            Self::Repeat | Self::Spoiled => "spoiled",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitedBy {
    Server,
    Machine,
}

impl LimitedBy {
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Machine => "machine",
        }
    }
}

/// Factor from one rate to the next as long as nothing bounds the search.
const GROWTH_FACTOR: f64 = 2.0;

/// Gap between the highest rate that held and the lowest that did not, as a share, at which a
/// search ends.
const MAX_GAP_SHARE: f64 = 0.02;

/// Maximum gap, as a share, at which a failed rate counts as the limit although this machine
/// spoiled rates in between.
const SERVER_LIMIT_GAP_SHARE: f64 = 0.05;

/// Rate in requests per second at which a search gives up.
const MIN_RATE: f64 = 0.1;

/// Number of spoiled steps at a new rate after which the search goes on below it.
const MAX_SPOILED: u32 = 2;

/// Number of spoiled rates after which a search gives up if none held. A machine that is too slow
/// for a sixteenth of the first rate is too slow for a search.
const MAX_SPOILED_WITHOUT_ANY: u32 = 5;

impl RateSearch {
    /// Begins at `rate`; goes no higher than `most`.
    #[must_use]
    pub(crate) const fn from(rate: f64, most: f64) -> Self {
        Self {
            next: PlannedStep { rate: rate.min(most), length: StepLength::Normal },
            spoiled_before: 0,
            held: None,
            failed: None,
            spoiled: None,
            spoiled_without_any: 0,
            most,
        }
    }

    /// Returns the next step; `None` once the search is over.
    #[must_use]
    pub(crate) fn next_step(&self) -> Option<PlannedStep> {
        let is_over = match (self.held, self.bound()) {
            (Some(held), Some(bound)) => bound <= held * (1.0 + MAX_GAP_SHARE),
            (Some(held), None) => held >= self.most,
            (None, Some(bound)) => {
                bound <= MIN_RATE || self.spoiled_without_any >= MAX_SPOILED_WITHOUT_ANY
            }
            (None, None) => false,
        };
        (!is_over).then_some(self.next)
    }

    /// Decides what the result of the [next step](Self::next_step) means for the search.
    #[must_use]
    pub(crate) const fn decide(&self, step: StepFinding) -> SearchDecision {
        match (step, self.next.length) {
            (StepFinding::Held, _) | (StepFinding::SeemsHeld, StepLength::Double) => {
                SearchDecision::Held
            }
            (StepFinding::Failed, _) | (StepFinding::SeemsFailed, StepLength::Double) => {
                SearchDecision::Failed
            }
            (StepFinding::SeemsHeld | StepFinding::SeemsFailed, StepLength::Normal) => {
                SearchDecision::RepeatLonger
            }
            (StepFinding::Spoiled, _) if self.spoiled_before + 1 < MAX_SPOILED => {
                SearchDecision::Repeat
            }
            (StepFinding::Spoiled, _) => SearchDecision::Spoiled,
        }
    }

    #[must_use]
    pub(crate) fn after(self, decision: SearchDecision) -> Self {
        let rate = self.next.rate;
        match decision {
            SearchDecision::Held => {
                let spoiled = self.spoiled.filter(|spoiled| *spoiled > rate);
                Self { held: Some(rate), spoiled, ..self }.onwards()
            }
            SearchDecision::Failed => {
                let spoiled = self.spoiled.filter(|spoiled| *spoiled < rate);
                Self { failed: Some(rate), spoiled, ..self }.between()
            }
            SearchDecision::Spoiled => {
                let spoiled_without_any = self.spoiled_without_any + 1;
                Self { spoiled: Some(rate), spoiled_without_any, ..self }.between()
            }
            SearchDecision::Repeat => Self { spoiled_before: self.spoiled_before + 1, ..self },
            SearchDecision::RepeatLonger => {
                Self { next: PlannedStep { rate, length: StepLength::Double }, ..self }
            }
        }
    }

    /// Continues after a rate that held. Spoiled rates are tried again, since the machine may have
    /// become quiet.
    fn onwards(self) -> Self {
        match self.spoiled {
            Some(spoiled) => Self { spoiled_before: MAX_SPOILED - 1, ..self.at(spoiled) },
            None => self.between(),
        }
    }

    fn between(self) -> Self {
        self.at(match (self.held, self.bound()) {
            (Some(held), None) => (held * GROWTH_FACTOR).min(self.most),
            (None, Some(bound)) => bound / GROWTH_FACTOR,
            (Some(held), Some(bound)) => f64::midpoint(held, bound),
            (None, None) => self.next.rate,
        })
    }

    fn at(self, rate: f64) -> Self {
        let next = PlannedStep { rate, length: StepLength::Normal };
        Self { next, spoiled_before: 0, ..self }
    }

    /// Returns the lowest rate that did not hold or was spoiled.
    fn bound(&self) -> Option<f64> {
        self.failed.into_iter().chain(self.spoiled).reduce(f64::min)
    }

    #[must_use]
    pub(crate) const fn highest(&self) -> Option<f64> {
        self.held
    }

    /// Returns what kept the search from a higher rate; `None` if nothing did.
    #[must_use]
    pub(crate) fn limit(&self) -> Option<LimitedBy> {
        let is_near = |failed: &f64| {
            self.held.is_some_and(|held| *failed <= held * (1.0 + SERVER_LIMIT_GAP_SHARE))
        };
        match (self.failed, self.spoiled) {
            (None, None) => None,
            (Some(_), None) => Some(LimitedBy::Server),
            (Some(failed), Some(_)) if is_near(&failed) => Some(LimitedBy::Server),
            (_, Some(_)) => Some(LimitedBy::Machine),
        }
    }
}
