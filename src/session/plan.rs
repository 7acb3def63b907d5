//! What a launch will take, as far as that is known before: how many rows, how long, and
//! whether it fits into its window.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::error::Refusal;
use super::timing::{Misfit, Timing};
use crate::api::credentials::{Credentials, User};
use crate::domain::task::Business;
use crate::input::{Checked, NullWords};
use crate::launch::Options;
use crate::rules::sample::RowSample;
use crate::rules::window::{self, WindowFit};

/// The rows of a launch, as far as they are known before.
pub(crate) enum Rows<'a> {
    /// A file that was looked through.
    Known(&'a Checked),
    /// What is left of a run.
    Left(&'a Left),
    /// A stream, in which these words mean "no value".
    Unknown(NullWords),
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
    pub target: String,
    /// Who calls it, without anything secret.
    pub user: String,
    /// When it was made.
    pub now: Timestamp,
    pub timing: &'a Timing,
    /// The positions of the input at which stages end.
    pub stages: Vec<u64>,
}

/// A launch does not fit into its window, and was to be started only if it does.
#[derive(Debug, Error)]
#[error("{told}; --require-fit, so nothing was started")]
pub(crate) struct DoesNotFit {
    told: String,
}

/// Says who calls, without anything secret.
pub(crate) fn user(credentials: &Credentials) -> String {
    match &credentials.user {
        User::Token(_) => format!("the token's user, by app {}", credentials.app_code),
        User::Name(name) => format!("{name}, by app {}", credentials.app_code),
    }
}

impl Plan<'_> {
    /// Number of rows that are launched, if it is known.
    pub(crate) fn launched(&self) -> Option<u64> {
        let rows = match self.rows {
            Rows::Known(checked) => checked.launchable(),
            Rows::Left(left) => left.launchable(),
            Rows::Unknown(_) => return None,
        };
        Some(rows.min(self.options.limit.unwrap_or(u64::MAX)))
    }

    /// The time that the tightest limit alone needs; the answers may need more. A row
    /// that is confirmed takes at least one question beside its start.
    pub(crate) fn expected(&self) -> Option<Duration> {
        let count = |rows: u64| u32::try_from(rows).unwrap_or(u32::MAX);
        let rows = self.launched()?;
        let requests =
            if self.options.certainty.confirm.is_some() { rows.saturating_mul(2) } else { rows };
        let of_all =
            self.options.limits.rate.interval().map(|each| each.saturating_mul(count(requests)));
        let most = self.businesses().values().max().copied().unwrap_or_default();
        let of_one = self
            .options
            .limits
            .rate_per_biz
            .interval()
            .map(|each| each.saturating_mul(count(most)));
        of_all.max(of_one)
    }

    /// Whether the launch fits into its window, as far as that can be told before.
    pub(crate) fn window_fit(&self) -> Option<WindowFit> {
        let rows = self.launched().filter(|rows| *rows > 0)?;
        let needed = self.expected().unwrap_or_default().as_nanos();
        let each = u64::try_from(needed / u128::from(rows)).map(Duration::from_nanos).ok()?;
        let start = self.timing.window.start.unwrap_or(self.now);
        window::fit(rows, each, start, self.timing.last_row())
    }

    /// Refuses a launch that does not fit, if that was asked for.
    pub(crate) fn check_fit(&self) -> Result<(), DoesNotFit> {
        let fits = matches!(self.window_fit(), Some(WindowFit::Fits(_)));
        if self.timing.misfit == Misfit::Told || fits || self.launched() == Some(0) {
            return Ok(());
        }
        let told = match self.window_fit() {
            Some(WindowFit::Leaves(rows)) => {
                format!("does not fit: about {rows} rows would be left")
            }
            _ => "the rows of a stream cannot be counted before".into(),
        };
        Err(DoesNotFit { told })
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
    fn the_tightest_limit_says_whether_it_fits() {
        let business = |id: &str| Business { scope: Scope::CmdbBiz, id: id.parse().unwrap() };
        let left = Left {
            businesses: [(business("2"), 90), (business("3"), 10)].into(),
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
            };
            let expected = match expected {
                Ok(seconds) => WindowFit::Fits(at(seconds)),
                Err(rows) => WindowFit::Leaves(rows),
            };
            assert_eq!(plan.window_fit(), Some(expected), "{rate} {per_biz} {confirm:?} {room}");
            let fits = matches!(expected, WindowFit::Fits(_));
            assert_eq!(plan.check_fit().is_ok(), fits);
        }
    }
}
