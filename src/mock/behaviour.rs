//! How the mock behaves: what goes wrong, how often, how slowly, for whom.
//!
//! Values and their text forms only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;

use super::gone::Gone;
use super::span::{Span, duration};
use crate::domain::rate::Rate;

/// All of it. The default does everything right, at once, for everybody.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// What goes wrong by chance.
    pub faults: Vec<FaultChance>,
    /// Seeds the chances, so that a run can be had again.
    pub seed: u64,
    /// How long answers take.
    pub latency: Latency,
    /// How many requests are worked off per time, one after the other; the others wait.
    pub capacity: Option<Rate>,
    /// When nothing is answered at all.
    pub stall: Option<Span>,
    /// When bk-sops is gone, and who answers for it.
    pub gone: Vec<Gone>,
    /// When the broker loses what it is given: a start is accepted, and never happens.
    pub broker_forgets: Option<Span>,
    /// How many starts a business may have, by default and by name.
    pub throttle: Option<Rate>,
    /// The same for named businesses.
    pub throttles: BTreeMap<MockBusiness, Rate>,
    /// Businesses whose limit of starts is reached, and never frees.
    pub limit_reached: BTreeSet<MockBusiness>,
    /// How many requests the app may send.
    pub app_limit: Option<Rate>,
    /// Which ESB it is.
    pub esb: EsbKind,
    /// Tasks that somebody else started before.
    pub started: BTreeSet<u64>,
    /// Tasks that the user may not start.
    pub denied: BTreeSet<u64>,
    /// Tasks that do not exist.
    pub missing: BTreeSet<u64>,
    /// Deleted tasks: they are started and run, but their state cannot be asked.
    pub deleted: BTreeSet<u64>,
    /// Function tasks that nobody claimed: their starts are accepted, and never happen.
    pub unclaimed: BTreeSet<u64>,
    /// Tasks with a plugin that is missing: they run for ever.
    pub no_plugin: BTreeSet<u64>,
    /// Faults of the first requests for certain tasks.
    pub first: Vec<FirstFault>,
    /// What goes wrong by chance with questions: `get_task_status` and `get_task_detail`.
    pub question_faults: Vec<FaultChance>,
    /// How long an accepted start lies in the queue before a worker takes it.
    pub queue: Duration,
    /// How long a task runs until it is finished; `None` is for ever.
    pub run_time: Option<Duration>,
    /// Whether the user may look at tasks.
    pub view: View,
    /// From the request after so many on, the app secret is wrong.
    pub auth_after: Option<u64>,
    /// How many bytes the answer of a `get_task_detail` has more than it needs.
    pub detail_bytes: usize,
    /// The secrets that are right; without one, any will do.
    pub secret: Option<String>,
    /// By how much the clock that writes `Date` is ahead of the one that starts tasks.
    pub date_ahead: SignedDuration,
    /// What is remembered of each request.
    pub memory: Memory,
}

/// A business, as the mock knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MockBusiness {
    /// Whether `id` is a CMDB business or a project.
    pub scope: MockScope,
    /// `bk_biz_id`
    pub id: u64,
}

/// What `bk_biz_id` is an id of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MockScope {
    /// A business of the CMDB.
    CmdbBiz,
    /// A project: for every word but `cmdb_biz`, as on the real server.
    Project,
}

impl FromStr for MockBusiness {
    type Err = BehaviourError;

    /// `3`, or `project:3`.
    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        let (scope, id) = match text.strip_prefix("project:") {
            Some(id) => (MockScope::Project, id),
            None => (MockScope::CmdbBiz, text),
        };
        let id = id.parse().map_err(|_| BehaviourError::Business)?;
        Ok(Self { scope, id })
    }
}

impl fmt::Display for MockBusiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            MockScope::CmdbBiz => write!(f, "cmdb_biz/{}", self.id),
            MockScope::Project => write!(f, "project/{}", self.id),
        }
    }
}

/// The two ESBs, which differ (FACTS.md sections 2 and 3b).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EsbKind {
    /// It prefers credentials in the header, and keeps bk-sops' codes.
    #[default]
    Newer,
    /// It reads credentials from the body alone, and loses bk-sops' codes.
    Legacy,
}

/// Whether the user may look at tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// At those that may be started.
    #[default]
    Allowed,
    /// At none: starting and viewing are two rights.
    Denied,
}

/// What is remembered of each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// When it came, and its `X-Request-Id`.
    #[default]
    Requests,
    /// Nothing but counts, for millions of requests.
    Counts,
}

/// Something that goes wrong by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultChance {
    /// What.
    pub kind: FaultKind,
    /// How often, from 0 to 1.
    pub chance: f64,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// The gateway's limit: HTTP 429.
    TooMany,
    /// bk-sops crashes: HTTP 500, or what the ESB makes of it.
    Crash,
    /// nginx's HTML page for a lost upstream; the start was not taken.
    BadGateway,
    /// The same page, word for word, but the start was taken (FACTS.md section 3d).
    BadGatewayAfter,
    /// Envoy's 503 for a connection that was lost after the start was taken.
    UnavailableAfter,
    /// No answer, and no end of the connection; the start was not taken.
    Hang,
    /// A reset before the start was taken.
    ResetBefore,
    /// A reset after the start was taken.
    ResetAfter,
    /// The start was taken, and its answer is cut in the middle of the JSON.
    BrokenJson,
    /// The start was accepted, and then fails silently (FACTS.md section 4).
    Silent,
    /// nginx' page for plain HTTP on a port that speaks HTTPS (FACTS.md section 8d).
    HttpsPort,
}

impl FaultKind {
    const ALL: [(&'static str, Self); 11] = [
        ("429", Self::TooMany),
        ("500", Self::Crash),
        ("502", Self::BadGateway),
        ("502-after", Self::BadGatewayAfter),
        ("503-after", Self::UnavailableAfter),
        ("hang", Self::Hang),
        ("reset-before", Self::ResetBefore),
        ("reset-after", Self::ResetAfter),
        ("broken-json", Self::BrokenJson),
        ("silent", Self::Silent),
        ("https-port", Self::HttpsPort),
    ];

    /// Its name on the command line and in the counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl FromStr for FaultKind {
    type Err = BehaviourError;

    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        Self::ALL
            .into_iter()
            .find(|(name, _)| *name == text)
            .map(|(_, kind)| kind)
            .ok_or(BehaviourError::Fault)
    }
}

impl FromStr for FaultChance {
    type Err = BehaviourError;

    /// `KIND=CHANCE`, the chance as `0.05` or `5%`.
    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        let (kind, chance) = text.split_once('=').ok_or(BehaviourError::Chance)?;
        let (number, whole) = match chance.strip_suffix('%') {
            Some(percent) => (percent, 100.0),
            None => (chance, 1.0),
        };
        let chance: f64 = number.parse().map_err(|_| BehaviourError::Chance)?;
        let chance = chance / whole;
        if !(0.0..=1.0).contains(&chance) {
            return Err(BehaviourError::Chance);
        }
        Ok(Self { kind: kind.parse()?, chance })
    }
}

/// Faults of the first requests for one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstFault {
    /// The task's id, in whatever business.
    pub task: u64,
    /// What goes wrong.
    pub kind: FaultKind,
    /// For how many requests.
    pub times: u32,
}

/// How long answers take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latency {
    /// No time.
    #[default]
    None,
    /// Always this long.
    Fixed(Duration),
    /// This long on average, exponentially distributed.
    Exponential(Duration),
}

impl FromStr for Latency {
    type Err = BehaviourError;

    /// `20ms`, or `exp:20ms`.
    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        match text.strip_prefix("exp:") {
            Some(mean) => duration(mean).map(Self::Exponential),
            None => duration(text).map(Self::Fixed),
        }
        .ok_or(BehaviourError::Latency)
    }
}

/// A limit on starts: of every business, or of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleRule {
    /// Whom it limits; `None` for every business.
    pub business: Option<MockBusiness>,
    /// To how many.
    pub rate: Rate,
}

impl FromStr for ThrottleRule {
    type Err = BehaviourError;

    /// `20/s`, `3=2/m`, or `project:3=2/m`.
    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        let (who, rate) = match text.split_once('=') {
            Some((who, rate)) => (Some(who), rate),
            None => (None, text),
        };
        let rate = rate.parse().map_err(|_| BehaviourError::Throttle)?;
        let business = who
            .map(str::parse)
            .transpose()
            .map_err(|_: BehaviourError| BehaviourError::Throttle)?;
        Ok(Self { business, rate })
    }
}

/// A text that says no behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BehaviourError {
    /// An unknown kind of fault.
    #[error(
        "the faults are 429, 500, 502, 502-after, 503-after, hang, reset-before, reset-after, \
         broken-json, silent and https-port"
    )]
    Fault,
    /// No chance.
    #[error("write a fault as KIND=CHANCE, such as 502=5% or hang=0.01")]
    Chance,
    /// No latency.
    #[error("write a latency as 20ms, or exp:20ms")]
    Latency,
    /// No business.
    #[error("write a business as 3, or project:3")]
    Business,
    /// No throttle.
    #[error("write a throttle as 20/s for every business, 3=2/m or project:3=2/m for one")]
    Throttle,
}

#[cfg(test)]
mod tests;
