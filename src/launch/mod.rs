//! Rows come from an input; each is settled by as many requests as it takes,
//! within the limits; a collector writes a record of each.
//!
//! ```text
//!  feed (thread) ──Rows──► one small task per open row (row::settle) ──Records──► collector (thread)
//! ```
//!
//! Only two things come back from the collector: permits, once records are written,
//! and the word that rows are noted and may be sent. A full channel slows the one
//! before it, a closed one stops it. This module knows when a row is opened and when the run has
//! ended; it must not know how a row is settled (`row`) or written
//! (`collect`).

mod ask;
mod batch;
mod collect;
mod context;
mod dispatch;
mod feed;
mod observe;
mod options;
mod output_failure;
mod row;
mod row_state;
mod times;
mod views;
mod workers;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::Client;
use crate::domain::clocks::Clocks;
use crate::domain::record::{Ending, Outcome, Prior, Record};
use crate::domain::request_id::RunId;
use crate::domain::row::Row;
use crate::input::InputError;
use crate::journal::Journal;
use crate::limiter::{Counters, IntentNotes, Limiter};
use crate::monitor::metrics::Figures;
use crate::report::OpenReport;
use crate::rules::resume::Planned;
use crate::rules::stats::{Requests, Summary};
use crate::shutdown::{Cause, Shutdown};
use batch::EventBatcher;
use collect::Collector;
use context::{RunContext, SharedState};
use dispatch::Dispatcher;
use observe::Observer;
use row_state::cut_off;
use views::LiveCounts;
use workers::Workers;

pub use collect::RunJournal;
pub use context::Clock;
pub use dispatch::Staged;
pub(crate) use dispatch::{Answering, Proceed, StageChange};
pub use observe::{Audience, Systemd};
pub use options::{Certainty, Lookup, Options};
pub use output_failure::OutputFailure;
pub(crate) use row_state::Resumable;
pub use times::{Deadline, SendWindow};

/// Rows that are not settled, in the order of the input; after an error there are
/// no more.
pub(crate) type PlannedRows = Box<dyn Iterator<Item = Result<Planned, InputError>> + Send>;

/// Everything that a run is made of.
pub struct Pipeline {
    /// What is left to do.
    pub rows: PlannedRows,
    /// Whether the rows have an end that can be waited for.
    pub source: RowSource,
    /// What was chosen about the launch.
    pub options: Options,
    /// Who sends them.
    pub client: Client,
    /// When requests may leave.
    pub times: SendWindow,
    /// How the launch is cut into stages.
    pub staged: Staged,
    /// Who is told how it goes.
    pub audience: Audience,
    /// Where the run is kept, if it is.
    pub run_journal: Option<RunJournal>,
    /// Where records go.
    pub reports: Vec<OpenReport>,
    /// What stops the run.
    pub shutdown: Shutdown,
    /// The name of the run.
    pub run: RunId,
    /// Which of its sessions this is, from 1.
    pub session: u32,
    /// The wall clock, for the stamps of records.
    pub clock: Clock,
    /// This machine's clocks.
    pub clocks: Arc<dyn Clocks>,
    /// Seeds the jitter of the backoff.
    pub seed: u64,
}

/// Whether the rows have an end that can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSource {
    /// A file: it is read to its end, also while draining.
    File,
    /// A pipe or a terminal: nobody knows when it will end.
    Stream,
    /// What was read of a stream that never came to its end.
    PartOfStream,
}

/// How a run ended.
pub struct Ended {
    /// What became of the rows.
    pub summary: Summary,
    /// The requests of this session.
    pub requests: Requests,
    /// What the limiter saw.
    pub counters: Counters,
    /// From the first row to the last record.
    pub took: Duration,
    /// How the input ended.
    pub input: InputEnd,
    /// Why the run was stopped, if it was.
    pub cause: Option<Cause>,
    /// What went wrong with the journal or a report, if anything did.
    pub failure: Option<OutputFailure>,
    /// The journal, to note how the session came out.
    pub journal: Option<Journal>,
    /// What was measured.
    pub figures: Figures,
}

/// How the input ended.
#[derive(Debug)]
pub enum InputEnd {
    /// All of it was read.
    Reached,
    /// The run stopped while there was, or might have been, more.
    NotReached,
    /// An earlier session stopped while there might have been more.
    Incomplete,
    /// It could not be read further.
    Failed(InputError),
}

impl Pipeline {
    /// Runs to the end of the rows, or until it is stopped and has drained.
    pub async fn run(self) -> Ended {
        let Self { rows, source, options, client, shutdown, .. } = self;
        let resumable = match &self.run_journal {
            Some(_) => Resumable::FromJournal,
            None => Resumable::Never,
        };
        let notes = match resumable {
            Resumable::FromJournal => IntentNotes::Needed,
            Resumable::Never => IntentNotes::NotNeeded,
        };
        let limiter = Limiter::new(&options.limits, notes);
        let batcher = Arc::new(EventBatcher::default());
        let context = Arc::new(RunContext {
            options,
            client,
            limiter: Arc::clone(&limiter),
            resumable,
            times: self.times,
            batcher: Arc::clone(&batcher),
            shutdown: shutdown.clone(),
            run: self.run,
            session: self.session,
            clock: self.clock,
            clocks: self.clocks,
            state: SharedState::new(self.seed),
        });

        let items = feed::start(rows);
        let counts = Arc::new(LiveCounts::default());
        let (to_launch, to_outbox) = (Arc::clone(&context), Arc::clone(&batcher));
        let collector = Collector::new(self.run_journal, self.reports, to_launch, to_outbox);
        let mut workers = Workers::start(&context, &batcher, collector, &counts);

        let dispatcher = Dispatcher {
            context: Arc::clone(&context),
            batcher,
            permits: Permits::new(context.options.lookahead),
            source,
        };
        let mut observer = Observer {
            audience: self.audience,
            counts,
            context: Arc::clone(&context),
            permits: dispatcher.permits.clone(),
            writing: None,
        };
        let work = async {
            context.begin().await;
            let input = dispatcher.open_all(items, self.staged, &shutdown).await;
            dispatcher.permits.all_back().await;
            input
        };
        let input = observer.until(workers.serve(work)).await;
        observer.audience.progress.end();
        observer.finish_writing().await;
        let collected = workers.end().await;
        let took = context.begun().elapsed();
        let figures = observer.at_the_end(&collected.summary, took);
        Ended {
            summary: collected.summary,
            requests: context.requests(),
            counters: limiter.counters(),
            took,
            input,
            cause: shutdown.cause(),
            failure: collected.failure,
            journal: collected.journal,
            figures,
        }
    }
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
        let permit = self.of_no_row().await;
        self.given.fetch_add(1, Ordering::Relaxed);
        permit
    }

    /// A permit that belongs to no row.
    async fn of_no_row(&self) -> OwnedSemaphorePermit {
        let permit = Arc::clone(&self.free).acquire_owned().await;
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

/// The record of a row that is not settled, as earlier sessions left it.
#[must_use]
pub(crate) fn left_open(row: Row, prior: Prior, resumable: Resumable) -> Record {
    let Prior { doubt, attempts, first_sent, last } = prior;
    let (outcome, ending) = cut_off(doubt, resumable);
    Record { row, outcome, ending, attempts, first_sent, last, reason: None, elapsed: None }
}

fn never_sent(row: Row, outcome: Outcome) -> Record {
    let ending = Ending::Settled;
    Record {
        row,
        outcome,
        ending,
        attempts: 0,
        first_sent: None,
        last: None,
        reason: None,
        elapsed: None,
    }
}
