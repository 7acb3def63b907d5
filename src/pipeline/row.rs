//! The whole life of a row: [`settle`] sends it as often as it takes, and says
//! what became of it.
//!
//! Facts come from `api`, limits from `gates`, decisions from `retry`. This
//! module only follows them, and remembers whether the row is in doubt.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use crate::answer::{Answer, FailureClass, Verdict};
use crate::api::{Client, Renewal};
use crate::gates::{Errand, Gates, Known, Turn};
use crate::record::{Attempted, Ending, KnownBy, Outcome, Record};
use crate::request_id::{RequestId, RunId};
use crate::retry::{Attempt, Backoff, Next, Policy, Situation, Stop};
use crate::row::Row;
use crate::shutdown::{Cause, Shutdown};
use crate::stats::Latencies;
use crate::task::Task;

/// This program's only session of a run, until runs can be resumed.
const SESSION: u32 = 1;

/// What all rows of a run share.
pub struct Launch {
    parts: Parts,
    jitter: Mutex<fastrand::Rng>,
    latencies: Mutex<Latencies>,
}

/// What a [`Launch`] is made of.
pub struct Parts {
    /// Who sends.
    pub client: Client,
    /// Who may send.
    pub gates: Arc<Gates>,
    /// When a row is sent again.
    pub policy: Policy,
    /// How long it waits before.
    pub backoff: Backoff,
    /// How long the server may be gone.
    pub outage_patience: Duration,
    /// What stops the run.
    pub shutdown: Shutdown,
    /// The name of the run.
    pub run: RunId,
    /// The wall clock.
    pub clock: Clock,
}

/// The wall clock, read once: stamps of a run never run backwards.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What the wall clock showed...
    pub wall: Timestamp,
    /// ...at this moment.
    pub at: Instant,
}

impl Clock {
    fn read(&self, instant: Instant) -> Timestamp {
        let since = instant.saturating_duration_since(self.at);
        self.wall.checked_add(since).unwrap_or(self.wall)
    }
}

impl Launch {
    /// Shares `parts` among rows; `seed` seeds the jitter.
    #[must_use]
    pub fn new(parts: Parts, seed: u64) -> Self {
        let jitter = Mutex::new(fastrand::Rng::with_seed(seed));
        Self { parts, jitter, latencies: Mutex::default() }
    }

    /// How long the requests took so far.
    #[must_use]
    pub fn latencies(&self) -> Latencies {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn wait(&self, step: u32) -> Duration {
        let share = self.jitter.lock().unwrap_or_else(PoisonError::into_inner).f64();
        self.parts.backoff.jittered(step, share)
    }
}

/// What is remembered of a row while it is open.
#[derive(Default)]
struct Tries {
    /// Requests that were sent.
    attempts: u32,
    /// Those of them that count against the retries.
    counted: u32,
    /// Whether one of them may have started the task.
    doubt: Doubt,
    last: Option<Box<Attempted>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Doubt {
    #[default]
    None,
    MayHaveStarted,
}

/// Settles one row that was opened at `opened`.
pub async fn settle(launch: &Launch, row: Row, task: Task, opened: Instant) -> Record {
    let mut tries = Tries::default();
    let (outcome, ending) = send_until_settled(launch, row.line, &task, &mut tries).await;
    let Tries { attempts, last, .. } = tries;
    Record { row, outcome, ending, attempts, last, elapsed: Some(opened.elapsed()) }
}

async fn send_until_settled(
    launch: &Launch,
    line: u64,
    task: &Task,
    tries: &mut Tries,
) -> (Outcome, Ending) {
    let Parts { client, gates, policy, shutdown, .. } = &launch.parts;
    let mut turn = Turn::First;
    loop {
        let Ok(pass) = gates.pass(Errand::Start(task.business, turn)).await else {
            return tries.cut_off();
        };
        if shutdown.is_draining() {
            return tries.cut_off();
        }
        let sent = pass.sent();
        let id = tries.next_id(&launch.parts.run, line);
        let caller = client.caller();
        // The request's future is large, so it exists only while the request is out.
        let answer = Box::pin(client.start(&caller, task, &id)).await;
        let latency = sent.elapsed();
        launch.latencies.lock().unwrap_or_else(PoisonError::into_inner).add(latency);
        let known = gates.heard(pass, &answer);
        log_attempt(line, tries.attempts, &id, latency, &answer);
        let Answer { verdict, reply } = answer;
        tries.last = Some(Box::new(Attempted {
            id,
            sent: launch.parts.clock.read(sent),
            latency,
            reply,
            class: None,
        }));
        let failure = match verdict {
            Verdict::Accepted => return settled(Outcome::Started(KnownBy::Reply)),
            Verdict::AlreadyStarted => return settled(tries.already_started()),
            Verdict::Failed(failure) => failure,
        };
        tries.failed(failure.class);
        if let Some(lasted) = known.outage.filter(|lasted| *lasted >= launch.parts.outage_patience)
        {
            shutdown.drain(Cause::Outage { lasted, message: tries.message() });
            return tries.cut_off();
        }
        let situation = tries.situation(failure.class, known);
        let next = policy.next(&failure, situation);
        debug!(line, attempt = tries.attempts, class = %failure.class, ?next, ?situation, "decided");
        match next {
            Next::Stop(Stop::Auth) if client.renew(&caller) == Renewal::Newer => {
                debug!(line, "sent again, with credentials that were not refused yet");
            }
            Next::GiveUp => return settled(tries.given_up(failure.class)),
            Next::Stop(stop) => {
                shutdown.drain(Cause::Answer { stop, message: tries.message() });
                return tries.cut_off();
            }
            Next::WhenHeldNoMore => {}
            Next::After { step } => tokio::select! {
                biased;
                () = shutdown.draining() => return tries.cut_off(),
                () = sleep(launch.wait(step)) => {}
            },
        }
        turn = Turn::Again;
    }
}

/// One line an attempt. Texts of the server are written as literals, in which a
/// terminal finds nothing to obey.
fn log_attempt(line: u64, attempt: u32, id: &RequestId, latency: Duration, answer: &Answer) {
    let verdict = match &answer.verdict {
        Verdict::Accepted => "accepted",
        Verdict::AlreadyStarted => "already_started",
        Verdict::Failed(failure) => failure.class.as_str(),
    };
    let reply = &answer.reply;
    info!(
        line,
        attempt,
        client_request_id = %id,
        verdict,
        http_status = reply.http_status,
        latency_ms = latency.as_millis(),
        code = ?reply.code,
        said = ?reply.message,
        request_id = ?reply.request_id,
        "attempt"
    );
}

const fn settled(outcome: Outcome) -> (Outcome, Ending) {
    (outcome, Ending::Settled)
}

impl Tries {
    fn next_id(&mut self, run: &RunId, line: u64) -> RequestId {
        self.attempts += 1;
        RequestId::new(run, SESSION, line, self.attempts)
    }

    /// The last attempt failed. "Already started" is judged by what was in doubt
    /// before it.
    fn failed(&mut self, class: FailureClass) {
        if let Some(last) = &mut self.last {
            last.class = Some(class);
        }
        if class.may_have_started() {
            self.doubt = Doubt::MayHaveStarted;
        }
    }

    /// What the server said last.
    fn message(&self) -> Box<str> {
        self.last.as_ref().map(|last| last.reply.message.clone()).unwrap_or_default()
    }

    /// Counts an attempt of this class, unless it is one that does not count:
    /// a throttled answer, or a probe of an outage.
    fn situation(&mut self, class: FailureClass, known: Known) -> Situation {
        let throttled = matches!(class, FailureClass::ThrottledBiz | FailureClass::ThrottledApp);
        if !throttled && known.kind == Attempt::Ordinary {
            self.counted += 1;
        }
        let Known { kind, server, starved, .. } = known;
        Situation { counted: self.counted, kind, server, starved }
    }

    /// "Already started": by an attempt of ours, as far as anybody can know, if
    /// one may have arrived (wire facts, section 5, no. 9).
    fn already_started(&self) -> Outcome {
        match self.doubt {
            Doubt::MayHaveStarted => Outcome::Started(KnownBy::Retry),
            Doubt::None => Outcome::AlreadyStarted,
        }
    }

    /// The end of a row that is not sent again. In doubt it is never called
    /// failed or rejected: an earlier attempt may have started it.
    fn given_up(&self, class: FailureClass) -> Outcome {
        match (self.doubt, class) {
            (Doubt::MayHaveStarted, _) => Outcome::Unknown,
            (
                Doubt::None,
                FailureClass::BadRequest | FailureClass::NotFound | FailureClass::Permission,
            ) => Outcome::Rejected,
            (Doubt::None, _) => Outcome::Failed,
        }
    }

    /// The end of a row when the run stops. Without a journal nothing can be
    /// resumed, so one that is in doubt is unknown, and not pending.
    const fn cut_off(&self) -> (Outcome, Ending) {
        match self.doubt {
            Doubt::MayHaveStarted => (Outcome::Unknown, Ending::CutOff),
            Doubt::None => (Outcome::Pending, Ending::CutOff),
        }
    }
}
