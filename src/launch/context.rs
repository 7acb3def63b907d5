//! What all rows of a run share. The life of a row is in `row`.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::batch::{Event, EventBatcher};
use super::options::Options;
use super::pause_clock::PauseClock;
use super::row_state::Resumable;
use super::times::SendWindow;
use crate::api::{Caller, Client, Renewal};
use crate::domain::answer::{Answer, FailureClass, Verdict};
use crate::domain::clocks::Clocks;
use crate::domain::executor::Executor;
use crate::domain::record::Prior;
use crate::domain::request_id::RunId;
use crate::domain::task::Task;
use crate::limiter::{
    Admitted, Closed, Feedback, Lasting, Limiter, NotAsked, Permit, Question, Try,
};
use crate::rules::course::LastAnswers;
use crate::rules::retry::{Next, Patience, RetryContext, Server};
use crate::rules::server_time::{ServerClock, Sighting};
use crate::rules::stats::{Requests, Unasked};
use crate::shutdown::{Shutdown, StopReason};

pub(crate) struct RunContext {
    pub options: Options,
    pub client: Client,
    pub limiter: Arc<Limiter>,
    pub resumable: Resumable,
    pub times: SendWindow,
    pub batcher: Arc<EventBatcher>,
    pub shutdown: Shutdown,
    pub run: RunId,
    /// Number of the session in its run, from 1.
    pub session: u32,
    /// The wall clock, for the stamps of records.
    pub clock: Clock,
    pub clocks: Arc<dyn Clocks>,
    pub executor: Arc<dyn Executor>,
    pub state: SharedState,
}

/// What changes while rows are settled.
pub(crate) struct SharedState {
    pub server_clock: ServerClock,
    pub pauses: PauseClock,
    begun: OnceLock<Instant>,
    jitter: Mutex<fastrand::Rng>,
    requests: Mutex<Requests>,
}

impl SharedState {
    /// `seed` seeds the jitter of the backoff.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            server_clock: ServerClock::default(),
            pauses: PauseClock::default(),
            begun: OnceLock::new(),
            jitter: Mutex::new(fastrand::Rng::with_seed(seed)),
            requests: Mutex::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskResult {
    Answered,
    /// The server is gone, so the question is asked once more.
    InVain,
}

/// The wall clock, read once: stamps of a run never run backwards.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Wall time at `at`.
    pub wall: Timestamp,
    /// When the wall clock was read.
    pub at: Instant,
}

impl Clock {
    /// Returns the wall time at `instant`.
    #[must_use]
    pub fn read(&self, instant: Instant) -> Timestamp {
        let since = instant.saturating_duration_since(self.at);
        self.wall.checked_add(since).unwrap_or(self.wall)
    }

    /// Returns when the wall clock will show `moment`, if it does not step; at once if that is
    /// over.
    #[must_use]
    pub fn ahead(&self, moment: Timestamp) -> Instant {
        self.at + Duration::try_from(self.wall.duration_until(moment)).unwrap_or_default()
    }
}

impl RunContext {
    /// Waits until the window begins or the run stops.
    pub(super) async fn begin(&self) {
        let Self { times, clocks, shutdown, .. } = self;
        times.begin(&**clocks, shutdown).await;
        self.state.begun.get_or_init(Instant::now);
    }

    /// Returns when the window began, or when the run stopped while it waited for that.
    #[must_use]
    pub(super) fn begun(&self) -> Instant {
        *self.state.begun.get_or_init(Instant::now)
    }

    /// Returns how long the server took so far.
    pub(super) fn answers(&self) -> Option<LastAnswers> {
        let questions = self.options.confirmation();
        self.limiter.answer_times().map(|times| LastAnswers { times, questions })
    }

    #[must_use]
    pub(super) fn requests(&self) -> Requests {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn asked(&self, answer: &Answer) {
        self.saw(answer);
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).questions += 1;
    }

    pub(super) fn could_not_ask(&self, count: impl FnOnce(&mut Unasked)) {
        count(&mut self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).unasked);
    }

    /// Notes that the server accepted the row on `line`, which is yet to be confirmed: a crash
    /// must not lose that.
    pub(super) fn note_accepted(&self, line: u64, prior: Prior) {
        self.batcher.put(Event::Accepted(line, Box::new(prior)));
    }

    /// Notes what the server's clock showed.
    pub(super) fn saw(&self, answer: &Answer) {
        if let Some(date) = answer.date {
            self.state.server_clock.saw(Sighting { date, at: self.clocks.read() });
        }
    }

    /// Counts a start that came back or was given up.
    pub(super) fn count(&self, turn: Try, verdict: &Verdict, latency: Duration) {
        let mut requests = self.state.requests.lock().unwrap_or_else(PoisonError::into_inner);
        match turn {
            Try::First => requests.first(verdict, latency),
            Try::Retry => requests.again(verdict, latency),
        }
    }

    pub(super) async fn acquire_start(
        &self,
        task: &Task,
        turn: Try,
        line: u64,
        attempts: u32,
    ) -> Result<Admitted, Closed> {
        loop {
            match self.limiter.acquire_start(task.business, turn, line, attempts).await? {
                Admitted::Go(permit) => {
                    let permit = self.look_again(permit, turn == Try::First)?;
                    if !self.client.is_renewing() {
                        return Ok(Admitted::Go(permit));
                    }
                    drop(permit);
                    self.credentials_renewed().await?;
                }
                given_up @ Admitted::GiveUp(..) => return Ok(given_up),
            }
        }
    }

    pub(super) async fn acquire_question(
        &self,
        question: Question,
        line: u64,
    ) -> Result<Permit, NotAsked> {
        loop {
            let permit = self.limiter.acquire_question(question, line).await?;
            let permit = self.look_again(permit, false)?;
            if !self.client.is_renewing() {
                return Ok(permit);
            }
            drop(permit);
            self.credentials_renewed().await?;
        }
    }

    /// Has the credentials read again that the server refused to `caller`. A stop ends the wait
    /// for a command that gives them.
    pub(super) async fn renew(&self, caller: &Arc<Caller>) -> Renewal {
        tokio::select! {
            biased;
            () = self.shutdown.draining() => Renewal::None,
            renewal = self.client.renew(caller) => renewal,
        }
    }

    /// Waits until refused credentials were read again: nothing leaves with them meanwhile.
    async fn credentials_renewed(&self) -> Result<(), Closed> {
        Box::pin(async {
            tokio::select! {
                biased;
                () = self.shutdown.draining() => Err(Closed),
                () = self.client.renewed() => Ok(()),
            }
        })
        .await
    }

    /// Takes a permit back if the window is over: a timer may be late, and nothing leaves after
    /// the end.
    fn look_again(&self, permit: Permit, is_new: bool) -> Result<Permit, Closed> {
        let Self { shutdown, times, clocks, .. } = self;
        if times.has_end() {
            times.close(permit.sent(), clocks.read().wall, shutdown);
        }
        if shutdown.is_draining() || (is_new && !shutdown.takes_new_rows()) {
            return Err(Closed);
        }
        Ok(permit)
    }

    pub(super) fn stop_after_outage(&self, known: &Feedback) -> Result<(), Closed> {
        let patience = self.options.outage_patience;
        match known.outage.as_ref().filter(|outage| outage.lasted >= patience) {
            None => Ok(()),
            Some(Lasting { lasted, says }) => {
                let (lasted, message) = (*lasted, (&**says).into());
                self.shutdown.drain(StopReason::Outage { lasted, message });
                Err(Closed)
            }
        }
    }

    /// Applies the answer to a question to the session. Before the session's first answer it
    /// counts as much as the answer to a start.
    pub(super) fn after_question(
        &self,
        answer: &Answer,
        known: &Feedback,
    ) -> Result<AskResult, Closed> {
        self.stop_after_outage(known)?;
        let Verdict::Failed(failure) = &answer.verdict else { return Ok(AskResult::Answered) };
        if known.in_outage {
            return Ok(AskResult::InVain);
        }
        let is_throttled = failure.class == FailureClass::ThrottledApp;
        if known.server >= Server::Front && !(is_throttled && known.patience == Patience::Over) {
            return Ok(AskResult::Answered);
        }
        let Feedback { in_outage, server, unconnected, patience, outage: _ } = *known;
        let now = RetryContext { counted: 1, in_outage, server, unconnected, patience };
        match self.options.policy.next(failure, now) {
            Next::Stop(stop) => {
                let message = answer.reply.message.clone();
                self.shutdown.drain(StopReason::Answer { stop, message });
                Err(Closed)
            }
            Next::AfterPause => Ok(AskResult::InVain),
            Next::After { .. } | Next::GiveUp => Ok(AskResult::Answered),
        }
    }

    pub(super) async fn wait(&self, time: Duration) -> Result<(), Closed> {
        tokio::select! {
            biased;
            () = self.shutdown.draining() => Err(Closed),
            () = sleep(time) => Ok(()),
        }
    }

    pub(super) fn backoff(&self, step: u32) -> Duration {
        let share = self.state.jitter.lock().unwrap_or_else(PoisonError::into_inner).f64();
        self.options.limits.backoff.jittered(step, share)
    }
}
