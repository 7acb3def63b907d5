//! State behind the mock's API: tasks, token buckets, and counts of all requests.
//!
//! Decides the result of a start, in the order of the real server's checks (FACTS.md section 3a).
//! The time is a parameter.

use std::collections::HashMap;
use std::time::Duration;

use super::behaviour::{Behaviour, FaultKind, Memory, MockBusiness};
use super::bucket::Bucket;
use super::counts::{Arrival, MockCounts, TaskCounts};
use super::gone::Front;
use super::span::Span;
use crate::domain::rate::Rate;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TaskKey {
    pub business: MockBusiness,
    pub id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartResult {
    /// `result: true`.
    Accepted,
    /// "task already started".
    AlreadyStarted,
    /// "reach the limit of starting tasks".
    Throttled,
    /// The app sent more requests than this limit.
    AppThrottled(Rate),
    Denied,
    Missing,
    Fault(FaultKind),
}

/// Progress of a task, in times counted from the mock's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskPhase {
    /// Never started, as far as anybody can see.
    Created,
    /// Somebody else started it before the mock started.
    RunningBefore,
    Running {
        since: Duration,
    },
    Finished {
        since: Duration,
        until: Duration,
    },
}

impl StartResult {
    /// Returns the name in the counts.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AlreadyStarted => "already_started",
            Self::Throttled => "throttled",
            Self::AppThrottled(_) => "app_throttled",
            Self::Denied => "denied",
            Self::Missing => "missing",
            Self::Fault(kind) => kind.name(),
        }
    }
}

#[derive(Debug)]
pub(super) struct World {
    /// May be changed while the mock runs.
    pub behaviour: Behaviour,
    random: fastrand::Rng,
    tasks: HashMap<TaskKey, Known>,
    buckets: HashMap<MockBusiness, Bucket>,
    app: Option<Bucket>,
    counts: MockCounts,
    in_flight: u64,
    /// Time of the first request.
    first: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    requests: u32,
    accepted: u32,
    started: Option<Duration>,
    ids: Vec<Box<str>>,
}

impl World {
    #[must_use]
    pub(super) fn new(behaviour: Behaviour) -> Self {
        Self {
            random: fastrand::Rng::with_seed(behaviour.seed),
            app: behaviour.app_limit.and_then(Bucket::full),
            behaviour,
            tasks: HashMap::new(),
            buckets: HashMap::new(),
            counts: MockCounts::default(),
            in_flight: 0,
            first: None,
        }
    }

    /// Decides a start request that arrives at `now`, counted from the mock's start.
    pub(super) fn start(&mut self, key: TaskKey, request_id: &str, now: Duration) -> StartResult {
        let requests = self.note(key, request_id, now);
        let outcome = match self.fault(key, requests) {
            Some(kind) if !takes(kind) => StartResult::Fault(kind),
            fault => match (self.judge(key, now), fault) {
                (StartResult::Accepted, Some(kind)) => {
                    self.take(key, kind, now);
                    StartResult::Fault(kind)
                }
                (StartResult::Accepted, None) => {
                    self.begin(key, now);
                    StartResult::Accepted
                }
                (other, _) => other,
            },
        };
        self.count(outcome.name());
        outcome
    }

    /// Counts a start request that arrives while bk-sops is gone.
    pub(super) fn start_while_gone(&mut self, key: TaskKey, request_id: &str, now: Duration) {
        self.note(key, request_id, now);
        self.count("gone");
    }

    fn count(&mut self, answer: &'static str) {
        *self.counts.answers.entry(answer).or_default() += 1;
    }

    pub(super) fn gone(&self, now: Duration) -> impl Iterator<Item = Front> {
        let gone = self.behaviour.gone.iter();
        gone.filter(move |gone| self.left(gone.when, now).is_some()).map(|gone| gone.front)
    }

    /// Returns how long nothing is answered from `now` on.
    #[must_use]
    pub(super) fn stalled(&self, now: Duration) -> Option<Duration> {
        self.left(self.behaviour.stall?, now)
    }

    fn left(&self, span: Span, now: Duration) -> Option<Duration> {
        span.left(now.checked_sub(self.first?)?)
    }

    /// Checks in the real server's order: an unknown or denied task costs no token, "already
    /// started" does.
    fn judge(&mut self, key: TaskKey, now: Duration) -> StartResult {
        if let Some(bucket) = &mut self.app
            && !bucket.take(now)
        {
            return StartResult::AppThrottled(bucket.rate);
        }
        if self.behaviour.lacks(key.id) {
            return StartResult::Missing;
        }
        if self.behaviour.denied.contains(&key.id) {
            return StartResult::Denied;
        }
        if self.behaviour.limit_reached.contains(&key.business) {
            return StartResult::Throttled;
        }
        let rate = self.behaviour.throttles.get(&key.business).copied();
        if let Some(full) = rate.or(self.behaviour.throttle).and_then(Bucket::full) {
            let bucket = self.buckets.entry(key.business).or_insert(full);
            if !bucket.take(now) {
                return StartResult::Throttled;
            }
        }
        if self.is_started(key, now) { StartResult::AlreadyStarted } else { StartResult::Accepted }
    }

    pub(super) fn question_fault(&mut self) -> Option<FaultKind> {
        let random = &mut self.random;
        self.behaviour.question_faults.iter().find(|f| random.f64() < f.chance).map(|f| f.kind)
    }

    /// Whether the app secret is wrong by now.
    #[must_use]
    pub(super) fn is_revoked(&self) -> bool {
        self.behaviour.auth_after.is_some_and(|after| self.counts.requests > after)
    }

    /// Returns a fault from the task's own list, or by chance.
    fn fault(&mut self, key: TaskKey, requests: u32) -> Option<FaultKind> {
        let first = self.behaviour.first.iter();
        let mut listed = first.filter(|fault| fault.task == key.id && requests <= fault.times);
        if let Some(fault) = listed.next_back() {
            return Some(fault.kind);
        }
        let random = &mut self.random;
        self.behaviour.faults.iter().find(|f| random.f64() < f.chance).map(|f| f.kind)
    }

    /// Accepts the start, although the client is told `kind`.
    fn take(&mut self, key: TaskKey, kind: FaultKind, now: Duration) {
        if kind == FaultKind::Silent {
            self.tasks.entry(key).or_default().accepted += 1;
        } else {
            self.begin(key, now);
        }
    }

    fn begin(&mut self, key: TaskKey, now: Duration) {
        let forgotten = self.behaviour.broker_forgets.is_some_and(|s| self.left(s, now).is_some());
        let never = forgotten || self.behaviour.unclaimed.contains(&key.id);
        let task = self.tasks.entry(key).or_default();
        task.accepted += 1;
        // A second start while the first is queued is refused by the worker (FACTS.md section 4).
        if task.started.is_none() && !never {
            task.started = Some(now + self.behaviour.queue);
            self.counts.started += 1;
        }
    }

    /// Whether the task runs, or ran.
    #[must_use]
    pub(super) fn is_started(&self, key: TaskKey, now: Duration) -> bool {
        self.state(key, now) != TaskPhase::Created
    }

    #[must_use]
    pub(super) fn state(&self, key: TaskKey, now: Duration) -> TaskPhase {
        let started = self.tasks.get(&key).and_then(|task| task.started);
        let Some(since) = started.filter(|since| *since <= now) else {
            let before = self.behaviour.started.contains(&key.id);
            return if before { TaskPhase::RunningBefore } else { TaskPhase::Created };
        };
        let ends = !self.behaviour.no_plugin.contains(&key.id);
        let until = self.behaviour.run_time.filter(|_| ends).and_then(|t| since.checked_add(t));
        match until.filter(|until| *until <= now) {
            Some(until) => TaskPhase::Finished { since, until },
            None => TaskPhase::Running { since },
        }
    }

    fn note(&mut self, key: TaskKey, request_id: &str, now: Duration) -> u32 {
        self.counts.starts += 1;
        let task = self.tasks.entry(key).or_default();
        task.requests += 1;
        if self.behaviour.memory == Memory::Requests {
            task.ids.push(request_id.into());
            self.counts.arrivals.push(Arrival {
                micros: u64::try_from(now.as_micros()).unwrap_or(u64::MAX),
                business: key.business.to_string(),
                task: key.id,
            });
        }
        task.requests
    }

    pub(super) fn enter(&mut self, now: Duration) {
        self.first.get_or_insert(now);
        self.counts.requests += 1;
        self.in_flight += 1;
        self.counts.most_in_flight = self.counts.most_in_flight.max(self.in_flight);
    }

    pub(super) fn leave(&mut self) {
        self.in_flight -= 1;
    }

    pub(super) fn connected(&mut self) {
        self.counts.connections += 1;
    }

    /// Counts a request that was refused for its credentials.
    pub(super) fn refused(&mut self) {
        self.counts.refused += 1;
    }

    /// Counts a request that something else answered because bk-sops was gone.
    pub(super) fn answered_for(&mut self) {
        self.counts.gone += 1;
    }

    pub(super) fn status(&mut self) {
        self.counts.status += 1;
    }

    pub(super) fn detail(&mut self) {
        self.counts.detail += 1;
    }

    /// Returns a number that only the seed determines.
    pub(super) fn random(&mut self) -> u128 {
        self.random.u128(..)
    }

    /// Returns a share of 1, for latencies.
    pub(super) fn share(&mut self) -> f64 {
        self.random.f64()
    }

    #[must_use]
    pub(super) fn counts(&self) -> MockCounts {
        let tasks = self.tasks.iter().map(|(key, known)| {
            let counts = TaskCounts {
                requests: known.requests,
                accepted: known.accepted,
                started: self.is_started(*key, Duration::MAX),
                request_ids: known.ids.iter().map(ToString::to_string).collect(),
            };
            (format!("{}/{}", key.business, key.id), counts)
        });
        MockCounts { tasks: tasks.collect(), ..self.counts.clone() }
    }
}

/// Whether the start is taken before the fault.
const fn takes(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::BadGatewayAfter
            | FaultKind::UnavailableAfter
            | FaultKind::ResetAfter
            | FaultKind::BrokenJson
            | FaultKind::Silent
    )
}

#[cfg(test)]
mod tests;
