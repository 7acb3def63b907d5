//! What a launch will take, as far as that is known before: how many rows, how long, and
//! whether it fits into its window.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::error::Refusal;
use super::input::Input;
use super::timing::{Misfit, Timing};
use crate::api::credentials::{Credentials, User};
use crate::domain::count::Digits;
use crate::domain::duration::briefly;
use crate::domain::lines::Lines;
use crate::domain::task::Business;
use crate::input::Checked;
use crate::launch::Options;
use crate::rules::budget::{Base, Ledger};
use crate::rules::course::{
    AnswerTimes, Brake, Brakes, Confirmation, Course, CourseFit, CourseStage, CourseTime,
    ExpectedAnswers,
};
use crate::rules::forecast::Forecast;
use crate::rules::sample::RowSample;

/// Time in seconds of an answer that is slow, but nothing to wonder at: `--concurrency` is named
/// if it slows such ones.
const SLOW_ANSWER: f64 = 0.5;

/// The rows of a launch, as far as they are known before.
pub(crate) enum Rows<'a> {
    /// A file that was looked through.
    Known(&'a Checked),
    /// What is left of a run.
    Left(&'a Left),
    /// A stream.
    Unknown(&'a Input),
}

/// What is left of a run.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Rows that can be launched, by business.
    pub businesses: BTreeMap<Business, u64>,
    /// Their positions in the input.
    pub positions: Lines,
    /// All rows of the input.
    pub all: u64,
    /// Those that are settled.
    pub settled: u64,
    /// Rows that earlier sessions may have started.
    pub in_doubt: u64,
    /// A few of the rows that can be launched.
    pub sample: RowSample,
    /// Rows that are never sent and have no record yet.
    pub unsent: u64,
}

impl Left {
    /// The rows that can be launched.
    pub(crate) fn launchable(&self) -> u64 {
        self.businesses.values().sum()
    }
}

/// What a launch is made of, for people.
pub(crate) struct Plan<'a> {
    pub rows: Rows<'a>,
    pub options: &'a Options,
    /// Host of the server.
    pub target: String,
    /// Who calls it, without anything secret.
    pub user: String,
    /// When it was made.
    pub now: Timestamp,
    pub timing: &'a Timing,
    /// The positions of the input at which stages end.
    pub stages: Vec<u64>,
    /// Time between two stages.
    pub stage_pause: Duration,
    /// How long the server takes, as far as it is known.
    pub answers: ExpectedAnswers,
}

/// Whether a launch fits into its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanFit {
    /// It ends at about this moment, or some time after it if the server was never timed.
    Fits(Timestamp),
    /// About this many rows are left.
    Leaves(u64),
    /// It fits if a row takes no longer than this; the limit is why that matters.
    IfRowTakes(Duration, Brake),
}

/// A launch does not fit into its window, or may not, and was to be started only if it does.
#[derive(Debug, Error)]
pub(crate) enum DoesNotFit {
    #[error(
        "does not fit: about {} would be left, slowed by {brake}; nothing was started, as \
         --require-fit asks",
        Digits::Plain.counted(*rows, "row", "rows")
    )]
    Leaves { rows: u64, brake: Brake },
    #[error(
        "it fits only if a row takes at most {} (slowed by {brake}), and {} says how long a \
         row takes; nothing was started, as --require-fit asks. To measure it, launch a few rows \
         with --limit 5 and without --require-fit",
        briefly(*row),
        questions.no_earlier_run()
    )]
    Unknown { row: Duration, brake: Brake, questions: Confirmation },
    #[error(
        "whether it fits is unknown: the rows of a stream cannot be counted before; nothing was \
         started, as --require-fit asks"
    )]
    Stream,
}

/// Says who calls, without anything secret.
pub(crate) fn user(credentials: &Credentials) -> String {
    match &credentials.user {
        User::Token(_) => format!("app {} (token)", credentials.app_code),
        User::Name(name) => format!("{name} (app {})", credentials.app_code),
    }
}

impl Plan<'_> {
    /// Number of rows that are launched, if it is known.
    pub(crate) fn launched(&self) -> Option<u64> {
        Some(self.launchable()?.min(self.options.limit.unwrap_or(u64::MAX)))
    }

    /// Number of rows that can be launched, if it is known.
    pub(crate) fn launchable(&self) -> Option<u64> {
        match self.rows {
            Rows::Known(checked) => Some(checked.launchable()),
            Rows::Left(left) => Some(left.launchable()),
            Rows::Unknown(_) => None,
        }
    }

    /// The limits and the rows as a forecast needs them; `None` if nobody knows how many rows come.
    fn course(&self) -> Option<Course> {
        let launched = self.launched()?;
        let limits = &self.options.limits;
        let at_risk = |end| {
            let budget = limits.budget.map(|(budget, _)| (budget, Base::Rows(end)));
            Ledger::new(budget).tolerated().map(|tolerated| tolerated.saturating_add(1))
        };
        let all = self.all_rows()?;
        let ends = if self.stages.is_empty() { &[all] } else { &*self.stages };
        let mut stages: Vec<CourseStage> = Vec::with_capacity(ends.len());
        for position in ends {
            let end = self.launchable_up_to(*position).min(launched);
            if end > stages.last().map_or(0, |stage| stage.end) {
                stages.push(CourseStage { end, at_risk: at_risk(*position) });
            }
        }
        let brakes = Brakes {
            rate: limits.rate,
            burst: limits.burst.unwrap_or(NonZeroU32::MIN),
            rate_per_biz: limits.rate_per_biz,
            slots: limits.slots,
            slots_per_biz: limits.slots_per_biz,
            lookahead: self.options.lookahead,
            pause: self.stage_pause,
            confirmation: self.options.confirmation(),
        };
        let most = self.businesses().values().max().copied().unwrap_or_default();
        Some(Course { brakes, stages, largest: share(most, self.launchable()?) })
    }

    /// All rows of the input, if they are known.
    fn all_rows(&self) -> Option<u64> {
        match self.rows {
            Rows::Known(checked) => Some(checked.rows),
            Rows::Left(left) => Some(left.all),
            Rows::Unknown(_) => None,
        }
    }

    /// Number of rows up to a position of the input that can be launched. Of a file that was looked
    /// through only their share is known.
    fn launchable_up_to(&self, position: u64) -> u64 {
        match self.rows {
            Rows::Known(checked) => {
                let part =
                    u128::from(position.min(checked.rows)) * u128::from(checked.launchable());
                let rows = part.div_ceil(u128::from(checked.rows.max(1)));
                u64::try_from(rows).unwrap_or(u64::MAX)
            }
            Rows::Left(left) => left.positions.count_to(position),
            Rows::Unknown(_) => 0,
        }
    }

    /// What progress begins with; `None` if nobody knows how many rows come.
    pub(crate) fn forecast(&self) -> Option<Forecast> {
        let rows = match self.rows {
            Rows::Known(checked) => checked.rows,
            Rows::Left(left) => left.all.saturating_sub(left.settled),
            Rows::Unknown(_) => return None,
        };
        let course = self.course()?;
        Some(Forecast {
            course,
            launchable: self.launchable()?,
            rows,
            answers: self.answers.least(),
        })
    }

    /// The time that the launch takes; if the server was never timed, the least that its limits
    /// allow.
    pub(crate) fn time(&self) -> Option<CourseTime> {
        let course = self.course()?;
        Some(course.time(0, course.rows(), &self.answers.least()))
    }

    /// The limit that slows the launch most. If the server was never timed, it is one that may.
    pub(crate) fn brake(&self) -> Option<Brake> {
        if let Some(PlanFit::IfRowTakes(_, brake)) = self.window_fit() {
            return Some(brake);
        }
        let course = self.course()?;
        let brake = |answers: &AnswerTimes| course.time(0, course.rows(), answers).brake;
        if let ExpectedAnswers::AtMost(worst) = &self.answers {
            let slow = AnswerTimes { request: SLOW_ANSWER, row: SLOW_ANSWER, ..*worst };
            match (brake(worst), brake(&slow)) {
                (brake @ Brake::MaxFailures(_), _) | (_, brake @ Brake::Concurrency(_)) => {
                    return Some(brake);
                }
                _ => {}
            }
        }
        Some(brake(&self.answers.least()))
    }

    /// Whether the launch fits into its window, as far as that can be told before.
    pub(crate) fn window_fit(&self) -> Option<PlanFit> {
        self.launched().filter(|rows| *rows > 0)?;
        let course = self.course()?;
        let start = self.timing.window.start.unwrap_or(self.now);
        let room = match self.timing.last_row() {
            Some(last) => Duration::try_from(start.duration_until(last)).unwrap_or_default(),
            None => Duration::MAX,
        };
        Some(match course.fit(room, &self.answers) {
            CourseFit::Fits => {
                let needed = self.time()?.total();
                PlanFit::Fits(start.checked_add(needed).unwrap_or(Timestamp::MAX))
            }
            CourseFit::Leaves(rows) => PlanFit::Leaves(rows),
            CourseFit::IfRowTakes(time, brake) => PlanFit::IfRowTakes(time, brake),
        })
    }

    /// Refuses a launch that does not fit, if that was asked for.
    pub(crate) fn check_fit(&self) -> Result<(), DoesNotFit> {
        if self.timing.misfit == Misfit::Told || self.launched() == Some(0) {
            return Ok(());
        }
        Err(match self.window_fit() {
            Some(PlanFit::Fits(_)) => return Ok(()),
            Some(PlanFit::Leaves(rows)) => {
                let brake = self.time().map_or(Brake::None, |time| time.brake);
                DoesNotFit::Leaves { rows, brake }
            }
            Some(PlanFit::IfRowTakes(row, brake)) => {
                DoesNotFit::Unknown { row, brake, questions: self.options.confirmation() }
            }
            None => DoesNotFit::Stream,
        })
    }

    /// The rows that can be launched, by business, as far as they are known.
    pub(crate) fn businesses(&self) -> &BTreeMap<Business, u64> {
        static NONE: BTreeMap<Business, u64> = BTreeMap::new();
        match self.rows {
            Rows::Known(checked) => &checked.businesses,
            Rows::Left(left) => &left.businesses,
            Rows::Unknown(_) => &NONE,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a forecast is no closer than a few percent")]
fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

impl Refusal for DoesNotFit {}

#[cfg(test)]
mod tests;
