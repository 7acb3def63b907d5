//! What a run would do, told before it does it: one line before each launch,
//! and a page for `--dry-run`.
//!
//! Text only; nothing is sent here.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;
use jiff::Timestamp;
use thiserror::Error;

use super::config::Profile;
use super::timing::{Misfit, Timing};
use crate::api::credentials::{Credentials, User};
use crate::domain::duration::roughly;
use crate::domain::task::{Business, Scope};
use crate::input::{Checked, NullWords};
use crate::launch::Options;
use crate::rules::budget::{Base, Ledger};
use crate::rules::sample::Sample;
use crate::rules::window::{self, WindowFit};

/// So many businesses are told one by one.
const TOLD: usize = 20;

/// The rows of a launch, as far as they are known before.
pub(super) enum Rows<'a> {
    /// A file that was looked through.
    Known(&'a Checked),
    /// What is left of a run.
    Left(&'a Left),
    /// A stream, in which these words mean "no value".
    Unknown(NullWords),
}

/// What is left of a run.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Rows that can be launched, by business.
    pub businesses: BTreeMap<Business, u64>,
    /// All rows of the input.
    pub all: u64,
    /// Those that are settled.
    pub settled: u64,
    /// Rows that earlier sessions may have started.
    pub in_doubt: u64,
    /// A few of the rows that can be launched.
    pub sample: Sample,
    /// Rows that are never sent and have no record yet.
    pub unsent: u64,
}

impl Left {
    /// The rows that can be launched.
    pub(super) fn launchable(&self) -> u64 {
        self.businesses.values().sum()
    }
}

/// What a launch is made of, for people.
pub(super) struct Plan<'a> {
    /// What is to be started.
    pub rows: Rows<'a>,
    /// What was chosen about the launch.
    pub options: &'a Options,
    /// The server.
    pub target: String,
    /// Who calls it.
    pub user: String,
    /// When.
    pub timing: &'a Timing,
    /// The positions of the input at which stages end.
    pub stages: Vec<u64>,
}

/// A launch does not fit into its window, and was to be started only if it does.
#[derive(Debug, Error)]
#[error("{told}; --require-fit, so nothing was started")]
pub(super) struct DoesNotFit {
    told: String,
}

/// Who calls, without anything secret.
pub(super) fn user(credentials: &Credentials) -> String {
    match &credentials.user {
        User::Token(_) => format!("the token's user, by app {}", credentials.app_code),
        User::Name(name) => format!("{name}, by app {}", credentials.app_code),
    }
}

impl Plan<'_> {
    /// The rows that are launched, where their number is known.
    pub(super) fn launched(&self) -> Option<u64> {
        let rows = match self.rows {
            Rows::Known(checked) => checked.launchable(),
            Rows::Left(left) => left.launchable(),
            Rows::Unknown(_) => return None,
        };
        Some(rows.min(self.options.limit.unwrap_or(u64::MAX)))
    }

    /// The time that the tightest limit alone needs; the answers may need more. A row
    /// that is confirmed takes at least one question beside its start.
    pub(super) fn expected(&self) -> Option<Duration> {
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
    pub(super) fn window_fit(&self) -> Option<WindowFit> {
        let rows = self.launched().filter(|rows| *rows > 0)?;
        let needed = self.expected().unwrap_or_default().as_nanos();
        let each = u64::try_from(needed / u128::from(rows)).map(Duration::from_nanos).ok()?;
        let start = self.timing.window.start.unwrap_or_else(Timestamp::now);
        window::fit(rows, each, start, self.timing.last_row())
    }

    /// Refuses a launch that does not fit, where that was asked for.
    pub(super) fn check_fit(&self) -> Result<(), DoesNotFit> {
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

    /// `1 to 1, 2 to 10, 11 to 100`
    fn told_stages(&self) -> String {
        let begins = std::iter::once(0).chain(self.stages.iter().copied());
        let stages = begins.zip(&self.stages).map(|(before, end)| match end {
            &u64::MAX => format!("{} to the end", before + 1),
            end => format!("{} to {end}", before + 1),
        });
        stages.collect::<Vec<_>>().join(", ")
    }

    /// How many rows may fail, in each stage where that differs.
    fn told_budget(&self) -> Option<String> {
        let (budget, _) = self.options.limits.budget?;
        let all = match self.rows {
            Rows::Known(checked) => Some(checked.rows),
            Rows::Left(left) => Some(left.all),
            Rows::Unknown(_) => None,
        };
        let tolerated = |base| Ledger::new(Some((budget, base))).tolerated().unwrap_or_default();
        Some(match (all, self.stages.as_slice()) {
            (None, _) => format!("{} tolerated, of at least 20 rows", tolerated(Base::Settled)),
            (Some(rows), []) => format!("{} tolerated", tolerated(Base::Rows(rows))),
            (Some(_), ends) => {
                let each: Vec<_> =
                    ends.iter().map(|end| tolerated(Base::Rows(*end)).to_string()).collect();
                format!("{} tolerated, up to the end of each stage", each.join(", "))
            }
        })
    }

    /// The window, and whether the launch fits into it.
    fn window(&self) -> String {
        let timing = self.timing;
        let mut text = String::new();
        if let Some(start) = timing.window.start {
            let _ = write!(text, "; from {}", timing.tell(start));
        }
        let Some(stop) = timing.window.stop else { return text };
        let _ = write!(text, "; until {}", timing.tell(stop));
        match self.window_fit() {
            Some(WindowFit::Fits(done)) => {
                let _ = write!(text, ": fits, done about {}", timing.tell(done));
            }
            Some(WindowFit::Leaves(rows)) => {
                let _ = write!(text, ": does not fit: about {rows} rows will be left");
            }
            None => {}
        }
        text
    }

    /// What becomes of scopes that are missing in the database that the rows come from.
    fn null_scopes(&self) -> String {
        let rows = match self.rows {
            Rows::Unknown(NullWords::Sql) => return "; a scope that is NULL means cmdb_biz".into(),
            Rows::Known(checked) => checked.null_scopes,
            Rows::Left(_) | Rows::Unknown(NullWords::None) => 0,
        };
        let rows = many(rows, "row has", "rows have");
        rows.map_or_else(String::new, |rows| {
            format!("; {rows} no scope (NULL), which means cmdb_biz")
        })
    }

    fn businesses(&self) -> &BTreeMap<Business, u64> {
        static NONE: BTreeMap<Business, u64> = BTreeMap::new();
        match self.rows {
            Rows::Known(checked) => &checked.businesses,
            Rows::Left(left) => &left.businesses,
            Rows::Unknown(_) => &NONE,
        }
    }

    /// The page of `--dry-run`; `settings` has a line for each setting, and
    /// `request` is the first one.
    pub(super) fn page(&self, settings: &str, request: Option<&str>) -> String {
        let mut page = self.to_string();
        let rows = match self.rows {
            Rows::Known(checked) => Some(format!(
                "{} ({} to start, {} duplicates, {} that cannot be used)",
                checked.rows,
                checked.launchable(),
                checked.duplicates,
                checked.bad
            )),
            Rows::Left(left) => Some(format!(
                "{} ({} are settled, {} to start, of which {} may have been started)",
                left.all,
                left.settled,
                left.launchable(),
                left.in_doubt
            )),
            Rows::Unknown(_) => None,
        };
        if let Some(rows) = rows {
            let _ = write!(page, "\n\nrows: {rows}");
            for (business, count) in self.businesses().iter().take(TOLD) {
                let _ = write!(page, "\n  {business}: {count}");
            }
            if self.businesses().len() > TOLD {
                let _ = write!(page, "\n  and {} more businesses", self.businesses().len() - TOLD);
            }
        }
        if !self.stages.is_empty() {
            let _ = write!(page, "\n\nstages, by rows of the input: {}", self.told_stages());
        }
        if let Some(budget) = self.told_budget() {
            let _ = write!(page, "\n\nfailures: {budget}");
        }
        let _ = write!(page, "\n\nsettings:\n{settings}");
        if let Some(request) = request {
            let _ = write!(page, "\nthe first request:\n");
            for line in request.lines() {
                let _ = writeln!(page, "  {line}");
            }
        }
        page
    }
}

impl fmt::Display for Plan<'_> {
    /// One line with everything that a person must know before it happens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.launched() {
            None => f.write_str("rows of standard input or a pipe")?,
            Some(rows) => {
                let count = |scope| {
                    let keys = self.businesses().keys();
                    keys.filter(|business| business.scope == scope).count() as u64
                };
                let (businesses, projects) = (count(Scope::CmdbBiz), count(Scope::Project));
                write!(f, "{} of ", many(rows, "task", "tasks").unwrap_or("no task".into()))?;
                let businesses = many(businesses, "CMDB business", "CMDB businesses");
                let projects = many(projects, "project", "projects");
                match (businesses, projects) {
                    (Some(businesses), Some(projects)) => write!(f, "{businesses} and {projects}")?,
                    (Some(some), None) | (None, Some(some)) => f.write_str(&some)?,
                    (None, None) => f.write_str("no business")?,
                }
            }
        }
        write!(f, " at {}, as {}, at {}", self.target, self.user, self.options.limits.rate)?;
        if let Some(expected) = self.expected() {
            write!(f, ": at least {}", roughly(expected))?;
        }
        f.write_str(&self.window())?;
        f.write_str(&self.null_scopes())
    }
}

/// `1 task`, `2 tasks`; `None` for none.
fn many(count: u64, one: &str, more: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {more}")),
    }
}

/// Every setting that has a value, with where it comes from.
pub(super) fn settings(
    matches: &ArgMatches,
    variables: &[&str],
    profile: Option<&Profile>,
) -> String {
    let mut text = String::new();
    // Groups of flags have ids too, named like their types.
    let is_flag = |id: &&str| id.starts_with(|c: char| c.is_ascii_lowercase());
    let mut ids: Vec<_> = matches.ids().map(clap::Id::as_str).filter(is_flag).collect();
    ids.sort_unstable();
    for id in ids {
        let Some(source) = matches.value_source(id) else { continue };
        let Some(values) = matches.try_get_raw(id).ok().flatten() else { continue };
        let values: Vec<_> = values.map(|value| value.to_string_lossy().into_owned()).collect();
        let source = match source {
            ValueSource::DefaultValue => "default",
            ValueSource::EnvVariable => "environment",
            _ => match profile.filter(|profile| profile.gave(id)) {
                Some(profile) => &format!("profile {}", profile.name),
                None => "command line",
            },
        };
        let name = id.replace('_', "-");
        let _ = writeln!(text, "  {name} = {} ({source})", values.join(", "));
    }
    for variable in variables {
        let _ = writeln!(text, "  {variable} is set (environment)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::AlreadyStarted;
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
        let start = Timestamp::now() + SignedDuration::from_hours(1);
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

    #[test]
    fn a_line_says_what_will_happen() {
        let timing = Timing::always();
        let options = options("20/s", "unlimited", None);
        let plan = Plan {
            rows: Rows::Unknown(NullWords::None),
            options: &options,
            target: "http://h/".into(),
            user: "admin, by app ops".into(),
            timing: &timing,
            stages: Vec::new(),
        };
        assert_eq!(
            plan.to_string(),
            "rows of standard input or a pipe at http://h/, as admin, by app ops, at 20/s"
        );
    }
}
