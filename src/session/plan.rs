//! What a launch will take, as far as that is known before: how many rows, how long, and
//! whether it fits into its window.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::error::Refusal;
use super::input::Input;
use super::timing::{Misfit, Timing};
use crate::api::credentials::{Credentials, User};
use crate::domain::count::Digits;
use crate::domain::duration::briefly;
use crate::domain::task::Business;
use crate::input::Checked;
use crate::launch::Options;
use crate::rules::budget::{Base, Ledger};
use crate::rules::course::{
    AnswerTimes, Brake, Brakes, Course, CourseFit, CourseStage, CourseTime, ExpectedAnswers,
};
use crate::rules::forecast::Forecast;
use crate::rules::sample::RowSample;

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
        "it fits only if a row takes at most {} (slowed by {brake}), and no earlier run of \
         this server says how long a row takes; nothing was started, as --require-fit asks. To \
         measure it, launch a few rows with --limit 5 and without --require-fit",
        briefly(*row)
    )]
    Unknown { row: Duration, brake: Brake },
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

    /// The limits and the rows as a forecast needs them, and the rows that are settled before it
    /// begins; `None` if nobody knows how many rows come.
    pub(crate) fn course(&self) -> Option<(Course, u64)> {
        let (all, settled, launchable) = match self.rows {
            Rows::Known(checked) => (checked.rows, 0, checked.launchable()),
            Rows::Left(left) => (left.all, left.settled, left.launchable()),
            Rows::Unknown(_) => return None,
        };
        let sent = share(launchable, all.saturating_sub(settled));
        let most = self.businesses().values().max().copied().unwrap_or_default();
        // Positions, of which some are of rows that are not sent and do not count.
        let limit = self.options.limit.map_or(u64::MAX, |limit| {
            settled.saturating_add(positions(limit, launchable, all.saturating_sub(settled)))
        });
        let limits = &self.options.limits;
        let at_risk = |base| {
            let budget = limits.budget.map(|(budget, _)| (budget, Base::Rows(base)));
            Ledger::new(budget).tolerated().map(|tolerated| tolerated.saturating_add(1))
        };
        let last = all.min(limit);
        let borders = self.stages.iter().filter(|end| **end < last);
        let mut stages: Vec<_> =
            borders.map(|end| CourseStage { end: *end, at_risk: at_risk(*end) }).collect();
        let base = self.stages.iter().find(|end| **end >= last).copied().unwrap_or(all);
        stages.push(CourseStage { end: last, at_risk: at_risk(base) });
        let brakes = Brakes {
            rate: limits.rate,
            rate_per_biz: limits.rate_per_biz,
            slots: limits.slots,
            slots_per_biz: limits.slots_per_biz,
            lookahead: self.options.lookahead,
            pause: self.stage_pause,
            confirmation: self.options.confirmation(),
        };
        Some((Course { brakes, stages, sent, largest: share(most, launchable) }, settled))
    }

    /// What progress begins with; `None` if nobody knows how many rows come.
    pub(crate) fn forecast(&self) -> Option<Forecast> {
        let (course, _) = self.course()?;
        Some(Forecast { course, answers: self.answers.least() })
    }

    /// The time that the launch takes; if the server was never timed, the least that its limits
    /// allow.
    pub(crate) fn time(&self) -> Option<CourseTime> {
        let (course, settled) = self.course()?;
        Some(course.time(settled, course.rows(), &self.answers.least()))
    }

    /// The limit that slows the launch most. If the server was never timed, it is one that may.
    pub(crate) fn brake(&self) -> Option<Brake> {
        if let Some(PlanFit::IfRowTakes(_, brake)) = self.window_fit() {
            return Some(brake);
        }
        let (course, settled) = self.course()?;
        let brake = |answers: &AnswerTimes| course.time(settled, course.rows(), answers).brake;
        if let ExpectedAnswers::AtMost(worst) = &self.answers
            && let brake @ Brake::MaxFailures(_) = brake(worst)
        {
            return Some(brake);
        }
        Some(brake(&self.answers.least()))
    }

    /// Whether the launch fits into its window, as far as that can be told before.
    pub(crate) fn window_fit(&self) -> Option<PlanFit> {
        self.launched().filter(|rows| *rows > 0)?;
        let (course, settled) = self.course()?;
        let start = self.timing.window.start.unwrap_or(self.now);
        let room = match self.timing.last_row() {
            Some(last) => Duration::try_from(start.duration_until(last)).unwrap_or_default(),
            None => Duration::MAX,
        };
        Some(match course.fit(settled, room, &self.answers) {
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
            Some(PlanFit::IfRowTakes(row, brake)) => DoesNotFit::Unknown { row, brake },
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

/// Returns among how many of `all` rows `limit` are launched, if `launchable` of them can be.
fn positions(limit: u64, launchable: u64, all: u64) -> u64 {
    let share = u128::from(limit) * u128::from(all);
    let positions = share.checked_div(u128::from(launchable)).unwrap_or_default();
    u64::try_from(positions).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a forecast is no closer than a few percent")]
fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

impl Refusal for DoesNotFit {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::AlreadyStarted;
    use crate::domain::task::Scope;
    use crate::launch::{Certainty, Lookup};
    use crate::limiter::Limits;
    use crate::rules::retry::Policy;
    use crate::rules::window::Window;
    use jiff::SignedDuration;
    use jiff::tz::TimeZone;
    use std::num::NonZeroUsize;

    fn options(rate: &str, rate_per_biz: &str, confirm: Option<Duration>) -> Options {
        Options {
            limit: None,
            lookahead: NonZeroUsize::MIN,
            limits: Limits {
                rate: rate.parse().unwrap(),
                burst: None,
                rate_per_biz: rate_per_biz.parse().unwrap(),
                slots: NonZeroUsize::MIN,
                slots_per_biz: None,
                backoff: "1s..2s".parse().unwrap(),
                throttle_patience: Duration::MAX,
                budget: None,
            },
            policy: Policy { retries: 0 },
            outage_patience: Duration::MAX,
            certainty: Certainty { confirm, lookup: Lookup::Nothing },
            already_started: AlreadyStarted::Ok,
        }
    }

    #[test]
    fn a_limit_counts_the_rows_that_are_launched() {
        for (limit, launchable, all, among) in
            [(60, 100, 200, 120), (100, 100, 200, 200), (0, 100, 200, 0), (5, 0, 7, 0)]
        {
            assert_eq!(positions(limit, launchable, all), among, "{limit} of {launchable}");
        }
    }

    #[test]
    fn the_tightest_limit_says_whether_it_fits() {
        let business = |id: &str| Business { scope: Scope::CmdbBiz, id: id.parse().unwrap() };
        let left = Left {
            businesses: [(business("2"), 90), (business("3"), 10)].into(),
            all: 100,
            ..Left::default()
        };
        let start = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        let confirm = Some(Duration::from_mins(1));
        for (rate, per_biz, confirm, room, expected) in [
            ("1/s", "unlimited", None, 100, Ok(100)),
            ("1/s", "unlimited", None, 99, Err(1)),
            ("1/s", "unlimited", confirm, 200, Ok(200)),
            ("1/s", "unlimited", confirm, 100, Err(50)),
            ("10/s", "1/s", None, 90, Ok(90)),
            ("unlimited", "unlimited", None, 1, Ok(0)),
        ] {
            let at = |seconds| start + SignedDuration::from_secs(seconds);
            let timing = Timing {
                window: Window { start: Some(start), stop: Some(at(room + 60)) },
                zone: TimeZone::UTC,
                cutoff: Duration::from_mins(1),
                misfit: Misfit::Refused,
            };
            let options = options(rate, per_biz, confirm);
            let plan = Plan {
                rows: Rows::Left(&left),
                options: &options,
                target: "http://h/".into(),
                user: "admin".into(),
                now: Timestamp::UNIX_EPOCH,
                timing: &timing,
                stages: Vec::new(),
                stage_pause: Duration::ZERO,
                answers: ExpectedAnswers::AsBefore(AnswerTimes {
                    request: 0.0,
                    row: 0.0,
                    requests: if confirm.is_some() { 2.0 } else { 1.0 },
                }),
            };
            let expected = match expected {
                Ok(seconds) => PlanFit::Fits(at(seconds)),
                Err(rows) => PlanFit::Leaves(rows),
            };
            assert_eq!(plan.window_fit(), Some(expected), "{rate} {per_biz} {confirm:?} {room}");
            let fits = matches!(expected, PlanFit::Fits(_));
            assert_eq!(plan.check_fit().is_ok(), fits);
        }
    }
}
