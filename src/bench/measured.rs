//! Figures of a measurement, and how they are calculated. [`Meter`](super::meter::Meter) collects
//! them.

use enum_map::EnumMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::generator::GeneratorHealth;
use super::measurement::LoadEnd;
use crate::bench::slo::{Figure, Slo, SloJudgement};
use crate::bench::trend::Trend;
use crate::domain::answer::AnswerClass;
use crate::rules::stats::{MAX_MICROS, histogram};

/// Converts a time to whole microseconds, within the bounds of a [`histogram`].
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(MAX_MICROS).clamp(1, MAX_MICROS)
}

/// Distributions of times, in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct TimeHistograms {
    /// From the due time to the end of the answer.
    pub response: Histogram<u64>,
    /// From the send to the end of the answer.
    pub service: Histogram<u64>,
}

impl TimeHistograms {
    pub(crate) fn new() -> Self {
        Self { response: histogram(), service: histogram() }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Second {
    /// Number of the second, from 0.
    pub at: u64,
    pub wanted: f64,
    pub sent: u64,
    /// Answers and given-up requests.
    pub by_class: EnumMap<AnswerClass, u64>,
    pub late: u64,
    /// Requests that were due while too many were in flight.
    pub dropped: u64,
    /// At the end of the second.
    pub in_flight: u64,
    /// Response times; `None` if nothing was answered.
    pub response: Option<SecondTimes>,
}

/// In microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct SecondTimes {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
    pub mean: f64,
}

impl Second {
    #[must_use]
    pub(crate) fn answered(&self) -> u64 {
        self.by_class.values().sum()
    }

    #[must_use]
    pub(crate) fn errors(&self) -> u64 {
        errors(&self.by_class)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub ended: LoadEnd,
    /// Time during which requests were sent, without the warm-up.
    pub window: Duration,
    /// Rate of answers during the time in which they came.
    pub answered_per_second: f64,
    /// Requests that were due; `None` in a closed loop.
    pub wanted: Option<f64>,
    pub classes: EnumMap<AnswerClass, Option<Box<TimeHistograms>>>,
    /// Message of the first answer of each class.
    pub said: EnumMap<AnswerClass, Option<Box<str>>>,
    pub all: TimeHistograms,
    /// Times from the due time to the send.
    pub lateness: Histogram<u64>,
    pub seconds: Vec<Second>,
    pub sent: u64,
    /// Requests that were due while too many were in flight.
    pub dropped: u64,
    /// Change of response times by due time, in seconds per second; `None` in a closed loop.
    pub growth: Option<Trend>,
    pub health: GeneratorHealth,
    /// Includes the warm-up.
    pub traffic: TrafficTotals,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TrafficTotals {
    pub connects: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

impl Measured {
    /// Number of answers; given-up requests count.
    #[must_use]
    pub(crate) fn answered(&self) -> u64 {
        self.all.response.len()
    }

    /// Number of answers that were neither accepted nor already started.
    #[must_use]
    pub(crate) fn errors(&self) -> u64 {
        errors(&answers_by_class(&self.classes))
    }

    /// Errors as a share of the answers; `None` if there are no answers.
    #[must_use]
    pub(crate) fn error_share(&self) -> Option<f64> {
        (self.answered() > 0).then(|| as_f64(self.errors()) / as_f64(self.answered()))
    }

    #[must_use]
    pub(crate) fn sent_per_second(&self) -> f64 {
        as_f64(self.sent) / self.window.as_secs_f64().max(1e-6)
    }

    #[must_use]
    pub(crate) fn judge(&self, slos: &[Slo]) -> Vec<SloJudgement> {
        let rate = Some(self.answered_per_second);
        judge(slos, &self.all.response, self.error_share(), rate)
    }
}

pub(super) fn answers_by_class(
    classes: &EnumMap<AnswerClass, Option<Box<TimeHistograms>>>,
) -> EnumMap<AnswerClass, u64> {
    let count = |times: &Option<Box<TimeHistograms>>| {
        times.as_ref().map_or(0, |times| times.response.len())
    };
    classes.iter().map(|(class, times)| (class, count(times))).collect()
}

pub(super) fn errors(by_class: &EnumMap<AnswerClass, u64>) -> u64 {
    by_class.iter().filter(|(class, _)| class.is_error()).map(|(_, count)| count).sum()
}

pub(super) fn judge(
    slos: &[Slo],
    response: &Histogram<u64>,
    errors: Option<f64>,
    rate: Option<f64>,
) -> Vec<SloJudgement> {
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

/// Share of the answers whose rate counts: a few that come very late, or never, say nothing about
/// it.
const COUNTED_SHARE: f64 = 0.99;

/// Returns the rate of answers: the number that came in time, divided by the time from the first
/// answer until they had come, or by their share of the window if that is longer. The last of
/// `seconds` is over at `end`.
pub(super) fn answer_rate(
    seconds: &[Second],
    (first, end): (Duration, Duration),
    window: Duration,
) -> f64 {
    let all: u64 = seconds.iter().map(Second::answered).sum();
    let in_time = as_f64(all) * COUNTED_SHARE;
    let mut before = 0.0;
    for second in seconds {
        let answered = as_f64(second.answered());
        if before + answered >= in_time && answered > 0.0 {
            let lasted = (end.as_secs_f64() - as_f64(second.at)).clamp(0.0, 1.0);
            let until = as_f64(second.at) + (in_time - before) / answered * lasted;
            let came = (until - first.as_secs_f64()).max(window.as_secs_f64() * COUNTED_SHARE);
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

    fn seconds(answered: &[u64]) -> Vec<Second> {
        let second = |(at, answered): (u64, &u64)| {
            let mut by_class: EnumMap<AnswerClass, u64> = EnumMap::default();
            by_class[AnswerClass::Accepted] = *answered;
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
            // A few that never came change nothing.
            (&[200, 200, 199, 0, 0, 0, 0, 1], 5, 8_000, 3_000, 200.0),
            // Half of the wanted rate takes twice as long.
            (&[100, 100, 100, 100, 100, 100], 5, 6_000, 3_000, 100.0),
            // Part of a second.
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
