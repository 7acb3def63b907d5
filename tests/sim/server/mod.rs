//! bk-sops and what stands before it, in memory, from the facts of tests/wire.
//!
//! It shares no type with `api` or `mock`. It is asked with the time in hand: it neither waits nor
//! reads a clock. It keeps the truth: what was taken, and what was started by whom.

mod bk_sops;
mod bucket;
mod call;
mod captures;
mod clock;
mod credentials;
mod exchange;
mod faults;
mod front;
mod outages;
mod said;
mod story;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::BTreeMap;
use std::time::Duration;

pub use call::{Call, Interface};

use bk_sops::BkSops;
use clock::ServerClock;
use fastrand::Rng;
use faults::Faults;
use front::Front;
use story::Story;
use worker::{Account, Worker};

use crate::history::{ConnectFault, Event, Fault, Key, ListedRow, ServerPlan, When};

/// Unix second at which every history begins.
pub const TRUE_START: i64 = 1_789_997_600;

/// Time since the history began, by a clock that nobody sees.
pub type At = Duration;

/// A request as it arrives.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What comes back, and when after the arrival.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub after: Duration,
    pub reply: Reply,
}

#[derive(Clone, Debug)]
pub enum Reply {
    Answer(RawAnswer),
    /// The head, and a part of the body.
    CutOff(RawAnswer),
    /// The connection breaks.
    Reset,
    /// Nothing comes, however long one waits.
    Nothing,
}

#[derive(Clone, Debug)]
pub struct RawAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// How an attempt to connect goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connecting {
    MadeAfter(Duration),
    RefusedAfter(Duration),
    /// It is never made.
    Hangs,
    BadCertificate,
    NoHost,
}

/// What became of one task, in truth.
#[derive(Clone, Debug, Default)]
pub struct TaskTruth {
    /// Each start of this task by the program that reached bk-sops and was taken (put on the
    /// queue): when, and the request's id.
    pub taken: Vec<(At, String)>,
    /// Each start of it by the program that reached the server's front at all.
    pub arrived: Vec<(At, String)>,
    /// Each time that the worker marked it as started, for good or not: when, and by whose start.
    pub flags: Vec<(At, Starter)>,
    /// The start that the worker carried out: when, and whose.
    pub started: Option<(At, Starter)>,
    /// Whether somebody else asked for its start, in whatever way, and when.
    pub others: Vec<At>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starter {
    /// By the request of this id.
    Request(String),
    SomebodyElse,
}

/// An answer that asks for a pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `X-Request-Id` of the request that was refused.
    pub id: String,
    /// When the answer leaves the server.
    pub at: At,
    pub whom: Whom,
    /// The pause, if the answer states one.
    pub stated: Option<Duration>,
}

/// Whose requests are refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    Everyone,
    /// Scope and id.
    Business(String, u64),
}

/// An answer, and the pause that it asks for.
#[derive(Clone, Debug)]
struct Response {
    answer: RawAnswer,
    refusal: Option<(Whom, Option<Duration>)>,
}

impl From<RawAnswer> for Response {
    fn from(answer: RawAnswer) -> Self {
        Self { answer, refusal: None }
    }
}

pub struct Server {
    /// What became of each task. Every task of the list has an entry.
    pub truth: BTreeMap<Key, TaskTruth>,
    /// Answers that asked for a pause and left whole.
    pub refusals: Vec<Refusal>,
    plan: ServerPlan,
    rng: Rng,
    clock: ServerClock,
    faults: Faults,
    front: Front,
    bk_sops: BkSops,
    story: Story,
}

impl Server {
    /// Makes the server of a history.
    pub fn new(seed: u64, plan: &ServerPlan, list: &[ListedRow], events: &[Event]) -> Self {
        let worker = Worker::new(seed, plan.worker, list);
        let mut server = Self {
            truth: BTreeMap::new(),
            refusals: Vec::new(),
            rng: Rng::with_seed(seed),
            clock: ServerClock::new(plan.clock_ahead),
            faults: Faults::new(events),
            front: Front::new(seed, plan),
            bk_sops: BkSops::new(worker, plan),
            story: Story::default(),
            plan: plan.clone(),
        };
        for event in events {
            if let When::At(at) = event.when {
                server.befall(at, event.what);
            }
        }
        server.bk_sops.worker.begin(&server.clock, &mut server.truth);
        server
    }

    /// Begins to write down what happens, for [`events`](Self::events).
    pub fn begin_story(&mut self) {
        self.story.begin();
    }

    /// Returns what happened since the last call, in sentences, each with its time.
    pub fn events(&mut self) -> Vec<(At, String)> {
        self.story.take()
    }

    /// Lets something befall the server at `at`, which may lie ahead.
    fn befall(&mut self, at: At, fault: Fault) {
        match fault {
            Fault::Outage(..) | Fault::Stall(..) | Fault::Connect(..) | Fault::CloseIdle => {
                self.faults.begin(at, fault);
            }
            Fault::Revoked(lasts) => self.front.credentials.revoke(at, at + lasts),
            Fault::ServerClockJumps(seconds) => self.clock.jump(at, seconds),
            Fault::BrokerRestarts => {}
            // One exchange's, or a matter of the machine.
            _ => return,
        }
        self.bk_sops.worker.befalls(at, fault);
    }

    /// Forgets what waits for a request to befall.
    pub fn befall_no_more(&mut self) {
        self.faults.forget();
    }

    /// Works off the queue, and what others do, up to `now`.
    pub fn settle(&mut self, now: At) {
        let Self { clock, truth, story, bk_sops, .. } = self;
        bk_sops.worker.settle(now, &mut Account { clock, truth, story });
    }

    /// Returns how an attempt to connect goes that begins now.
    pub fn connect(&self, now: At) -> Connecting {
        let own = self.plan.connect;
        match self.faults.connect(now) {
            None => Connecting::MadeAfter(own),
            Some(ConnectFault::Slow(late)) => Connecting::MadeAfter(own + late),
            Some(ConnectFault::Refused) => Connecting::RefusedAfter(own),
            Some(ConnectFault::Hangs) => Connecting::Hangs,
            Some(ConnectFault::BadCertificate) => Connecting::BadCertificate,
            Some(ConnectFault::NoHost) => Connecting::NoHost,
        }
    }

    /// When the server last closed all idle connections.
    pub fn idle_closed(&self, now: At) -> Option<At> {
        self.faults.idle_closed(now)
    }

    /// Returns every secret and token that was ever valid.
    pub fn secrets(&self) -> Vec<String> {
        self.front.credentials.all()
    }

    /// Returns the secret and the token that stand in the caller's files.
    pub fn present_credentials(&self, now: At) -> (String, String) {
        self.front.credentials.present(now)
    }

    /// Puts new credentials into the files, which the server takes from now on.
    pub fn mend_credentials(&mut self, now: At) {
        self.front.credentials.mend(now);
    }
}
