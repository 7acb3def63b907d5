//! Opens rows, as many at a time as there are permits, and stage by stage.
//!
//! This module knows which row comes next and when it may be opened; what becomes of it is
//! `row`'s work.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::ask;
use super::batch::Event;
use super::context::RunContext;
use super::feed::{self, FeedItem};
use super::options::Lookup;
use super::permits::Permits;
use super::row;
use super::source::{InputEnd, RowSource};
use super::unsent::{left_open, never_sent};
use crate::domain::record::{Prior, Record};
use crate::domain::row::Row;
use crate::rules::budget::Base;
use crate::rules::resume::{self, Planned};
use crate::rules::stages;
use crate::shutdown::{Shutdown, StopReason};

/// Division of a launch into stages.
pub struct Staged {
    /// Positions of the input at which stages end, in order; empty if all is one stage.
    pub ends: Vec<u64>,
    /// Pause between two stages.
    pub pause: Option<Duration>,
    /// Called when a stage is done.
    pub tell: Arc<dyn Fn(&StageChange) + Send + Sync>,
    /// Decides after the pause whether the next stage begins; `None` if nobody wants to.
    pub ask: Option<StageApproval>,
    /// Last position of the input whose stage was agreed to in an earlier session.
    pub agreed_to: Option<u64>,
}

/// Decides whether the next stage begins. It may take its time, and is dropped when the run
/// stops.
pub(crate) type StageApproval = Arc<dyn Fn(&StageChange) -> Answering + Send + Sync>;

pub(crate) type Answering = Pin<Box<dyn Future<Output = Proceed> + Send>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageChange {
    /// Number of the stage that is done, from 1.
    pub done: usize,
    pub all: usize,
    /// First position of the next stage in the input; `to` is its last.
    pub from: u64,
    pub to: u64,
}

/// Whether the next stage begins; `No` stops the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proceed {
    On,
    No,
}

struct CurrentStage {
    staged: Staged,
    at: usize,
    has_opened: bool,
}

impl CurrentStage {
    const fn new(staged: Staged) -> Self {
        Self { staged, at: 0, has_opened: false }
    }

    /// Returns the stage of `position`, if it is a later one.
    fn next_stage(&self, position: u64) -> Option<usize> {
        let ends = &self.staged.ends;
        let is_beyond = ends.get(self.at).is_some_and(|end| position > *end);
        is_beyond.then(|| ends.iter().position(|end| position <= *end)).flatten()
    }
}

pub(super) struct Dispatcher {
    pub context: Arc<RunContext>,
    pub permits: Permits,
    pub source: RowSource,
}

impl Dispatcher {
    /// Opens all rows that come, waits until each has ended, and returns how the input ended.
    pub(super) async fn open_all(
        &self,
        items: mpsc::Receiver<FeedItem>,
        staged: Staged,
        shutdown: &Shutdown,
    ) -> InputEnd {
        let mut tasks = JoinSet::new();
        let (end, rows) = self.open_each(items, staged, shutdown, &mut tasks).await;
        // A task that panicked has stopped the run already, by its guard.
        while tasks.join_next().await.is_some() {}
        self.context.batcher.put(Event::AllRead(rows));
        end
    }

    /// Returns how the input ended, and how many rows came.
    async fn open_each(
        &self,
        mut items: mpsc::Receiver<FeedItem>,
        staged: Staged,
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) -> (InputEnd, u64) {
        let mut stage = CurrentStage::new(staged);
        let mut batch = Vec::with_capacity(feed::BATCH);
        let mut end = None;
        let (mut left, mut rows) = (self.context.options.limit.unwrap_or(u64::MAX), 0);
        let mut question = self.context.options.certainty.confirm;
        loop {
            if left == 0 && self.source == RowSource::Stream && !items.is_closed() {
                // Nothing more is launched, so nothing more is read.
                items.close();
                end = Some(InputEnd::NotReached);
            }
            let count = match self.source {
                RowSource::File | RowSource::PartOfStream => {
                    items.recv_many(&mut batch, feed::BATCH).await
                }
                RowSource::Stream => tokio::select! {
                    biased;
                    () = shutdown.no_new_rows(), if !items.is_closed() => {
                        // Rows that were read are still in the channel, and are taken.
                        items.close();
                        end = Some(InputEnd::NotReached);
                        continue;
                    }
                    count = items.recv_many(&mut batch, feed::BATCH) => count,
                },
            };
            if count == 0 {
                return (end.unwrap_or_else(|| lost(shutdown)), rows);
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
                        let record = self.cut_off(planned.row, planned.prior);
                        self.put(record, self.permits.one().await);
                    }
                    FeedItem::Row(Planned::Launch(planned)) => {
                        if question.take().is_some() {
                            ask::first(&self.context, planned.row.line, &planned.task).await;
                        }
                        self.enter(&mut stage, planned.position, shutdown).await;
                        left -= 1;
                        self.open(planned, shutdown, tasks).await;
                    }
                    FeedItem::Row(Planned::Unsent(row, outcome)) => {
                        self.put(never_sent(row, outcome), self.permits.one().await);
                    }
                }
                rows += 1;
            }
        }
    }

    const fn end(&self) -> InputEnd {
        match self.source {
            RowSource::File | RowSource::Stream => InputEnd::Reached,
            RowSource::PartOfStream => InputEnd::Incomplete,
        }
    }

    /// Waits until the stage of `position` may begin: the one before is settled, its pause is
    /// over, and whoever wanted to be asked agrees.
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
        let Staged { tell, pause, ask, agreed_to, .. } = &stage.staged;
        if stage.has_opened {
            self.permits.all_back().await;
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

    /// Waits until the journal holds that the stages up to `position` were agreed to, or draining
    /// has begun because it cannot.
    async fn note_agreement(&self, position: u64) {
        let permit = self.permits.of_no_row().await;
        self.context.batcher.put(Event::StageAgreed(position, permit));
        self.permits.all_back().await;
    }

    async fn open(
        &self,
        planned: resume::LaunchableRow,
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) {
        let resume::LaunchableRow { row, task, prior, position: _ } = planned;
        let permit = self.permits.one().await;
        while tasks.try_join_next().is_some() {}
        if !shutdown.takes_new_rows() {
            self.put(self.cut_off(row, prior), permit);
            return;
        }
        let context = Arc::clone(&self.context);
        let lookup = self.context.options.certainty.lookup;
        let guard = Guard { line: row.line, shutdown: Some(shutdown.clone()) };
        tasks.spawn(async move {
            let record = row::settle(&context, row, task, prior, Instant::now()).await;
            if lookup == Lookup::Links && ask::lacks_link(&record) {
                let line = record.row.line;
                context.batcher.put(Event::SettledWithoutLink(record));
                let url = ask::link(&context, line, &task).await;
                context.batcher.put(Event::Link(line, url, permit));
            } else {
                context.batcher.put(Event::Settled(record, permit));
            }
            guard.disarm();
        });
    }

    /// Returns the record of a row that this session does not open.
    fn cut_off(&self, row: Row, prior: Prior) -> Record {
        left_open(row, prior, self.context.resumable)
    }

    fn put(&self, record: Record, permit: OwnedSemaphorePermit) {
        self.context.batcher.put(Event::Settled(record, permit));
    }
}

/// Stops the run if the task of a row ends before its record was handed on, which only a panic
/// causes.
struct Guard {
    line: u64,
    shutdown: Option<Shutdown>,
}

impl Guard {
    fn disarm(mut self) {
        self.shutdown = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shutdown) = &self.shutdown {
            let what = format!("the task of the row on line {}", self.line);
            shutdown.drain(StopReason::Broken(what.into()));
        }
    }
}

/// Stops the run because the feed died: nobody knows which rows would have come.
fn lost(shutdown: &Shutdown) -> InputEnd {
    shutdown.drain(StopReason::Broken("the thread that reads the input".into()));
    InputEnd::NotReached
}
