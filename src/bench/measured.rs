//! What was measured: times by what the answers meant, a line a second, and what that
//! says of the expectations.
//!
//! Values and arithmetic; how they come about is `meter`'s work.

use std::time::Duration;

use enum_map::EnumMap;
use hdrhistogram::Histogram;

use super::Ended;
use super::generator::Health;
use crate::bench::slo::{Figure, Judgement, Slo};
use crate::bench::trend::Trend;
use crate::domain::answer::AnswerClass;

/// The longest time that is told apart, in microseconds.
const LONGEST: u64 = 600_000_000;

/// A histogram of microseconds, of three digits from 1 µs to 10 min.
#[must_use]
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order")
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(LONGEST).clamp(1, LONGEST)
}

/// The times of the requests of one class.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// From the due time to the end of the answer.
    pub response: Histogram<u64>,
    /// From the send to the end of the answer.
    pub service: Histogram<u64>,
}

impl Times {
    /// No times yet.
    pub(crate) fn new() -> Self {
        Self { response: histogram(), service: histogram() }
    }
}

/// What happened in one second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Second {
    /// Which one, from 0 on.
    pub at: u64,
    /// How many requests were due.
    pub wanted: f64,
    /// How many were sent.
    pub sent: u64,
    /// How many were answered, or given up, by class.
    pub by_class: EnumMap<AnswerClass, u64>,
    /// How many were sent late.
    pub late: u64,
    /// How many could not be sent.
    pub dropped: u64,
    /// How many were out at its end.
    pub in_flight: u64,
    /// Response times of those that were answered, in microseconds: p50, p90, p99,
    /// max and mean.
    pub response: Option<[f64; 5]>,
}

impl Second {
    /// How many were answered, or given up.
    #[must_use]
    pub(crate) fn answered(&self) -> u64 {
        self.by_class.values().sum()
    }

    /// How many of them were errors.
    #[must_use]
    pub(crate) fn errors(&self) -> u64 {
        errors(&self.by_class)
    }
}

/// How many of the answers in `by_class` were errors.
pub(super) fn errors(by_class: &EnumMap<AnswerClass, u64>) -> u64 {
    by_class.iter().filter(|(class, _)| class.is_error()).map(|(_, count)| count).sum()
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Why it ended.
    pub ended: Ended,
    /// For how long requests were sent.
    pub window: Duration,
    /// Answers per second, while they came.
    pub answered_per_second: f64,
    /// How many requests were due; `None` in a closed loop.
    pub wanted: Option<f64>,
    /// The times of each class.
    pub classes: EnumMap<AnswerClass, Option<Box<Times>>>,
    /// What the first answer of each class said.
    pub said: EnumMap<AnswerClass, Option<Box<str>>>,
    /// The times of all.
    pub all: Times,
    /// How long after their due time requests were sent.
    pub lateness: Histogram<u64>,
    /// Line by line.
    pub seconds: Vec<Second>,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were due and could not be sent.
    pub dropped: u64,
    /// How response times changed over the measurement, in seconds per second, by when the
    /// requests were due; `None` in a closed loop.
    pub growth: Option<Trend>,
    /// How the generator fared.
    pub health: Health,
    /// Connections that were made, and bytes of bodies that were sent and received,
    /// the warm-up included.
    pub traffic: [u64; 3],
}

impl Measured {
    /// Answers, and requests that were given up.
    #[must_use]
    pub(crate) fn answered(&self) -> u64 {
        self.all.response.len()
    }

    /// Answers of a class.
    #[must_use]
    pub(crate) fn of_class(&self, class: AnswerClass) -> u64 {
        self.classes[class].as_ref().map_or(0, |times| times.response.len())
    }

    /// Answers that were neither accepted nor already started.
    #[must_use]
    pub(crate) fn errors(&self) -> u64 {
        AnswerClass::all().filter(|class| class.is_error()).map(|class| self.of_class(class)).sum()
    }

    /// Their share of all.
    #[must_use]
    pub(crate) fn error_share(&self) -> Option<f64> {
        (self.answered() > 0).then(|| as_f64(self.errors()) / as_f64(self.answered()))
    }

    /// Requests that were sent per second.
    #[must_use]
    pub(crate) fn sent_per_second(&self) -> f64 {
        as_f64(self.sent) / self.window.as_secs_f64().max(1e-6)
    }

    /// Judges what was expected.
    #[must_use]
    pub(crate) fn judge(&self, slos: &[Slo]) -> Vec<Judgement> {
        let rate = Some(self.answered_per_second);
        judge(slos, &self.all.response, self.error_share(), rate)
    }
}

/// Judges what was expected by times, a share of errors, and a rate.
pub(super) fn judge(
    slos: &[Slo],
    response: &Histogram<u64>,
    errors: Option<f64>,
    rate: Option<f64>,
) -> Vec<Judgement> {
    let time = |micros: f64| (!response.is_empty()).then_some(micros / 1e6);
    let measured = |figure| match figure {
        Figure::Percentile(percent) => time(as_f64(response.value_at_percentile(percent))),
        Figure::Mean => time(response.mean()),
        Figure::Max => time(as_f64(response.max())),
        Figure::Errors => errors,
        Figure::Rate => rate,
    };
    slos.iter().map(|slo| slo.judge(measured(slo.figure()))).collect()
}

/// The share of the answers whose rate counts: a few that come very late, or never, say
/// nothing about it.
const IN_TIME: f64 = 0.99;

/// The rate of answers: so many of them as came in time, by the time from the first
/// answer until they had come, or by their share of the window if that is longer. The
/// last of `seconds` is over at `end`.
pub(super) fn answer_rate(
    seconds: &[Second],
    (first, end): (Duration, Duration),
    window: Duration,
) -> f64 {
    let all: u64 = seconds.iter().map(Second::answered).sum();
    let in_time = as_f64(all) * IN_TIME;
    let mut before = 0.0;
    for second in seconds {
        let answered = as_f64(second.answered());
        if before + answered >= in_time && answered > 0.0 {
            let lasted = (end.as_secs_f64() - as_f64(second.at)).clamp(0.0, 1.0);
            let until = as_f64(second.at) + (in_time - before) / answered * lasted;
            let came = (until - first.as_secs_f64()).max(window.as_secs_f64() * IN_TIME);
            return in_time / came.max(1e-6);
        }
        before += answered;
    }
    0.0
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of minutes are far from the bounds")]
pub(super) const fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use enum_map::enum_map;

    fn seconds(answered: &[u64]) -> Vec<Second> {
        let second = |(at, answered): (u64, &u64)| {
            let by_class = enum_map! { AnswerClass::Accepted => *answered, _ => 0 };
            Second { at, by_class, ..Second::default() }
        };
        (0..).zip(answered).map(second).collect()
    }

    #[test]
    fn the_rate_of_answers_is_that_of_those_that_came_in_time() {
        let millis = Duration::from_millis;
        for (answered, first, end, window, expected) in [
            (&[200, 200, 200][..], 5, 3_005, 3_000, 200.0),
            // All a second later: as many per second.
            (&[0, 200, 200, 200], 1_000, 4_000, 3_000, 200.0),
            // A few that never came say nothing.
            (&[200, 200, 199, 0, 0, 0, 0, 1], 5, 8_000, 3_000, 200.0),
            // Half of what was wanted takes twice as long.
            (&[100, 100, 100, 100, 100, 100], 5, 6_000, 3_000, 100.0),
            // A part of a second.
            (&[50], 1, 250, 250, 200.0),
            // Fewer than were wanted.
            (&[20, 0, 0], 5, 3_000, 3_000, 20.0 / 3.0),
            (&[], 0, 0, 3_000, 0.0),
            (&[0, 0], 0, 2_000, 2_000, 0.0),
        ] {
            let span = (millis(first), millis(end));
            let found = answer_rate(&seconds(answered), span, millis(window));
            assert!((found - expected).abs() <= expected * 0.01, "{answered:?}: {found}");
        }
    }

    #[test]
    fn times_out_of_bounds_are_at_the_bounds() {
        let hours = Duration::from_hours(2);
        assert_eq!((micros(Duration::ZERO), micros(hours)), (1, 600_000_000));
    }
}
