//! Rows come from an input; each is settled by as many requests as it takes,
//! within the limits; a collector writes a record of each.
//!
//! ```text
//!  feed (thread) ──Rows──► one small task per open row (row::settle) ──Records──► collector (thread)
//! ```
//!
//! Nothing answers backwards: a full channel slows the one before it, a closed
//! one stops it. This module knows when a row is opened and when the run has
//! ended; it must not know how a row is settled ([`row`]) or written
//! (`collect`).

mod collect;
mod feed;
mod outbox;
pub mod row;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::debug;

use crate::api::Client;
use crate::gates::{self, Gates, Limits, Tally};
use crate::input::{InputError, Rows};
use crate::progress::{Held, Pause, Progress, Room, Standing};
use crate::record::{AlreadyStarted, Ending, Outcome, Record};
use crate::report::{Open, ReportError};
use crate::request_id::RunId;
use crate::retry::Policy;
use crate::row::Row;
use crate::shutdown::{Cause, Shutdown};
use crate::stats::{Latencies, Summary};
use crate::task::Task;
use collect::Written;
use feed::Fed;
use outbox::{Outbox, Settled};
use row::Launch;

pub use row::Clock;

/// Everything that a run is made of.
pub struct Pipeline {
    /// What is to be started.
    pub rows: Rows,
    /// Whether the rows have an end that can be waited for.
    pub source: Source,
    /// How many tasks there are, where that is known before.
    pub expected: Option<u64>,
    /// How many rows may be open: handed out, and their records not yet written.
    pub lookahead: NonZeroUsize,
    /// How many rows are launched at most; the others are pending.
    pub limit: Option<u64>,
    /// The limits on requests.
    pub limits: Limits,
    /// Who sends them.
    pub client: Client,
    /// When a row is sent again.
    pub policy: Policy,
    /// How long the server may be gone before the run stops.
    pub outage_patience: Duration,
    /// How "already started" counts.
    pub already_started: AlreadyStarted,
    /// What shows how it goes.
    pub progress: Progress,
    /// Where records go.
    pub reports: Vec<Open>,
    /// What stops the run.
    pub shutdown: Shutdown,
    /// The name of the run.
    pub run: RunId,
    /// The wall clock.
    pub clock: Clock,
    /// Seeds the jitter of the backoff.
    pub seed: u64,
}

/// Whether the rows have an end that can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file: it is read to its end, also while draining.
    File,
    /// A pipe or a terminal: nobody knows when it will end.
    Stream,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// What became of the rows.
    pub summary: Summary,
    /// How long the requests took.
    pub latencies: Latencies,
    /// What the gates saw.
    pub tally: Tally,
    /// From the first row to the last record.
    pub took: Duration,
    /// How the input ended.
    pub input: InputEnd,
    /// Why the run was stopped, if it was.
    pub cause: Option<Cause>,
    /// What went wrong with a report, if anything did.
    pub report_failure: Option<ReportError>,
}

/// How the input ended.
#[derive(Debug)]
pub enum InputEnd {
    /// All of it was read.
    Reached,
    /// The run stopped while there was, or might have been, more.
    NotReached,
    /// It could not be read further.
    Failed(InputError),
}

impl Pipeline {
    /// Runs to the end of the rows, or until it is stopped and has drained.
    pub async fn run(self) -> Ended {
        let Self { rows, source, lookahead, limits, client, policy, shutdown, run, .. } = self;
        let gates = Gates::new(&limits);
        let outbox = Arc::new(Outbox::default());
        let launch = Arc::new(Launch::new(
            row::Parts {
                client,
                gates: Arc::clone(&gates),
                policy,
                backoff: limits.backoff,
                outage_patience: self.outage_patience,
                shutdown: shutdown.clone(),
                run,
                clock: self.clock,
            },
            self.seed,
        ));

        let fed = feed::start(rows, self.expected);
        let written = Arc::new(Written::default());
        let (batches, received) = mpsc::channel(4);
        let collector = {
            let (reports, shutdown) = (self.reports, shutdown.clone());
            let summary = Summary::new(self.already_started);
            let written = Arc::clone(&written);
            thread::spawn(move || collect::collect(received, reports, summary, &written, &shutdown))
        };
        let forwarding = tokio::spawn(Arc::clone(&outbox).forward(batches));
        let gatekeeping = tokio::spawn(Arc::clone(&gates).run());
        let closing = tokio::spawn(close_when_draining(Arc::clone(&gates), shutdown.clone()));

        let begun = Instant::now();
        let opener = Opener {
            launch: Arc::clone(&launch),
            outbox,
            permits: Permits::new(lookahead),
            source,
            limit: self.limit,
        };
        let mut onlooker = Onlooker {
            progress: self.progress,
            written,
            gates: Arc::clone(&gates),
            permits: opener.permits.clone(),
        };
        let work = async {
            let input = opener.open_all(fed, &shutdown).await;
            opener.permits.all_back().await;
            input
        };
        let input = onlooker.until(work).await;
        onlooker.progress.end();

        closing.abort();
        gatekeeping.abort();
        // Its sender goes with it, which ends the collector.
        forwarding.abort();
        drop(opener);
        let collected = tokio::task::spawn_blocking(move || collector.join()).await;
        let collected = match collected {
            Ok(Ok(collected)) => collected,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        Ended {
            summary: collected.summary,
            latencies: launch.latencies(),
            tally: gates.tally(),
            took: begun.elapsed(),
            input,
            cause: shutdown.cause(),
            report_failure: collected.failure,
        }
    }
}

async fn close_when_draining(gates: Arc<Gates>, shutdown: Shutdown) {
    shutdown.draining().await;
    gates.close();
}

/// The right to have a row open; `lookahead` of them exist. A permit travels
/// with its row's record and comes back once that is written.
#[derive(Clone)]
struct Permits {
    free: Arc<Semaphore>,
    all: u32,
    given: Arc<AtomicU64>,
}

impl Permits {
    fn new(lookahead: NonZeroUsize) -> Self {
        let all = u32::try_from(lookahead.get()).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(all as usize)), all, given: Arc::default() }
    }

    async fn one(&self) -> OwnedSemaphorePermit {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        self.given.fetch_add(1, Ordering::Relaxed);
        permit.expect("nobody closes the semaphore")
    }

    /// How many rows are open, of which `done` have their records written.
    fn taken(&self, done: u64) -> u64 {
        self.given.load(Ordering::Relaxed).saturating_sub(done)
    }

    /// Returns once every record is written.
    async fn all_back(&self) {
        drop(self.free.acquire_many(self.all).await);
    }
}

/// Shows how things stand while the work goes on.
struct Onlooker {
    progress: Progress,
    written: Arc<Written>,
    gates: Arc<Gates>,
    permits: Permits,
}

impl Onlooker {
    async fn until<T>(&mut self, work: impl Future<Output = T>) -> T {
        let Some(every) = self.progress.every() else { return work.await };
        tokio::pin!(work);
        let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                done = &mut work => return done,
                now = ticks.tick() => self.progress.show(&self.standing(now), now),
            }
        }
    }

    fn standing(&self, now: Instant) -> Standing {
        let glimpse = self.gates.glimpse();
        let left = |until: Instant| until.saturating_duration_since(now);
        let pause = glimpse.held.map(|held| match held {
            gates::Held::Outage(until) => Pause { who: Held::Outage, left: left(until) },
            gates::Held::Everyone(until) => Pause { who: Held::Everyone, left: left(until) },
            gates::Held::Businesses(count, business, until) => {
                Pause { who: Held::Businesses(count, business), left: left(until) }
            }
        });
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let done = count(&self.written.done);
        let open = self.permits.taken(done);
        let is_full = open >= u64::from(self.permits.all);
        let held = matches!(glimpse.held, Some(gates::Held::Businesses(..)));
        let room = if is_full && held && glimpse.in_flight == 0 {
            debug!("all rows of --lookahead wait for businesses that are held");
            Room::AllWait
        } else {
            Room::Free
        };
        Standing {
            done,
            good: count(&self.written.good),
            bad: count(&self.written.bad),
            waiting: open.saturating_sub(glimpse.in_flight),
            in_flight: glimpse.in_flight,
            requests: glimpse.requests,
            pause,
            room,
        }
    }
}

/// Opens rows, as many at a time as there are permits.
struct Opener {
    launch: Arc<Launch>,
    outbox: Arc<Outbox>,
    permits: Permits,
    source: Source,
    limit: Option<u64>,
}

impl Opener {
    async fn open_all(&self, mut fed: mpsc::Receiver<Fed>, shutdown: &Shutdown) -> InputEnd {
        let mut batch = Vec::with_capacity(feed::BATCH);
        let mut end = InputEnd::Reached;
        let mut left = self.limit.unwrap_or(u64::MAX);
        loop {
            if left == 0 && self.source == Source::Stream && !fed.is_closed() {
                // Nothing more is to be launched, so nothing more is read.
                fed.close();
                end = InputEnd::NotReached;
            }
            let count = match self.source {
                Source::File => fed.recv_many(&mut batch, feed::BATCH).await,
                Source::Stream => tokio::select! {
                    biased;
                    () = shutdown.draining(), if !fed.is_closed() => {
                        // What was read is still in the channel, and is taken.
                        fed.close();
                        end = InputEnd::NotReached;
                        continue;
                    }
                    count = fed.recv_many(&mut batch, feed::BATCH) => count,
                },
            };
            if count == 0 {
                return end;
            }
            for fed in batch.drain(..) {
                match fed {
                    Fed::End => end = InputEnd::Reached,
                    Fed::Failed(error) => end = InputEnd::Failed(error),
                    Fed::Task(row, _) if left == 0 => {
                        self.pass(row, Outcome::Pending, Ending::CutOff).await;
                    }
                    Fed::Task(row, task) => {
                        left -= 1;
                        self.open(row, task, shutdown).await;
                    }
                    Fed::Unsent(row, outcome) => self.pass(row, outcome, Ending::Settled).await,
                }
            }
        }
    }

    async fn open(&self, row: Row, task: Task, shutdown: &Shutdown) {
        let permit = self.permits.one().await;
        if shutdown.is_draining() {
            self.put(never_sent(row, Outcome::Pending, Ending::CutOff), permit);
            return;
        }
        let (launch, outbox) = (Arc::clone(&self.launch), Arc::clone(&self.outbox));
        tokio::spawn(async move {
            let record = row::settle(&launch, row, task, Instant::now()).await;
            outbox.put(Settled { record, permit });
        });
    }

    async fn pass(&self, row: Row, outcome: Outcome, ending: Ending) {
        let permit = self.permits.one().await;
        self.put(never_sent(row, outcome, ending), permit);
    }

    fn put(&self, record: Record, permit: OwnedSemaphorePermit) {
        self.outbox.put(Settled { record, permit });
    }
}

fn never_sent(row: Row, outcome: Outcome, ending: Ending) -> Record {
    Record { row, outcome, ending, attempts: 0, last: None, elapsed: None }
}
