//! Behaviour of the mock: what fails, how often, how slowly and for whom.
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

/// Settings of the mock. By default every request succeeds at once, for every user.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// Faults of starts by chance.
    pub faults: Vec<FaultChance>,
    /// Seed of the chances, so that a run can be repeated.
    pub seed: u64,
    /// Time that answers take.
    pub latency: Latency,
    /// Rate at which requests are worked off, one after the other; the others wait.
    pub capacity: Option<Rate>,
    /// Time in which nothing is answered.
    pub stall: Option<Span>,
    /// Times in which bk-sops is gone, and what answers in its place.
    pub gone: Vec<Gone>,
    /// Time in which the broker loses messages: a start is accepted and never happens.
    pub broker_forgets: Option<Span>,
    /// Limit on the starts of each business.
    pub throttle: Option<Rate>,
    /// Limits on the starts of single businesses, in place of `throttle`.
    pub throttles: BTreeMap<MockBusiness, Rate>,
    /// Businesses whose limit of starts is reached and never frees.
    pub limit_reached: BTreeSet<MockBusiness>,
    /// Limit on the requests of the app.
    pub app_limit: Option<Rate>,
    /// Kind of ESB.
    pub esb: EsbKind,
    /// Tasks that somebody else started before.
    pub started: BTreeSet<u64>,
    /// Tasks that the user may not start.
    pub denied: BTreeSet<u64>,
    /// Tasks that do not exist.
    pub missing: BTreeSet<u64>,
    /// Deleted tasks: they are started and run, but their state cannot be read.
    pub deleted: BTreeSet<u64>,
    /// Function tasks that nobody claimed: their starts are accepted and never happen.
    pub unclaimed: BTreeSet<u64>,
    /// Tasks with a missing plugin: they run for ever.
    pub no_plugin: BTreeSet<u64>,
    /// Faults of the first requests for certain tasks.
    pub first: Vec<FirstFault>,
    /// Faults by chance of `get_task_status` and `get_task_detail`.
    pub question_faults: Vec<FaultChance>,
    /// Time that an accepted start waits in the queue before a worker takes it.
    pub queue: Duration,
    /// Time that a task runs until it is finished; `None` is for ever.
    pub run_time: Option<Duration>,
    /// Whether the user may view tasks.
    pub view: View,
    /// Number of requests after which the app secret is wrong.
    pub auth_after: Option<u64>,
    /// Number of bytes that the answer of `get_task_detail` has beyond what it needs.
    pub detail_bytes: usize,
    /// The right app secret; if `None`, every secret is right.
    pub secret: Option<String>,
    /// Time by which the clock of `Date` is ahead of the clock that starts tasks.
    pub date_ahead: SignedDuration,
    /// What is remembered of each request.
    pub memory: Memory,
}

/// A business, as the mock knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MockBusiness {
    /// Whether `id` is a CMDB business or a project.
    pub scope: MockScope,
    /// `bk_biz_id`.
    pub id: u64,
}

/// What `bk_biz_id` is an id of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MockScope {
    /// A business of the CMDB.
    CmdbBiz,
    /// A project: any word but `cmdb_biz`, as on the real server.
    Project,
}

impl FromStr for MockBusiness {
    type Err = BehaviourError;

    /// Reads `3`, or `project:3`.
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

impl Behaviour {
    /// Whether `task` does not exist: it was said so, or its number is the last one that there is.
    pub(super) fn lacks(&self, task: u64) -> bool {
        task == i64::MAX.unsigned_abs() || self.missing.contains(&task)
    }
}

/// The two ESBs, which differ (FACTS.md sections 2 and 3b).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EsbKind {
    /// The newer ESB prefers credentials in the header, and keeps bk-sops' codes.
    #[default]
    Newer,
    /// The legacy ESB reads credentials from the body only, and loses bk-sops' codes.
    Legacy,
}

/// Whether the user may view tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The user may view every task that may be started.
    #[default]
    Allowed,
    /// The user may view no task: starting and viewing are two rights.
    Denied,
}

/// What is remembered of each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// Time of arrival and `X-Request-Id`.
    #[default]
    Requests,
    /// Counts only, for millions of requests.
    Counts,
}

/// A fault by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultChance {
    /// Kind of the fault.
    pub kind: FaultKind,
    /// Probability, from 0 to 1.
    pub chance: f64,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// Limit of the gateway: HTTP 429.
    TooMany,
    /// bk-sops crashes: HTTP 500, or what the ESB makes of it.
    Crash,
    /// nginx's HTML page for a lost upstream; the start was not taken.
    BadGateway,
    /// The same page, word for word, but the start was taken (FACTS.md section 3d).
    BadGatewayAfter,
    /// Envoy's 503 for a connection that was lost after the start was taken.
    UnavailableAfter,
    /// No answer, and the connection stays open; the start was not taken.
    Hang,
    /// A reset before the start was taken.
    ResetBefore,
    /// A reset after the start was taken.
    ResetAfter,
    /// The start was taken, and its answer is cut in the middle of the JSON.
    BrokenJson,
    /// The start was accepted, and then fails silently (FACTS.md section 4).
    Silent,
    /// nginx's page for plain HTTP on a port that speaks HTTPS (FACTS.md section 8d).
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

    /// Returns the name on the command line and in the counts.
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

    /// Reads `KIND=CHANCE`, the chance as `0.05` or `5%`.
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
    /// Id of the task, in whatever business.
    pub task: u64,
    /// Kind of the fault.
    pub kind: FaultKind,
    /// Number of requests that fail.
    pub times: u32,
}

/// Time that answers take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latency {
    /// Answers are immediate.
    #[default]
    None,
    /// The same time for every answer.
    Fixed(Duration),
    /// Exponentially distributed, with this mean.
    Exponential(Duration),
}

impl FromStr for Latency {
    type Err = BehaviourError;

    /// Reads `20ms`, or `exp:20ms`.
    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        match text.strip_prefix("exp:") {
            Some(mean) => duration(mean).map(Self::Exponential),
            None => duration(text).map(Self::Fixed),
        }
        .ok_or(BehaviourError::Latency)
    }
}

/// Limit on the starts of every business, or of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleRule {
    /// Business that is limited; `None` for every business.
    pub business: Option<MockBusiness>,
    /// Rate of starts.
    pub rate: Rate,
}

impl FromStr for ThrottleRule {
    type Err = BehaviourError;

    /// Reads `20/s`, `3=2/m`, or `project:3=2/m`.
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

/// Error for a text that describes no behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BehaviourError {
    /// The kind of fault is unknown.
    #[error(
        "the faults are 429, 500, 502, 502-after, 503-after, hang, reset-before, reset-after, \
         broken-json, silent and https-port"
    )]
    Fault,
    /// Not a fault with its chance.
    #[error("write a fault as KIND=CHANCE, such as 502=5% or hang=0.01")]
    Chance,
    /// Not a latency.
    #[error("write a latency as 20ms, or exp:20ms")]
    Latency,
    /// Not a business.
    #[error("write a business as 3, or project:3")]
    Business,
    /// Not a throttle.
    #[error("write a throttle as 20/s for every business, 3=2/m or project:3=2/m for one")]
    Throttle,
}

#[cfg(test)]
mod tests;
