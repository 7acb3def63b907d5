//! Opens rows, as many at a time as there are permits, and stage by stage.
//!
//! It knows which row comes next and when it may be opened; what becomes of it is
//! `row`'s work.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep};

use super::ask;
use super::batch::Event;
use super::context::RunContext;
use super::feed::{self, FeedItem};
use super::options::Lookup;
use super::permits::RowPermits;
use super::row;
use super::source::{InputEnd, RowSource};
use super::unsent::{left_open, never_sent};
use crate::domain::record::{Prior, Record};
use crate::domain::row::Row;
use crate::rules::budget::Base;
use crate::rules::resume::{self, Planned};
use crate::rules::stages;
use crate::shutdown::{Shutdown, StopReason};

/// How a launch is cut into stages.
pub struct Staged {
    /// The positions of the input at which stages end, in order; none: all is one.
    pub ends: Vec<u64>,
    /// How long to wait between two of them.
    pub pause: Option<Duration>,
    /// Is told that one is done.
    pub tell: Arc<dyn Fn(&StageChange) + Send + Sync>,
    /// Decides after the pause whether the next one begins, if anybody wants to.
    pub ask: Option<StageApproval>,
    /// The last position of the input whose stage was agreed to in an earlier session.
    pub agreed_to: Option<u64>,
}

/// Decides whether the next stage begins. It may take its time, and is given up when
/// the run stops.
pub(crate) type StageApproval = Arc<dyn Fn(&StageChange) -> Answering + Send + Sync>;

/// A decision that is waited for.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Proceed> + Send>>;

/// From one stage to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageChange {
    /// The stage that is done, from 1.
    pub done: usize,
    /// All stages.
    pub all: usize,
    /// The first position of the next one...
    pub from: u64,
    /// ...and its last.
    pub to: u64,
}

/// Whether the next stage begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proceed {
    /// It does.
    On,
    /// The run stops.
    No,
}

/// The stage that a launch is in.
struct CurrentStage {
    staged: Staged,
    at: usize,
    /// Whether this session opened any row of it.
    has_opened: bool,
}

impl CurrentStage {
    const fn new(staged: Staged) -> Self {
        Self { staged, at: 0, has_opened: false }
    }

    /// The stage after this one in which `position` lies, if it is not this one.
    fn next_stage(&self, position: u64) -> Option<usize> {
        let ends = &self.staged.ends;
        let is_beyond = ends.get(self.at).is_some_and(|end| position > *end);
        is_beyond.then(|| ends.iter().position(|end| position <= *end)).flatten()
    }
}

/// Opens rows, as many at a time as there are permits.
pub(super) struct Dispatcher {
    /// What rows share.
    pub context: Arc<RunContext>,
    /// How many may be open.
    pub permits: RowPermits,
    /// Whether there is an end that can be waited for.
    pub source: RowSource,
}

impl Dispatcher {
    /// Opens all rows that come, waits until the records of all are written, and says how the
    /// input ended.
    pub(super) async fn open_all(
        &self,
        items: mpsc::Receiver<FeedItem>,
        staged: Staged,
        shutdown: &Shutdown,
    ) -> Opened {
        let (opened, rows) = self.open_each(items, staged, shutdown).await;
        self.context.batcher.put(Event::AllRead(rows));
        // The permit of a task that panicked comes back too, and its record is missed at the end.
        self.permits.all_back().await;
        opened
    }

    /// Opens all rows that come; returns what came of that, and how many rows came.
    async fn open_each(
        &self,
        mut items: mpsc::Receiver<FeedItem>,
        staged: Staged,
        shutdown: &Shutdown,
    ) -> (Opened, u64) {
        let mut stage = CurrentStage::new(staged);
        let mut batch = Vec::with_capacity(feed::BATCH);
        let mut end = None;
        let (mut left, mut rows) = (self.context.options.limit.unwrap_or(u64::MAX), 0);
        let (mut beyond, mut is_reached) = (0, left == 0);
        let mut question = self.context.options.certainty.confirm;
        loop {
            if left == 0 && self.source == RowSource::Stream && !items.is_closed() {
                // Nothing more is to be launched, so nothing more is read.
                items.close();
                end = Some(InputEnd::NotReached);
            }
            let Some(count) = self.receive(&mut items, &mut batch, shutdown).await else {
                // What was read is still in the channel, and is taken.
                items.close();
                end = Some(InputEnd::NotReached);
                continue;
            };
            if count == 0 {
                let input = end.unwrap_or_else(|| lost(shutdown));
                let limit = self.context.options.limit.filter(|_| is_reached);
                let limit = limit.map(|limit| LimitReached { limit, beyond });
                return (Opened { input, limit }, rows);
            }
            for item in batch.drain(..) {
                match item {
                    FeedItem::Failed(error) => {
                        end = Some(InputEnd::Failed(error));
                        continue;
                    }
                    FeedItem::End => {
                        end = Some(self.end());
                        self.context.batcher.put(Event::InputEnded(rows));
                        continue;
                    }
                    FeedItem::Row(Planned::Launch(planned)) if left == 0 => {
                        if beyond == 0 {
                            // They come last in the report, after all that is launched.
                            self.permits.all_back().await;
                        }
                        beyond += 1;
                        let record = self.cut_off(planned.row, planned.prior);
                        self.put(record, self.permits.one().await);
                    }
                    FeedItem::Row(Planned::Launch(planned)) => {
                        if question.take().is_some() {
                            ask::first(&self.context, planned.row.line, &planned.task).await;
                        }
                        self.enter(&mut stage, planned.position, shutdown).await;
                        left -= 1;
                        self.open(planned, shutdown).await;
                        is_reached = left == 0 && shutdown.takes_new_rows();
                    }
                    FeedItem::Row(Planned::Unsent(row, outcome)) => {
                        self.put(never_sent(row, outcome), self.permits.one().await);
                    }
                }
                rows += 1;
            }
        }
    }

    /// Receives some items into `batch`; `None` once no more is to be read of a stream.
    async fn receive(
        &self,
        items: &mut mpsc::Receiver<FeedItem>,
        batch: &mut Vec<FeedItem>,
        shutdown: &Shutdown,
    ) -> Option<usize> {
        match self.source {
            RowSource::File | RowSource::PartOfStream => {
                Some(items.recv_many(batch, feed::BATCH).await)
            }
            RowSource::Stream => tokio::select! {
                biased;
                () = shutdown.no_new_rows(), if !items.is_closed() => None,
                count = items.recv_many(batch, feed::BATCH) => Some(count),
            },
        }
    }

    /// How the input has ended, once all of it was read.
    const fn end(&self) -> InputEnd {
        match self.source {
            RowSource::File | RowSource::Stream => InputEnd::Reached,
            RowSource::PartOfStream => InputEnd::Incomplete,
        }
    }

    /// Sees to it that the stage of `position` has begun: the one before is settled, its
    /// pause is over, and whoever wanted to be asked agrees.
    async fn enter(&self, stage: &mut CurrentStage, position: u64, shutdown: &Shutdown) {
        let limiter = &self.context.limiter;
        if let Some(next) = stage.next_stage(position) {
            let ends = &stage.staged.ends;
            let (from, to) = (ends[next - 1] + 1, ends[next]);
            let change = StageChange { done: stage.at + 1, all: ends.len(), from, to };
            if shutdown.takes_new_rows() {
                tokio::select! {
                    biased;
                    () = shutdown.no_new_rows() => return,
                    go = self.pass_over(stage, change) => if go == Proceed::No {
                        shutdown.drain(StopReason::Declined);
                        return;
                    }
                }
            }
            stage.at = next;
            stage.has_opened = false;
        }
        if !stage.has_opened {
            stage.has_opened = true;
            if let (Some(end), RowSource::File) = (stage.staged.ends.get(stage.at), self.source) {
                limiter.rebase(Base::Rows(*end));
            }
        }
    }

    async fn pass_over(&self, stage: &CurrentStage, change: StageChange) -> Proceed {
        let pauses = &self.context.state.pauses;
        if stage.has_opened {
            self.permits.all_back().await;
        }
        pauses.begin(Instant::now());
        let go = self.between(stage, change).await;
        pauses.end(Instant::now());
        go
    }

    /// Waits out the pause between two stages, and asks whoever wanted to be asked.
    async fn between(&self, stage: &CurrentStage, change: StageChange) -> Proceed {
        let Staged { tell, pause, ask, agreed_to, .. } = &stage.staged;
        if stage.has_opened {
            tell(&change);
            if let Some(pause) = pause {
                sleep(*pause).await;
            }
        }
        match ask.clone() {
            Some(ask) if stages::must_be_agreed(change.from - 1, *agreed_to) => {
                let go = ask(&change).await;
                if go == Proceed::On {
                    self.note_agreement(change.to).await;
                }
                go
            }
            _ => Proceed::On,
        }
    }

    /// Returns once the journal holds that the stages up to `position` were agreed to, or draining
    /// has begun since it cannot.
    async fn note_agreement(&self, position: u64) {
        let permit = self.permits.of_no_row().await;
        self.context.batcher.put(Event::StageAgreed(position, permit));
        self.permits.all_back().await;
    }

    async fn open(&self, planned: resume::LaunchableRow, shutdown: &Shutdown) {
        let resume::LaunchableRow { row, task, prior, position: _ } = planned;
        let permit = self.permits.one().await;
        if !shutdown.takes_new_rows() {
            self.put(self.cut_off(row, prior), permit);
            return;
        }
        let context = Arc::clone(&self.context);
        // In a box, since the runtime moves a task's future several times.
        tokio::spawn(Box::pin(async move {
            let _guard = Guard { line: row.line, shutdown: &context.shutdown };
            let record = row::settle(&context, row, task, prior, Instant::now()).await;
            if context.options.certainty.lookup == Lookup::Links && ask::lacks_link(&record) {
                let line = record.row.line;
                context.batcher.put(Event::SettledWithoutLink(record));
                let url = Box::pin(ask::link(&context, line, &task)).await;
                context.batcher.put(Event::Link(line, url, permit));
            } else {
                context.batcher.put(Event::Settled(record, permit));
            }
        }));
    }

    /// A row that this session does not open.
    fn cut_off(&self, row: Row, prior: Prior) -> Record {
        left_open(row, prior, self.context.resumable)
    }

    fn put(&self, record: Record, permit: OwnedSemaphorePermit) {
        self.context.batcher.put(Event::Settled(record, permit));
    }
}

/// Stops the run if the task of a row panics: its record is lost.
struct Guard<'a> {
    line: u64,
    shutdown: &'a Shutdown,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let what = format!("the task of the row on line {}", self.line);
            self.shutdown.drain(StopReason::Broken(what.into()));
        }
    }
}

/// Result of opening the rows of an input.
pub(super) struct Opened {
    pub input: InputEnd,
    pub limit: Option<LimitReached>,
}

impl Opened {
    /// Returns what came of it if it was broken off.
    pub(super) const fn broken_off() -> Self {
        Self { input: InputEnd::NotReached, limit: None }
    }
}

/// As many rows were launched as `--limit` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    pub limit: u64,
    /// Number of further rows that were read and could have been launched.
    pub beyond: u64,
}

/// Stops the run, since the feed died without a word: nobody knows what would have come.
fn lost(shutdown: &Shutdown) -> InputEnd {
    shutdown.drain(StopReason::Broken("the thread that reads the input".into()));
    InputEnd::NotReached
}
