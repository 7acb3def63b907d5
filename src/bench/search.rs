//! Finds the highest rate that holds: by steps that grow and then close in.
//!
//! Rules only. [`judge()`] says what the measurement of a step shows; [`Search`] decides what comes
//! of it, and which step is next:
//!
//! | a step shows | the first time at its rate | again |
//! |---|---|---|
//! | held, failed | a bound of the search | |
//! | seems so, but noise may deceive | repeated, twice as long | counts as what it seems |
//! | spoiled by this machine | repeated | a bound, but one that is tried again after each rate that holds below it |

mod judge;
#[cfg(test)]
mod tests;

pub(crate) use judge::{Judged, Machine, Observed, Step, judge};

/// The search for the highest rate that holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Search {
    next: Role,
    /// How often the next step was spoiled already.
    spoiled_before: u32,
    /// The highest rate that held.
    held: Option<f64>,
    /// The lowest rate that did not.
    failed: Option<f64>,
    /// The lowest rate above the one that held at which this machine spoiled the steps.
    spoiled: Option<f64>,
    /// Number of rates at which it did while none had held.
    spoiled_without_any: u32,
    most: f64,
}

/// A step that is to be taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Role {
    /// Requests per second.
    pub rate: f64,
    /// How long it is to be.
    pub length: Length,
}

/// How long a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// As long as was asked for.
    Normal,
    /// Twice as long, to see more in the noise.
    Double,
}

/// What the search makes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The rate holds.
    Held,
    /// It does not.
    Failed,
    /// The same step is taken again.
    Repeat,
    /// The rate is tried again, for longer.
    RepeatLonger,
    /// The search goes on below this rate, of which nothing is known.
    Spoiled,
}

impl Decision {
    /// The word for what the step was worth.
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

/// What kept a search from a higher rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The server.
    Server,
    /// This machine.
    Machine,
}

impl Limit {
    /// The word for it.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Machine => "machine",
        }
    }
}

/// Where nothing is known yet, the next rate is so many times the last.
const GROWTH: f64 = 2.0;

/// The search is over when the highest rate that held and the lowest that did not are
/// this near to each other.
const NEAR: f64 = 0.02;

/// A rate that failed so near above the result was the limit, whatever this machine spoiled in
/// between.
const AS_GOOD_AS_NEAR: f64 = 0.05;

/// Nobody looks for less than one request in so many seconds.
const LEAST: f64 = 0.1;

/// Number of times that a step at a new rate may be spoiled before the search goes on below it.
const MAX_SPOILED: u32 = 2;

/// Number of rates at which steps may be spoiled before one holds. A machine that is too slow
/// for a sixteenth of the first rate is too slow for a search.
const MAX_SPOILED_WITHOUT_ANY: u32 = 5;

impl Search {
    /// A search that begins at `rate` and goes no higher than `most`.
    #[must_use]
    pub(crate) const fn from(rate: f64, most: f64) -> Self {
        Self {
            next: Role { rate: rate.min(most), length: Length::Normal },
            spoiled_before: 0,
            held: None,
            failed: None,
            spoiled: None,
            spoiled_without_any: 0,
            most,
        }
    }

    /// The next step; `None` once the search is over.
    #[must_use]
    pub(crate) fn attempt(&self) -> Option<Role> {
        let is_over = match (self.held, self.bound()) {
            (Some(held), Some(bound)) => bound <= held * (1.0 + NEAR),
            (Some(held), None) => held >= self.most,
            (None, Some(bound)) => {
                bound <= LEAST || self.spoiled_without_any >= MAX_SPOILED_WITHOUT_ANY
            }
            (None, None) => false,
        };
        (!is_over).then_some(self.next)
    }

    /// What is made of the step that was [next](Self::attempt).
    #[must_use]
    pub(crate) const fn decide(&self, step: Step) -> Decision {
        match (step, self.next.length) {
            (Step::Held, _) | (Step::SeemsHeld, Length::Double) => Decision::Held,
            (Step::Failed, _) | (Step::SeemsFailed, Length::Double) => Decision::Failed,
            (Step::SeemsHeld | Step::SeemsFailed, Length::Normal) => Decision::RepeatLonger,
            (Step::Spoiled, _) if self.spoiled_before + 1 < MAX_SPOILED => Decision::Repeat,
            (Step::Spoiled, _) => Decision::Spoiled,
        }
    }

    /// Goes on after a step of which this was made.
    #[must_use]
    pub(crate) fn after(self, decision: Decision) -> Self {
        let rate = self.next.rate;
        match decision {
            Decision::Held => {
                let spoiled = self.spoiled.filter(|spoiled| *spoiled > rate);
                Self { held: Some(rate), spoiled, ..self }.onwards()
            }
            Decision::Failed => {
                let spoiled = self.spoiled.filter(|spoiled| *spoiled < rate);
                Self { failed: Some(rate), spoiled, ..self }.between()
            }
            Decision::Spoiled => {
                let spoiled_without_any = self.spoiled_without_any + 1;
                Self { spoiled: Some(rate), spoiled_without_any, ..self }.between()
            }
            Decision::Repeat => Self { spoiled_before: self.spoiled_before + 1, ..self },
            Decision::RepeatLonger => Self { next: Role { rate, length: Length::Double }, ..self },
        }
    }

    /// After a rate that held: a rate that was spoiled has another chance, since the machine may
    /// have become quiet.
    fn onwards(self) -> Self {
        match self.spoiled {
            Some(spoiled) => Self { spoiled_before: MAX_SPOILED - 1, ..self.at(spoiled) },
            None => self.between(),
        }
    }

    /// To a rate between those that are known.
    fn between(self) -> Self {
        self.at(match (self.held, self.bound()) {
            (Some(held), None) => (held * GROWTH).min(self.most),
            (None, Some(bound)) => bound / GROWTH,
            (Some(held), Some(bound)) => f64::midpoint(held, bound),
            (None, None) => self.next.rate,
        })
    }

    fn at(self, rate: f64) -> Self {
        let next = Role { rate, length: Length::Normal };
        Self { next, spoiled_before: 0, ..self }
    }

    /// The lowest rate that did not hold, or was spoiled.
    fn bound(&self) -> Option<f64> {
        self.failed.into_iter().chain(self.spoiled).reduce(f64::min)
    }

    /// The highest rate that held.
    #[must_use]
    pub(crate) const fn highest(&self) -> Option<f64> {
        self.held
    }

    /// What kept the search from a higher rate; `None` if nothing did.
    #[must_use]
    pub(crate) fn limit(&self) -> Option<Limit> {
        let is_near =
            |failed: &f64| self.held.is_some_and(|held| *failed <= held * (1.0 + AS_GOOD_AS_NEAR));
        match (self.failed, self.spoiled) {
            (None, None) => None,
            (Some(_), None) => Some(Limit::Server),
            (Some(failed), Some(_)) if is_near(&failed) => Some(Limit::Server),
            (_, Some(_)) => Some(Limit::Machine),
        }
    }
}
