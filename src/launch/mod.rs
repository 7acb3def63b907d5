//! Rows come from an input; each is settled by as many requests as it takes,
//! within the limits; a collector writes a record of each.
//!
//! ```text
//!  feed (thread) ──Rows──► one small task per open row (row::settle) ──Records──► collector (thread)
//! ```
//!
//! Only two things come back from the collector: permits, once records are written, and the word
//! that rows are noted and may be sent. A full channel slows the step before it, and a closed one
//! stops it. This module knows when a row is opened and when the run has ended; it must not know
//! how a row is settled (`row`) or written (`collect`).

mod ask;
mod batch;
mod collect;
mod connections;
mod context;
mod dispatch;
mod feed;
mod observe;
mod options;
mod output_failure;
mod pause_clock;
mod permits;
mod row;
mod row_log;
mod row_state;
mod source;
mod times;
mod unsent;
mod views;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use crate::api::Client;
use crate::domain::clocks::Clocks;
use crate::domain::executor::Executor;
use crate::domain::request_id::RunId;
use crate::journal::Journal;
use crate::limiter::{Counters, IntentNotes, Limiter};
use crate::monitor::metrics::Figures;
use crate::report::OpenReport;
use crate::rules::course::LastAnswers;
use crate::rules::stats::{Requests, Summary};
use crate::shutdown::{Shutdown, StopReason};
use batch::EventBatcher;
use collect::Collector;
use context::{RunContext, SharedState};
use dispatch::{Dispatcher, Opened};
use observe::Observer;
use permits::RowPermits;
use views::LiveCounts;
use workers::Workers;

pub use collect::RunJournal;
pub use context::Clock;
pub use dispatch::Staged;
pub(crate) use dispatch::{Answering, LimitReached, Proceed, StageApproval, StageChange};
pub use observe::{Audience, DrainStart, Systemd};
pub use options::{Certainty, Lookup, Options};
pub use output_failure::OutputFailure;
pub(crate) use row_state::Resumable;
pub(crate) use source::PlannedRows;
pub use source::{InputEnd, RowSource};
pub use times::{Deadline, SendWindow};
pub(crate) use unsent::left_open;

/// All parts of a run.
pub struct Pipeline {
    /// Rows that are left to do.
    pub rows: PlannedRows,
    /// Whether the rows have an end that can be waited for.
    pub source: RowSource,
    /// Choices about the launch.
    pub options: Options,
    /// Sender of the requests.
    pub client: Client,
    /// Window in which requests may leave.
    pub times: SendWindow,
    /// Division of the launch into stages.
    pub staged: Staged,
    /// Everyone who is told how it goes.
    pub audience: Audience,
    /// Journal of the run, if it is kept.
    pub run_journal: Option<RunJournal>,
    /// Reports that show its records.
    pub reports: Vec<OpenReport>,
    /// Handle that stops the run.
    pub shutdown: Shutdown,
    /// Name of the run.
    pub run: RunId,
    /// Number of the session in its run, from 1.
    pub session: u32,
    /// Wall clock, for the stamps of records.
    pub clock: Clock,
    /// Clocks of this machine.
    pub clocks: Arc<dyn Clocks>,
    /// Runs the jobs beside the requests.
    pub executor: Arc<dyn Executor>,
    /// Seed of the backoff's jitter.
    pub seed: u64,
}

/// End of a run.
pub struct Ended {
    /// Counts of what became of the rows.
    pub summary: Summary,
    /// Counts of this session's requests.
    pub requests: Requests,
    /// Counts of what the limiter saw.
    pub counters: Counters,
    /// Time from the first row to the last record.
    pub took: Duration,
    /// How long the server took for its answers; `None` if no row was sent and settled.
    pub answers: Option<LastAnswers>,
    /// End of the input.
    pub input: InputEnd,
    /// What `--limit` left, if it was reached.
    pub limit: Option<LimitReached>,
    /// Reason why the run was stopped, if it was.
    pub stop_reason: Option<StopReason>,
    /// First failure of the journal or a report, if any.
    pub failure: Option<OutputFailure>,
    /// Journal, to note how the session came out.
    pub journal: Option<Journal>,
    /// Measurements of the session.
    pub figures: Figures,
}

impl Pipeline {
    /// Runs to the end of the rows, or until the run is stopped and has drained.
    pub async fn run(self) -> Ended {
        let Self { rows, source, staged, audience, run_journal, reports, shutdown, .. } = self;
        let (resumable, notes) = match &run_journal {
            Some(_) => (Resumable::FromJournal, IntentNotes::Needed),
            None => (Resumable::Never, IntentNotes::NotNeeded),
        };
        let context = Arc::new(RunContext {
            limiter: Limiter::new(&self.options.limits, notes, self.client.connections()),
            batcher: Arc::new(EventBatcher::new(self.options.lookahead)),
            options: self.options,
            client: self.client,
            resumable,
            times: self.times,
            shutdown: shutdown.clone(),
            run: self.run,
            session: self.session,
            clock: self.clock,
            clocks: self.clocks,
            executor: self.executor,
            state: SharedState::new(self.seed),
        });
        let items = feed::start(rows, &context.executor);
        let counts = Arc::new(LiveCounts::default());
        let collector = Collector::new(run_journal, reports, Arc::clone(&context));
        let mut workers = Workers::start(&context, collector, &counts);
        let permits = RowPermits::new(context.options.lookahead);
        let dispatcher =
            Dispatcher { context: Arc::clone(&context), permits: permits.clone(), source };
        let mut observer =
            Observer { audience, counts, context: Arc::clone(&context), permits, writing: None };
        let work = async {
            context.begin().await;
            dispatcher.open_all(items, staged, &shutdown).await
        };
        let Opened { input, limit } = observer.until(workers.serve(work)).await;
        observer.audience.progress.end();
        observer.finish_writing().await;
        let collected = workers.end().await;
        let took = context.begun().elapsed();
        let figures = observer.at_the_end(&collected.summary, took);
        Ended {
            summary: collected.summary,
            requests: context.requests(),
            counters: context.limiter.counters(),
            took,
            answers: context.answers(),
            input,
            limit,
            stop_reason: shutdown.stop_reason(),
            failure: collected.failure,
            journal: collected.journal,
            figures,
        }
    }
}
