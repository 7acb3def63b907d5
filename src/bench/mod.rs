//! Measures how `start_task` behaves under load, without lying.
//!
//! ```text
//!  feed (thread)            one thread                                      a request's own task
//! ┌────────────┐  rows   ┌──────────────────────────────────────┐ spawns ┌───────────────────────┐
//! │ the input  ├────────►│ send: waits until a request is due,  ├───────►│ api.start, then meter │
//! └────────────┘         │ whatever became of those before it   │        │ (due, sent, answered) │
//!                        └──────────────────────────────────────┘        └───────────────────────┘
//! ```
//!
//! An open loop: when a request is due never depends on an answer. Its response time
//! counts from the moment it was *due*, so that a server that stands still is charged
//! for all who would have waited; its service time counts from the moment it was sent.
//! Failures and timeouts are in both. Nothing here retries, holds, or decides what a
//! figure means for the exit code.

pub(crate) mod compare;
mod feed;
mod generator;
mod measured;
mod meter;
pub(crate) mod schedule;
pub(crate) mod search;
mod send;
pub(crate) mod slo;
mod started;
mod timer;
pub(crate) mod trend;
mod watching;

pub(crate) mod export;
pub(crate) mod find_max;
pub(crate) mod result;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::api::Client;
use crate::bench::schedule::{Schedule, Spread};
use crate::bench::slo::Slo;
use crate::domain::request_id::RunId;
use crate::domain::task::Task;
use crate::input::InputError;
use crate::shutdown::Shutdown;
use feed::Feed;
use meter::Meter;

pub(crate) use generator::raise_file_limit;
pub(crate) use measured::{Measured, Second};
pub(crate) use meter::Glance;
pub(crate) use started::Started;

/// Tasks to be started, each with its line; after an error there are no more.
pub(crate) type Tasks = Box<dyn Iterator<Item = Result<(u64, Task), InputError>> + Send>;

/// A server, and the rows that it is measured with: each is used once, in order.
pub(crate) struct Ground {
    client: Arc<Client>,
    rows: tokio::sync::Mutex<Feed>,
    shutdown: Shutdown,
    run: RunId,
    started: Mutex<Started>,
}

impl Ground {
    /// Nothing is sent yet.
    #[must_use]
    pub(crate) fn new(client: Client, tasks: Tasks, shutdown: Shutdown, run: RunId) -> Arc<Self> {
        let rows = tokio::sync::Mutex::new(Feed::start(tasks));
        let (client, started) = (Arc::new(client), Mutex::default());
        Arc::new(Self { client, rows, shutdown, run, started })
    }

    /// Which rows were started so far.
    pub(crate) fn started(&self) -> MutexGuard<'_, Started> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stops the measurement.
    #[must_use]
    pub(crate) const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Why the rows ended before their end, if they did.
    pub(crate) async fn input_error(&self) -> Option<String> {
        self.rows.lock().await.error()
    }
}

/// What is sent, and when.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// An open loop: requests are due, whatever becomes of those before.
    Open {
        /// When, the warm-up included.
        schedule: Schedule,
        /// How they are spread.
        spread: Spread,
        /// More are never out at a time; what is due then is not sent, and counted.
        max_in_flight: NonZeroUsize,
    },
    /// The classical loop: each of so many sends its next request after its answer.
    Closed {
        /// How many there are.
        concurrency: NonZeroUsize,
        /// For how long, the warm-up included, or how many requests after it.
        stop: Until,
    },
}

/// When a closed loop ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// After so long.
    Over(Duration),
    /// After so many requests.
    Sent(u64),
}

/// What is measured, and what ends it early.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What is sent.
    pub load: Load,
    /// Requests that are due before this are left out.
    pub warmup: Duration,
    /// What is expected.
    pub slos: Vec<Slo>,
    /// What is done when it is missed in the middle.
    pub on_miss: OnMiss,
}

/// What is done when an expectation is missed before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnMiss {
    /// It goes on.
    GoOn,
    /// It ends.
    Abort,
}

/// Who looks on.
#[derive(Clone)]
pub(crate) struct Onlooker {
    /// How often.
    pub every: Duration,
    /// What is done then.
    pub show: Arc<dyn Fn(&Glance) + Send + Sync>,
}

/// Why a measurement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The load was over.
    LoadOver,
    /// The rows were used up.
    RowsUsedUp,
    /// It was told to stop; `Shutdown` has the cause.
    Stopped,
}

/// So long before the first request is due, everything else is done.
const PREPARES: Duration = Duration::from_millis(20);

/// Measures what `plan` says.
///
/// # Errors
///
/// Where the system has no timer for it.
pub(crate) async fn measure(
    ground: &Arc<Ground>,
    plan: &Plan,
    onlooker: Option<&Onlooker>,
) -> std::io::Result<Measured> {
    // The clock starts when everything is there.
    ground.rows.lock().await.ready().await;
    let began = Instant::now() + PREPARES;
    let meter = SharedMeter::new(Meter::new(began, plan));
    let watching = watching::watch(&meter, onlooker, plan, &ground.shutdown);
    let (before, since) = (generator::Cpu::now(), Instant::now());
    let (ended, sent_until) = match &plan.load {
        Load::Open { schedule, spread, max_in_flight } => {
            send::open(ground, &meter, schedule.clone(), *spread, *max_in_flight).await?
        }
        Load::Closed { concurrency, stop } => {
            send::closed(ground, &meter, *concurrency, *stop, plan.warmup).await
        }
    };
    watching.abort();
    let cpu = before.share_since(since);
    Ok(meter.into_measured(ended, sent_until, cpu, ground.client.traffic()))
}

/// The meter that all requests of a measurement share.
#[derive(Clone)]
struct SharedMeter(Arc<Mutex<Meter>>);

impl SharedMeter {
    fn began(&self) -> Instant {
        self.lock().began()
    }

    fn new(meter: Meter) -> Self {
        Self(Arc::new(Mutex::new(meter)))
    }

    fn lock(&self) -> MutexGuard<'_, Meter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
