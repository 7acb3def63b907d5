//! Tells a person, a file of metrics and systemd how a launch goes. Nothing here changes
//! anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use enum_map::EnumMap;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::debug;

use super::context::RunContext;
use super::permits::RowPermits;
use super::views::LiveCounts;
use crate::domain::record::OutcomeKind;
use crate::limiter::{self, Counters, LimiterSnapshot};
use crate::monitor::metrics::{self, Figures, SessionState, Textfile};
use crate::monitor::progress::{Pause, PauseReason, Progress, ProgressGoal, Room, RunSnapshot};
use crate::monitor::systemd;
use crate::rules::forecast::{Estimate, Estimator, ProgressCounts};
use crate::rules::stats::Summary;
use crate::shutdown::StopReason;

/// Everyone who is told how a launch goes.
pub struct Audience {
    /// Progress lines for whoever sits at the terminal.
    pub progress: Progress,
    /// Beginning of the progress lines.
    pub goal: ProgressGoal,
    /// Forecast of the time left.
    pub estimator: Estimator,
    /// File of metrics, if one is wanted.
    pub metrics: Option<Textfile>,
    /// Whether systemd wants to be told.
    pub systemd: Systemd,
    /// Is told once nothing new is sent any more.
    pub draining: Box<dyn Fn(&DrainStart) + Send + Sync>,
}

/// Requests that a stopping session still waits for, and its reason to stop.
#[derive(Clone, Debug)]
pub struct DrainStart {
    /// Why it stops.
    pub reason: Option<StopReason>,
    /// Requests in flight.
    pub in_flight: u64,
}

/// Whether systemd wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Systemd {
    /// Told, since systemd started this process.
    Listens,
    /// Not told, since systemd did not start this process.
    Absent,
}

pub(super) struct Observer {
    pub audience: Audience,
    pub counts: Arc<LiveCounts>,
    pub context: Arc<RunContext>,
    pub permits: RowPermits,
    /// Resolves once the file of metrics is written.
    pub writing: Option<oneshot::Receiver<()>>,
}

/// Maximum time to wait for the last file of metrics.
const MAX_WRITE_WAIT: Duration = Duration::from_secs(5);

impl Observer {
    /// Waits a while for the file that is being written, so that it overwrites no later one.
    pub(super) async fn finish_writing(&mut self) {
        if let Some(writing) = self.writing.take() {
            drop(tokio::time::timeout(MAX_WRITE_WAIT, writing).await);
        }
    }

    pub(super) async fn until<T>(&mut self, work: impl Future<Output = T>) -> T {
        let Audience { progress, metrics, systemd, .. } = &self.audience;
        let mut drawing = Ticks::every(progress.every());
        let mut measuring = Ticks::every(metrics.as_ref().map(|_| metrics::WRITE_INTERVAL));
        let mut telling =
            Ticks::every((*systemd == Systemd::Listens).then_some(systemd::STATUS_INTERVAL));
        self.measure(Instant::now());
        let shutdown = self.context.shutdown.clone();
        let (draining, mut is_told) = (shutdown.draining(), false);
        tokio::pin!(draining, work);
        loop {
            tokio::select! {
                biased;
                () = &mut draining, if !is_told => {
                    is_told = true;
                    let LimiterSnapshot { in_flight, .. } = self.context.limiter.snapshot();
                    let reason = shutdown.stop_reason();
                    (self.audience.draining)(&DrainStart { reason, in_flight });
                }
                done = &mut work => return done,
                now = drawing.next() => {
                    let (snapshot, estimate) = self.look(now);
                    self.audience.progress.show(&snapshot, &estimate);
                }
                now = measuring.next() => self.measure(now),
                now = telling.next() => {
                    let (snapshot, estimate) = self.look(now);
                    systemd::status(&self.audience.goal.told(&snapshot, &estimate));
                }
            }
        }
    }

    /// Writes the file of metrics, if there is one.
    fn measure(&mut self, now: Instant) {
        let (snapshot, estimate) = self.look(now);
        let Some(file) = &self.audience.metrics else { return };
        // A hanging disk must not keep requests waiting.
        if self
            .writing
            .as_mut()
            .is_some_and(|writing| writing.try_recv() == Err(TryRecvError::Empty))
        {
            return;
        }
        let (file, figures) = (file.clone(), self.figures(&snapshot, estimate));
        let at = self.context.clocks.read().wall;
        let (done, writing) = oneshot::channel();
        drop(self.context.executor.run(Box::pin(async move {
            if let Err(error) = file.write(Some(&figures), SessionState::Running, at) {
                debug!(%error, "the metrics could not be written");
            }
            // Ignores a closed channel: the session has ended.
            let _ = done.send(());
        })));
        self.writing = Some(writing);
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate is told with few digits")]
    /// Returns all measurements, once nothing is open any more.
    pub(super) fn at_the_end(&mut self, summary: &Summary, took: Duration) -> Figures {
        let (snapshot, _) = self.look(Instant::now());
        let requests = snapshot.requests as f64;
        let achieved = requests / took.as_secs_f64().max(1e-6);
        let estimate = Estimate { achieved: Some(achieved), ..Estimate::default() };
        Figures { by_outcome: summary.by_outcome(), ..self.figures(&snapshot, estimate) }
    }

    fn figures(&self, snapshot: &RunSnapshot, estimate: Estimate) -> Figures {
        let Counters { throttled, holds, .. } = self.context.limiter.counters();
        Figures {
            began: self.context.clock.wall,
            rows: self.audience.goal.rows,
            by_outcome: self.by_outcome(),
            requests: self.context.requests(),
            throttled,
            holds,
            open_rows: snapshot.waiting + snapshot.in_flight,
            in_flight: snapshot.in_flight,
            wanted: self.audience.goal.wanted,
            estimate,
        }
    }

    fn look(&mut self, now: Instant) -> (RunSnapshot, Estimate) {
        let snapshot = self.snapshot(now);
        let RunSnapshot { done, replayed, requests, .. } = snapshot;
        let counts = ProgressCounts {
            done,
            replayed,
            requests,
            paused: self.context.state.pauses.total(now),
            answers: self.context.limiter.answer_times(),
        };
        let mut estimate = self.audience.estimator.estimate(counts, now);
        if snapshot.pause.is_some() {
            // The pause slows the launch, and no limit.
            estimate.slowed_by = None;
        }
        if snapshot.pause.is_some() && snapshot.in_flight == 0 {
            // Nobody knows how long those who are held take.
            estimate = Estimate { left: None, fit: None, ..estimate };
        }
        if self.context.shutdown.takes_new_rows() {
            return (snapshot, estimate);
        }
        // Pending rows will not be done in this session, however long it lasts.
        (snapshot, Estimate { left: None, fit: None, slowed_by: None, ..estimate })
    }

    fn by_outcome(&self) -> EnumMap<OutcomeKind, u64> {
        EnumMap::from_fn(|outcome| read(&self.counts.by_outcome[outcome]))
    }

    fn snapshot(&self, now: Instant) -> RunSnapshot {
        let LimiterSnapshot { in_flight, requests, held } = self.context.limiter.snapshot();
        let this_session = read(&self.counts.now);
        let by_outcome = self.by_outcome();
        let all: u64 = by_outcome.values().sum();
        let pending = read(&self.counts.cut_off);
        // The counts are written one by one, so one may be ahead of another.
        let done = all.saturating_sub(pending);
        let open = self.permits.taken(this_session);
        let is_full = self.permits.is_full(this_session);
        let is_held = matches!(held, Some(limiter::Held::Businesses(..)));
        let room = if is_full && is_held && in_flight == 0 {
            debug!("all rows of --lookahead wait for throttled businesses");
            Room::AllWait
        } else {
            Room::Free
        };
        RunSnapshot {
            done,
            replayed: all.saturating_sub(this_session).min(done),
            started: by_outcome[OutcomeKind::Started],
            already_started: by_outcome[OutcomeKind::AlreadyStarted],
            bad: read(&self.counts.bad),
            already: self.context.options.already_started,
            pending,
            waiting: open.saturating_sub(in_flight),
            in_flight,
            requests,
            pause: held.map(|held| pause(held, now)),
            room,
        }
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn pause(held: limiter::Held, now: Instant) -> Pause {
    let (who, until) = match held {
        limiter::Held::Outage(until, says) => (PauseReason::Outage(says), until),
        limiter::Held::Everyone(until) => (PauseReason::Everyone, until),
        limiter::Held::Businesses(count, business, until) => {
            (PauseReason::Businesses(count, business), until)
        }
    };
    Pause { who, left: until.saturating_duration_since(now) }
}

struct Ticks(Option<tokio::time::Interval>);

impl Ticks {
    fn every(period: Option<Duration>) -> Self {
        Self(period.map(|period| {
            let mut ticks = tokio::time::interval_at(Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            ticks
        }))
    }

    async fn next(&mut self) -> Instant {
        match &mut self.0 {
            Some(ticks) => ticks.tick().await,
            None => std::future::pending().await,
        }
    }
}
