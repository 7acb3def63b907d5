//! What all rows of a run share: who sends, when, how often, and the counts of it.
//!
//! Values and their small acts; the life of a row is in `row`.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::batch::{Event, EventBatcher};
use super::options::Options;
use super::row_state::Resumable;
use super::times::SendWindow;
use crate::api::Client;
use crate::domain::answer::{Answer, FailureClass, Verdict};
use crate::domain::clocks::Clocks;
use crate::domain::record::Prior;
use crate::domain::request_id::RunId;
use crate::domain::task::Task;
use crate::limiter::{
    Admitted, Closed, Feedback, Lasting, Limiter, NotAsked, Permit, Question, Try,
};
use crate::rules::retry::{Next, Patience, RetryContext, Server};
use crate::rules::server_time::{ServerClock, Sighting};
use crate::rules::stats::{Requests, Unasked};
use crate::shutdown::{Shutdown, StopReason};

/// What all rows of a run share.
pub(crate) struct RunContext {
    /// What was chosen about the launch.
    pub options: Options,
    /// Who sends.
    pub client: Client,
    /// Who may send.
    pub limiter: Arc<Limiter>,
    /// Whether a row that is cut off can be taken up again.
    pub resumable: Resumable,
    /// When requests may leave.
    pub times: SendWindow,
    /// Where events of rows go.
    pub batcher: Arc<EventBatcher>,
    /// What stops the run.
    pub shutdown: Shutdown,
    /// The name of the run.
    pub run: RunId,
    /// Number of the session in its run, from 1.
    pub session: u32,
    /// The wall clock, for the stamps of records.
    pub clock: Clock,
    /// This machine's clocks.
    pub clocks: Arc<dyn Clocks>,
    /// What changes while rows are settled.
    pub state: SharedState,
}

/// What changes while rows are settled.
pub(crate) struct SharedState {
    /// What the server's clock showed.
    pub server_clock: ServerClock,
    begun: OnceLock<Instant>,
    jitter: Mutex<fastrand::Rng>,
    requests: Mutex<Requests>,
}

impl SharedState {
    /// `seed` seeds the jitter of the backoff.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            server_clock: ServerClock::default(),
            begun: OnceLock::new(),
            jitter: Mutex::new(fastrand::Rng::with_seed(seed)),
            requests: Mutex::default(),
        }
    }
}

/// Whether a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskResult {
    /// It was, one way or another.
    Answered,
    /// It was not, since the server is gone: it is asked once more.
    InVain,
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
    /// What it showed at `instant`.
    #[must_use]
    pub fn read(&self, instant: Instant) -> Timestamp {
        let since = instant.saturating_duration_since(self.at);
        self.wall.checked_add(since).unwrap_or(self.wall)
    }

    /// When it will show `moment`, if it does not step; at once if it is over.
    #[must_use]
    pub fn ahead(&self, moment: Timestamp) -> Instant {
        self.at + Duration::try_from(self.wall.duration_until(moment)).unwrap_or_default()
    }
}

impl RunContext {
    /// Waits until the window begins, or the run stops.
    pub(super) async fn begin(&self) {
        let Self { times, clocks, shutdown, .. } = self;
        times.begin(&**clocks, shutdown).await;
        self.state.begun.get_or_init(Instant::now);
    }

    /// When the window began, or the run stopped while it waited for it.
    #[must_use]
    pub(super) fn begun(&self) -> Instant {
        *self.state.begun.get_or_init(Instant::now)
    }

    /// The requests that were sent so far.
    #[must_use]
    pub(super) fn requests(&self) -> Requests {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A question came back with this answer.
    pub(super) fn asked(&self, answer: &Answer) {
        self.saw(answer);
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).questions += 1;
    }

    /// Counts something that could not be asked.
    pub(super) fn could_not_ask(&self, count: impl FnOnce(&mut Unasked)) {
        count(&mut self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).unasked);
    }

    /// The server accepted the row on `line`, which is yet to be confirmed: a crash must
    /// not lose that.
    pub(super) fn note_accepted(&self, line: u64, prior: Prior) {
        self.batcher.put(Event::Accepted(line, Box::new(prior)));
    }

    /// Notes what the server's clock showed.
    pub(super) fn saw(&self, answer: &Answer) {
        if let Some(date) = answer.date {
            self.state.server_clock.saw(Sighting { date, at: self.clocks.read() });
        }
    }

    /// A start came back, or was given up.
    pub(super) fn count(&self, turn: Try, verdict: &Verdict, latency: Duration) {
        let mut requests = self.state.requests.lock().unwrap_or_else(PoisonError::into_inner);
        match turn {
            Try::First => requests.first(verdict, latency),
            Try::Retry => requests.again(verdict, latency),
        }
    }

    /// Waits until `task` on `line`, that was sent so many times, may be sent.
    ///
    /// # Errors
    ///
    /// When the run stops before.
    pub(super) async fn acquire_start(
        &self,
        task: &Task,
        turn: Try,
        line: u64,
        attempts: u32,
    ) -> Result<Admitted, Closed> {
        match self.limiter.acquire_start(task.business, turn, line, attempts).await? {
            Admitted::Go(permit) => self.look_again(permit, turn == Try::First).map(Admitted::Go),
            given_up @ Admitted::GiveUp(..) => Ok(given_up),
        }
    }

    /// Waits until a question about the row on `line` may leave.
    ///
    /// # Errors
    ///
    /// When the run stops before, or there will be no answer.
    pub(super) async fn acquire_question(
        &self,
        question: Question,
        line: u64,
    ) -> Result<Permit, NotAsked> {
        let permit = self.limiter.acquire_question(question, line).await?;
        Ok(self.look_again(permit, false)?)
    }

    /// Takes a permit back after whose end the window is over: a timer may be late, and
    /// nothing leaves after the end.
    fn look_again(&self, permit: Permit, is_new: bool) -> Result<Permit, Closed> {
        let Self { shutdown, times, clocks, .. } = self;
        times.close(permit.sent(), clocks.read().wall, shutdown);
        if shutdown.is_draining() || (is_new && !shutdown.takes_new_rows()) {
            return Err(Closed);
        }
        Ok(permit)
    }

    /// Stops the run when the server has been gone for too long.
    ///
    /// # Errors
    ///
    /// When it has.
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

    /// What the answer to a question means for the session; before its first answer that
    /// is as much as that of a start.
    ///
    /// # Errors
    ///
    /// When the session stops.
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

    /// Waits.
    ///
    /// # Errors
    ///
    /// When the run stops before.
    pub(super) async fn wait(&self, time: Duration) -> Result<(), Closed> {
        tokio::select! {
            biased;
            () = self.shutdown.draining() => Err(Closed),
            () = sleep(time) => Ok(()),
        }
    }

    /// How long to wait before a retry, with jitter.
    pub(super) fn backoff(&self, step: u32) -> Duration {
        let share = self.state.jitter.lock().unwrap_or_else(PoisonError::into_inner).f64();
        self.options.limits.backoff.jittered(step, share)
    }
}
