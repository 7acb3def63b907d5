//! The views of bk-sops, in their order of checks (FACTS.md section 3a).

use std::collections::BTreeMap;
use std::time::Duration;

use super::bucket::{Bucket, Grant};
use super::call::Interface;
use super::said::Said;
use super::worker::{State, Worker};
use super::{At, Starter};
use crate::history::{Key, ServerPlan, TaskFate};

/// How long a process keeps an answer about a task that was started.
const CACHED: Duration = Duration::from_secs(10);

/// Number of bk-sops' processes, each with a cache of its own.
pub const PROCESSES: u8 = 2;

#[derive(Debug)]
pub struct BkSops {
    pub worker: Worker,
    biz_limits: Vec<(u64, u32, Duration)>,
    buckets: BTreeMap<(String, u64), Bucket>,
    cache: BTreeMap<(u8, Key), (At, State)>,
}

/// Whether bk-sops can ask its permission service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    There,
    Away,
}

/// What became of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    OnQueue,
    Nothing,
}

impl BkSops {
    pub fn new(worker: Worker, plan: &ServerPlan) -> Self {
        let biz_limits = plan.biz_limits.clone();
        Self { worker, biz_limits, buckets: BTreeMap::new(), cache: BTreeMap::new() }
    }

    /// Answers `start_task`; `id` is the request's.
    pub fn start(
        &mut self,
        now: At,
        key: &Key,
        id: &str,
        permissions: Permissions,
    ) -> (Said, Published) {
        if let Some(said) = self.refusal(now, key, permissions) {
            return (said, Published::Nothing);
        }
        self.worker.publish(now, key, Starter::Request(id.to_owned()));
        (Said::accepted(key), Published::OnQueue)
    }

    fn refusal(&mut self, now: At, key: &Key, permissions: Permissions) -> Option<Said> {
        let fate = self.worker.fate(key);
        if let Some(said) = before_view(Interface::Start, key, fate, permissions) {
            return Some(said);
        }
        // A token is spent whatever the answer will be.
        if self.take(now, key) == Grant::Refused {
            return Some(Said::throttled(key));
        }
        match fate {
            TaskFate::OfOtherProject => Some(Said::no_task(key)),
            TaskFate::Breaks => Some(Said::crash()),
            _ if self.worker.is_started(key) => Some(Said::already_started()),
            _ => None,
        }
    }

    fn take(&mut self, now: At, key: &Key) -> Grant {
        let limit = self.biz_limits.iter().find(|(biz, ..)| *biz == key.biz);
        let Some((_, times, period)) = limit else { return Grant::Given };
        let bucket = self.buckets.entry((key.scope.clone(), key.biz));
        bucket.or_insert_with(|| Bucket::full(*times, *period)).take(now)
    }

    /// Answers `get_task_status`, by one of the processes.
    pub fn status(&mut self, now: At, key: &Key, process: u8, permissions: Permissions) -> Said {
        let fate = self.worker.fate(key);
        let said = match before_view(Interface::Status, key, fate, permissions) {
            Some(said) => said,
            None => match fate {
                TaskFate::OfOtherProject | TaskFate::Deleted => Said::no_state(key),
                TaskFate::Breaks => Said::crash(),
                _ => Said::state(self.cached_state(now, key, process)),
            },
        };
        Said { interface: Interface::Status, ..said }
    }

    /// Returns a task's state, maybe an old one. That it is not started is never kept.
    fn cached_state(&mut self, now: At, key: &Key, process: u8) -> State {
        let place = (process, key.clone());
        if let Some((since, state)) = self.cache.get(&place)
            && now.saturating_sub(*since) < CACHED
        {
            return *state;
        }
        let state = self.worker.state(key, now);
        if state != State::Created {
            self.cache.insert(place, (now, state));
        }
        state
    }

    /// Answers `get_task_detail`, which also has what was deleted.
    pub fn detail(&self, now: At, key: &Key, permissions: Permissions) -> Said {
        let fate = self.worker.fate(key);
        let said = match before_view(Interface::Detail, key, fate, permissions) {
            Some(said) => said,
            None => match fate {
                TaskFate::OfOtherProject => Said::no_task(key),
                TaskFate::Breaks => Said::crash(),
                _ => Said::detail(key, self.worker.state(key, now)),
            },
        };
        Said { interface: Interface::Detail, ..said }
    }
}

/// Checks before a view: the project, then the permission service, which looks the task up in any
/// project.
fn before_view(
    interface: Interface,
    key: &Key,
    fate: TaskFate,
    permissions: Permissions,
) -> Option<Said> {
    match fate {
        TaskFate::NoProject => Some(Said::no_project(key)),
        _ if permissions == Permissions::Away => Some(Said::crash()),
        TaskFate::NotThere => Some(Said::no_task(key)),
        TaskFate::Denied => Some(Said::denied(interface)),
        _ => None,
    }
}
