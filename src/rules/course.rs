//! Forecasts how long the rows of a launch take: which limit slows them, and how much.
//!
//! Only arithmetic. Retries, holds and outages are not foreseen.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::domain::rate::Rate;

/// Limits that can slow a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brakes {
    /// Rate of all requests.
    pub rate: Rate,
    /// Number of requests that may leave at once, ahead of the rate.
    pub burst: NonZeroU32,
    /// Rate of the starts of one business.
    pub rate_per_biz: Rate,
    /// Maximum number of requests in flight.
    pub slots: NonZeroUsize,
    /// Maximum number of requests in flight of one business.
    pub slots_per_biz: Option<NonZeroUsize>,
    /// Maximum number of open rows.
    pub lookahead: NonZeroUsize,
    /// Time between two stages.
    pub pause: Duration,
    /// Whether accepted rows are asked about.
    pub confirmation: Confirmation,
}

/// Whether accepted rows are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    None,
    /// At least one for each row.
    EachRow,
}

impl Confirmation {
    /// Names the runs of which none tells how long a row takes.
    pub(crate) const fn no_earlier_run(self) -> &'static str {
        match self {
            Self::None => "no earlier run of this server",
            Self::EachRow => "no earlier run of this server with --confirm",
        }
    }
}

/// Mean times that a server takes for its answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnswerTimes {
    /// Time in seconds that a request is in flight.
    pub request: f64,
    /// Time in seconds that a row is at risk: its request is in flight, or it is being confirmed.
    pub row: f64,
    /// Number of requests per settled row: its start, and what is asked of it.
    pub requests: f64,
}

impl AnswerTimes {
    /// Returns the longest times of one attempt a row, if a request may take `timeout`, and its
    /// confirmation `confirm` beside.
    #[must_use]
    pub fn longest(timeout: Duration, confirm: Option<Duration>) -> Self {
        let request = timeout.as_secs_f64();
        match confirm {
            None => Self { request, row: request, requests: 1.0 },
            Some(confirm) => Self { request, row: request + confirm.as_secs_f64(), requests: 2.0 },
        }
    }

    /// Returns `factor` times as long answers.
    fn times(self, factor: f64) -> Self {
        Self { request: self.request * factor, row: self.row * factor, ..self }
    }
}

/// Answers of an earlier session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastAnswers {
    pub times: AnswerTimes,
    /// Whether the times are of rows that were asked about.
    pub questions: Confirmation,
}

impl LastAnswers {
    /// Returns the times that these answers foresee, if they tell enough: nobody knows how long a
    /// confirmation takes if there was none.
    #[must_use]
    pub fn for_rows(&self, questions: Confirmation) -> Option<AnswerTimes> {
        let Self { times, questions: asked } = *self;
        match (asked, questions) {
            (Confirmation::EachRow, Confirmation::EachRow)
            | (Confirmation::None, Confirmation::None) => Some(times),
            (Confirmation::EachRow, Confirmation::None) => {
                Some(AnswerTimes { request: times.request, row: times.request, requests: 1.0 })
            }
            (Confirmation::None, Confirmation::EachRow) => None,
        }
    }
}

/// Expectation of answers that have not come yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExpectedAnswers {
    /// They take as long as earlier ones.
    AsBefore(AnswerTimes),
    /// They take no longer than this.
    AtMost(AnswerTimes),
}

impl ExpectedAnswers {
    /// Returns the times with which a launch takes least.
    #[must_use]
    pub fn least(&self) -> AnswerTimes {
        match self {
            Self::AsBefore(answers) => *answers,
            Self::AtMost(worst) => worst.times(0.0),
        }
    }
}

/// Time in which no server answers a row.
const SHORTEST_ROW: Duration = Duration::from_millis(1);

/// Whether a launch fits into a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CourseFit {
    Fits,
    /// About this many rows are left.
    Leaves(u64),
    /// It fits if a row takes no longer than this; the limit is why that matters.
    IfRowTakes(Duration, Brake),
}

/// Rows that are launched, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    pub brakes: Brakes,
    /// Stages with rows that are launched, in order; without any asked for, one.
    pub stages: Vec<CourseStage>,
    /// Share of the rows that is of the business with most of them.
    pub largest: f64,
}

/// A part of the rows that is settled before the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CourseStage {
    /// Number of rows up to its last one, those of earlier stages included.
    pub end: u64,
    /// Maximum number of rows at risk, if rows may fail only so often.
    pub at_risk: Option<u64>,
}

/// Limit that slows a launch most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brake {
    /// Only the answers themselves.
    None,
    Rate,
    /// The rate, of which questions use a part.
    RateWithQuestions,
    RatePerBiz,
    /// At most so many requests are in flight.
    Concurrency(u64),
    /// At most so many requests of one business are in flight.
    ConcurrencyPerBiz(u64),
    /// At most so many rows are open.
    Lookahead(u64),
    /// At most so many rows are at risk.
    MaxFailures(u64),
}

/// Forecast of some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CourseTime {
    /// Time in seconds in which rows are sent and answered.
    pub active: f64,
    /// Time in seconds between stages.
    pub pauses: f64,
    /// Limit that takes the most of the active time.
    pub brake: Brake,
}

impl fmt::Display for Brake {
    /// Names the flag, and how much it lets out at a time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (flag, count, what) = match self {
            Self::None => return f.write_str("the server's answers"),
            Self::Rate => return f.write_str("--rate"),
            Self::RateWithQuestions => return f.write_str("--rate, which counts questions too"),
            Self::RatePerBiz => return f.write_str("--rate-per-biz"),
            Self::Concurrency(count) => ("--concurrency", count, "request"),
            Self::ConcurrencyPerBiz(count) => ("--concurrency-per-biz", count, "request"),
            Self::Lookahead(count) => ("--lookahead", count, "row"),
            Self::MaxFailures(count) => ("--max-failures", count, "row"),
        };
        let many = if *count == 1 { "" } else { "s" };
        write!(f, "{flag}: {count} {what}{many} at a time")
    }
}

impl Brake {
    /// Whether the limit is one of each business. The largest then goes on alone at the end.
    #[must_use]
    pub const fn is_of_business(self) -> bool {
        matches!(self, Self::RatePerBiz | Self::ConcurrencyPerBiz(_))
    }
}

impl CourseTime {
    /// Returns all of the time, or the longest there is.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::try_from_secs_f64(self.active + self.pauses).unwrap_or(Duration::MAX)
    }
}

impl Course {
    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.stages.last().map_or(0, |stage| stage.end)
    }

    /// Forecasts the rows after the first `from`, up to the one at `to`.
    #[must_use]
    pub fn time(&self, from: u64, to: u64, answers: &AnswerTimes) -> CourseTime {
        let mut active = 0.0;
        let mut longest = (0.0, Brake::None);
        let mut begin = 0;
        for &CourseStage { end, at_risk } in &self.stages {
            let rows = end.min(to).saturating_sub(begin.max(from));
            let ahead = if from > begin { 0.0 } else { self.ahead(begin) };
            let (time, brake) = self.stage(count(rows), ahead, at_risk, answers);
            active += time;
            if time > longest.0 {
                longest = (time, brake);
            }
            begin = end;
        }
        let pauses = self.pauses(from + 1, to);
        CourseTime { active, pauses, brake: longest.1 }
    }

    /// Returns the time in seconds between stages that end at row `first` or later, and before `to`.
    #[must_use]
    pub fn pauses(&self, first: u64, to: u64) -> f64 {
        let ends = self.stages.iter().map(|stage| stage.end);
        let borders = ends.filter(|end| (first..to).contains(end)).count();
        count(borders as u64) * self.brakes.pause.as_secs_f64()
    }

    /// Forecasts whether all rows fit into `room`.
    #[must_use]
    pub fn fit(&self, room: Duration, known: &ExpectedAnswers) -> CourseFit {
        let time = |answers: &AnswerTimes| self.time(0, self.rows(), answers);
        let least = known.least();
        if time(&least).total() > room {
            return CourseFit::Leaves(self.left_after(room, &least));
        }
        let ExpectedAnswers::AtMost(worst) = known else { return CourseFit::Fits };
        let slowest = time(worst);
        if slowest.total() <= room {
            return CourseFit::Fits;
        }
        let (mut fits, mut beyond) = (0.0, 1.0);
        while beyond - fits > 1e-4 * beyond {
            let middle = f64::midpoint(fits, beyond);
            if time(&worst.times(middle)).total() <= room {
                fits = middle;
            } else {
                beyond = middle;
            }
        }
        let row = Duration::try_from_secs_f64(worst.row * fits).unwrap_or(Duration::MAX);
        if row < SHORTEST_ROW {
            return CourseFit::Leaves(self.left_after(room, &least));
        }
        CourseFit::IfRowTakes(row, slowest.brake)
    }

    /// Returns how many rows are not settled within `room`.
    fn left_after(&self, room: Duration, answers: &AnswerTimes) -> u64 {
        let (mut fits, mut beyond) = (0, self.rows());
        while beyond - fits > 1 {
            let middle = fits + (beyond - fits) / 2;
            if self.time(0, middle, answers).total() <= room {
                fits = middle;
            } else {
                beyond = middle;
            }
        }
        (self.rows() - fits).max(1)
    }

    /// Returns how many requests of the stage after row `begin` leave ahead of the rate.
    fn ahead(&self, begin: u64) -> f64 {
        let Brakes { rate, burst, pause, .. } = &self.brakes;
        let most = f64::from(burst.get() - 1);
        match rate.interval() {
            // What the stage before has used up comes back during the pause.
            Some(interval) if begin > 0 => {
                most.min((pause.as_secs_f64() / interval.as_secs_f64()).floor())
            }
            _ => most,
        }
    }

    /// Forecasts `rows` of a stage in which `at_risk` rows may be at risk, and `ahead` requests
    /// leave ahead of the rate.
    fn stage(
        &self,
        rows: f64,
        ahead: f64,
        at_risk: Option<u64>,
        answers: &AnswerTimes,
    ) -> (f64, Brake) {
        if rows <= 0.0 {
            return (0.0, Brake::None);
        }
        let Brakes { rate, rate_per_biz, slots, slots_per_biz, lookahead, .. } = &self.brakes;
        let interval = |rate: &Rate| rate.interval().unwrap_or_default().as_secs_f64();
        let of_largest = rows * self.largest;
        let requests = rows * answers.requests;
        let by_rate = match self.brakes.confirmation {
            Confirmation::None => Brake::Rate,
            Confirmation::EachRow => Brake::RateWithQuestions,
        };
        let mut slowest = (0.0, Brake::None);
        let mut slow = |time: f64, brake| {
            if time > slowest.0 {
                slowest = (time, brake);
            }
        };
        slow((requests - ahead) * interval(rate), by_rate);
        slow(of_largest * interval(rate_per_biz), Brake::RatePerBiz);
        let slots = slots.get() as u64;
        slow(in_parallel(requests, slots) * answers.request, Brake::Concurrency(slots));
        if let Some(slots) = slots_per_biz.map(|slots| slots.get() as u64) {
            let time = in_parallel(of_largest, slots) * answers.request;
            slow(time, Brake::ConcurrencyPerBiz(slots));
        }
        let open = lookahead.get() as u64;
        slow(in_parallel(rows, open) * answers.row, Brake::Lookahead(open));
        if let Some(at_risk) = at_risk {
            slow(in_parallel(rows, at_risk) * answers.row, Brake::MaxFailures(at_risk));
        }
        // The last row is answered after all have left.
        (slowest.0 + answers.row, slowest.1)
    }
}

/// Returns how many times as long as one of `all` those take that do not leave with the last ones,
/// `at_a_time` of them together.
fn in_parallel(all: f64, at_a_time: u64) -> f64 {
    (all / count(at_a_time) - 1.0).max(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "a forecast is no closer than a few percent")]
const fn count(rows: u64) -> f64 {
    rows as f64
}

#[cfg(test)]
mod tests;
