//! The queue behind bk-sops, the worker that starts tasks at most once, and what can go wrong there
//! without a word (FACTS.md sections 4 and 8b).

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::ServerClock;
use super::story::{Story, name};
use super::{At, Starter, TaskTruth};
use crate::history::{Fault, Key, ListedRow, TaskFate};

/// How long the flag stands that a failing worker sets and takes back.
const FLAG_STANDS: Duration = Duration::from_millis(40);

/// Tasks, and what is yet to happen to them.
#[derive(Debug)]
pub struct Worker {
    seed: u64,
    /// Time that a message lies in the queue.
    delay: Duration,
    tasks: BTreeMap<Key, Task>,
    agenda: BTreeMap<(At, u64), Happening>,
    count: u64,
}

/// A task as bk-sops knows it.
#[derive(Debug)]
struct Task {
    fate: TaskFate,
    /// `is_started`
    flag: bool,
    run: Option<Run>,
    /// Number of messages that are yet to be lost.
    lost: u8,
}

/// A task that runs, or ran. Its times are those of the server's clock.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: i64,
    /// When it is finished, by the true time, and by the server's clock.
    end: Option<(At, i64)>,
}

#[derive(Debug)]
enum Happening {
    /// The worker takes a start from the queue.
    Message(Key, Starter),
    FlagReset(Key),
    OthersStart(Key),
    /// Something befalls the server; only a broker's restart is a matter of the queue.
    Befalls(Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Created,
    Running(Times),
    Finished(Times),
}

/// Unix seconds by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub start: i64,
    pub finish: Option<i64>,
}

/// Where the worker writes down what it did.
pub struct Account<'a> {
    pub clock: &'a ServerClock,
    pub truth: &'a mut BTreeMap<Key, TaskTruth>,
    pub story: &'a mut Story,
}

impl Worker {
    /// Makes the tasks of a list: of rows with the same task, the first decides.
    pub fn new(seed: u64, delay: Duration, list: &[ListedRow]) -> Self {
        let (tasks, agenda) = (BTreeMap::new(), BTreeMap::new());
        let mut worker = Self { seed, delay, tasks, agenda, count: 0 };
        for row in list {
            if let Some(key) = row.key()
                && !worker.tasks.contains_key(&key)
            {
                worker.add(key, row.fate);
            }
        }
        worker
    }

    fn add(&mut self, key: Key, fate: TaskFate) {
        if let TaskFate::StartedMeanwhile(at) = fate {
            self.plan(at, Happening::OthersStart(key.clone()));
        }
        let lost = match fate {
            TaskFate::MessagesLost(lost) => lost,
            _ => 0,
        };
        self.tasks.insert(key, Task { fate, flag: false, run: None, lost });
    }

    /// Marks the tasks that somebody else started before the history.
    pub fn begin(&mut self, clock: &ServerClock, truth: &mut BTreeMap<Key, TaskTruth>) {
        for (key, task) in &mut self.tasks {
            let truth = truth.entry(key.clone()).or_default();
            if let TaskFate::StartedBefore(ago) = task.fate {
                let length = length(self.seed, key);
                let passed = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX / 2);
                let start = clock.second(At::ZERO) - passed;
                let end = (length.saturating_sub(ago), start + seconds(length));
                task.flag = true;
                task.run = Some(Run { start, end: Some(end) });
                truth.others.push(At::ZERO);
                truth.flags.push((At::ZERO, Starter::SomebodyElse));
                truth.started = Some((At::ZERO, Starter::SomebodyElse));
            }
        }
    }

    /// Lets something befall the server at `at`.
    pub fn befalls(&mut self, at: At, fault: Fault) {
        self.plan(at, Happening::Befalls(fault));
    }

    fn plan(&mut self, at: At, happening: Happening) {
        self.count += 1;
        self.agenda.insert((at, self.count), happening);
    }

    /// Puts the start of a task on the queue. A task of nobody's list is not there.
    pub fn publish(&mut self, now: At, key: &Key, starter: Starter) {
        if let Some(task) = self.tasks.get_mut(key) {
            if task.lost > 0 {
                task.lost -= 1;
            } else {
                self.plan(now + self.delay, Happening::Message(key.clone(), starter));
            }
        }
    }

    pub fn fate(&self, key: &Key) -> TaskFate {
        self.tasks.get(key).map_or(TaskFate::NotThere, |task| task.fate)
    }

    /// Whether bk-sops holds the task for started.
    pub fn is_started(&self, key: &Key) -> bool {
        self.tasks.get(key).is_some_and(|task| task.flag)
    }

    /// Returns what the engine knows of a task.
    pub fn state(&self, key: &Key, now: At) -> State {
        match self.tasks.get(key).and_then(|task| task.run) {
            None => State::Created,
            Some(Run { start, end: Some((at, finish)) }) if at <= now => {
                State::Finished(Times { start, finish: Some(finish) })
            }
            Some(Run { start, .. }) => State::Running(Times { start, finish: None }),
        }
    }

    /// Does everything that is due.
    pub fn settle(&mut self, now: At, account: &mut Account<'_>) {
        while let Some(entry) = self.agenda.first_entry() {
            let at = entry.key().0;
            if at > now {
                break;
            }
            match entry.remove() {
                Happening::Message(key, starter) => self.work(at, key, starter, account),
                Happening::FlagReset(key) => self.reset(at, &key, account),
                Happening::OthersStart(key) => self.others(at, &key, account),
                Happening::Befalls(fault) => self.befall(at, fault, account),
            }
        }
    }

    /// Starts a task, if nobody did.
    fn work(&mut self, at: At, key: Key, starter: Starter, account: &mut Account<'_>) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let tell = |account: &mut Account<'_>, what: &str| {
            account.story.tell(at, || format!("the worker {what} {}", name(&key)));
        };
        match task.fate {
            TaskFate::Unclaimed => return tell(account, "refuses the unclaimed"),
            TaskFate::FailsBeforeFlag => return tell(account, "fails before the flag of"),
            _ if task.flag => return tell(account, "refuses a further start of"),
            _ => {}
        }
        task.flag = true;
        let truth = account.truth.entry(key.clone()).or_default();
        truth.flags.push((at, starter.clone()));
        match task.fate {
            TaskFate::FailsAfterFlag => {
                tell(account, "sets the flag and fails at");
                self.plan(at + FLAG_STANDS, Happening::FlagReset(key));
            }
            TaskFate::WorkerDies => tell(account, "sets the flag and dies at"),
            fate => {
                let start = account.clock.second(at);
                let length = length(self.seed, &key);
                let end = (at + length, start + seconds(length));
                let end = (fate != TaskFate::PluginMissing).then_some(end);
                task.run = Some(Run { start, end });
                truth.started = Some((at, starter));
                tell(account, "starts");
            }
        }
    }

    fn reset(&mut self, at: At, key: &Key, account: &mut Account<'_>) {
        if let Some(task) = self.tasks.get_mut(key) {
            task.flag = false;
            account.story.tell(at, || format!("the worker takes the flag of {} back", name(key)));
        }
    }

    fn others(&mut self, at: At, key: &Key, account: &mut Account<'_>) {
        if !self.is_started(key) {
            account.truth.entry(key.clone()).or_default().others.push(at);
            account.story.tell(at, || format!("somebody else starts {}", name(key)));
            self.publish(at, key, Starter::SomebodyElse);
        }
    }

    fn befall(&mut self, at: At, fault: Fault, account: &mut Account<'_>) {
        account.story.tell(at, || format!("server: {fault:?}"));
        if fault == Fault::BrokerRestarts {
            self.agenda.retain(|_, happening| !matches!(happening, Happening::Message(..)));
        }
    }
}

/// How long a task runs.
fn length(seed: u64, key: &Key) -> Duration {
    let own = seed ^ key.task.rotate_left(32) ^ key.biz.rotate_left(16);
    Duration::from_millis(fastrand::Rng::with_seed(own).u64(200..30_000))
}

fn seconds(length: Duration) -> i64 {
    i64::try_from(length.as_secs()).unwrap_or(i64::MAX / 2)
}
