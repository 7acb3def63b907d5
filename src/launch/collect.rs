//! Writes everything that happened, in its order, beside the requests: first to the journal, then
//! to the views of it.
//!
//! Each commit also notes which rows go next, and lets them go: a row is sent only once the
//! journal knows that it may be. The collector owns all output of records. If a journal or report
//! fails, the run stops, and the collector keeps receiving, or the rows would block on the full
//! channel.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tracing::debug;

use super::batch::Event;
use super::context::RunContext;
use super::output_failure::OutputFailure;
use super::views::{Backing, LiveCounts, ReplayedViews, Views};
use crate::domain::executor::{Delay, SlowStep};
use crate::domain::record::{Doubt, Ending, Prior, Record};
use crate::journal::{Copied, Journal, JournalError};
use crate::report::OpenReport;
use crate::rules::intents::Intents;
use crate::rules::resume::Doubts;
use crate::rules::stats::Summary;
use crate::shutdown::StopReason;
use crate::store::TeeState;

/// Maximum time that written bytes stay in a buffer.
const MAX_FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Journal of a run, and the copy of its input.
pub struct RunJournal {
    /// Journal in which the session has begun.
    pub journal: Journal,
    /// Copy of a stream that is being read.
    pub copied: Option<Arc<TeeState>>,
}

#[derive(Default)]
pub(super) struct Collected {
    pub summary: Summary,
    /// The first failure of an output.
    pub failure: Option<OutputFailure>,
    /// `None` if there is no journal, or it failed.
    pub journal: Option<Journal>,
}

impl Collected {
    /// The end of a collector that panicked: what it knew is lost.
    pub(super) fn failed(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let failure = OutputFailure::Collector(text.unwrap_or_default());
        Self { failure: Some(failure), ..Self::default() }
    }
}

pub(super) async fn collect(
    mut events: mpsc::Receiver<Vec<Event>>,
    mut collector: Collector,
    counts: Arc<LiveCounts>,
) -> Collected {
    let mut flushed = Instant::now();
    while let Some(mut batch) = events.recv().await {
        // One commit for everything that is waiting.
        while let Ok(mut more) = events.try_recv() {
            batch.append(&mut more);
        }
        collector.keep(&batch).await;
        if let Some(delay) = collector.delay(SlowStep::Report) {
            delay.await;
        }
        // The permits of the batch return only now: if the commit failed, draining has begun.
        collector.show(&mut batch);
        collector.context.batcher.reuse(batch);
        if (events.is_empty() || flushed.elapsed() >= MAX_FLUSH_INTERVAL)
            && let Some(views) = collector.shown.now()
        {
            views.flush();
            flushed = Instant::now();
        }
        collector.tell(&counts);
    }
    collector.close().await
}

pub(super) struct Collector {
    run_journal: Option<RunJournal>,
    shown: ReplayedViews,
    /// Events held back while earlier sessions are being replayed. So are their permits, which
    /// keeps them few.
    deferred: Vec<Event>,
    /// Number of rows that were read, known once the dispatcher has ended.
    rows: Option<u64>,
    /// Rows that were sent and not settled.
    open: Doubts,
    failure: Option<OutputFailure>,
    draining: Draining,
    context: Arc<RunContext>,
}

/// Whether the journal was told that the session drains.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Draining {
    NotNoted,
    Noted,
}

struct CommitNotes {
    intents: Intents,
    /// Why nothing new is sent any more; `None` if the journal knows.
    draining: Option<String>,
}

impl Collector {
    /// Starts to replay what earlier sessions settled, and writes nothing else yet.
    pub(super) fn new(
        run_journal: Option<RunJournal>,
        reports: Vec<OpenReport>,
        context: Arc<RunContext>,
    ) -> Self {
        let summary = Summary::new(context.options.already_started);
        let backing = if run_journal.is_some() { Backing::Journal } else { Backing::Nothing };
        let views = Views::new(backing, reports, summary);
        let journal = run_journal.as_ref().map(|run_journal| &run_journal.journal);
        let reader = journal.filter(|journal| journal.has_earlier_sessions()).map(Journal::reader);
        let (shown, failed) = match reader {
            None => (ReplayedViews::at_once(views), None),
            Some(Ok(reader)) => {
                let batcher = Arc::clone(&context.batcher);
                (ReplayedViews::replaying(views, reader, batcher, &*context.executor), None)
            }
            Some(Err(error)) => {
                (ReplayedViews::at_once(views), Some(OutputFailure::Journal(error)))
            }
        };
        let (deferred, open) = (Vec::new(), Doubts::new());
        let (rows, failure, draining) = (None, None, Draining::NotNoted);
        let mut collector =
            Self { run_journal, shown, deferred, rows, open, failure, draining, context };
        if let Some(failure) = failed {
            collector.failed(failure);
        }
        collector
    }

    /// Commits a batch together with the rows that go next, before anything of it is shown, and
    /// lets these rows go.
    async fn keep(&mut self, batch: &[Event]) {
        if self.run_journal.is_none() {
            return;
        }
        let limiter = &self.context.limiter;
        // The clocks are read before any of these rows can leave.
        let (at, sighting) = (self.context.clocks.read(), self.context.state.server_clock.last());
        let intents = Intents { lines: limiter.name_intents(), at, sighting };
        let shutdown = &self.context.shutdown;
        let is_news = self.draining == Draining::NotNoted && shutdown.is_draining();
        let draining = shutdown.stop_reason().filter(|_| is_news).map(|cause| cause.word());
        let notes = CommitNotes { intents, draining };
        if has_news(batch, &notes)
            && let Some(delay) = self.delay(SlowStep::Commit)
        {
            delay.await;
        }
        let Some(run_journal) = &mut self.run_journal else { return };
        match write(run_journal, batch, &notes, self.context.clocks.read().wall) {
            Ok(()) => {
                self.context.limiter.intents_committed();
                if is_news {
                    self.draining = Draining::Noted;
                }
            }
            Err(error) => {
                // Rows sent from here on are in doubt on resume.
                self.run_journal = None;
                self.failed(OutputFailure::Journal(error));
                self.shown.wait().await.journal_is_lost();
            }
        }
    }

    /// Shows a batch in the views, or defers it until they are there. The permits return with
    /// what is shown.
    fn show(&mut self, batch: &mut Vec<Event>) {
        let Some(views) = self.shown.now() else {
            self.deferred.append(batch);
            return;
        };
        let mut permits = None;
        for event in self.deferred.drain(..).chain(batch.drain(..)) {
            match event {
                Event::Settled(record, permit) => {
                    leave_open(&mut self.open, &record);
                    views.record(&record);
                    join(&mut permits, permit);
                }
                Event::SettledWithoutLink(record) => views.record_without_link(record),
                Event::Link(line, url, permit) => {
                    views.link(line, url);
                    join(&mut permits, permit);
                }
                Event::StageAgreed(_, permit) => join(&mut permits, permit),
                Event::InputEnded(_) | Event::Accepted(..) => {}
                Event::AllRead(rows) => self.rows = Some(rows),
            }
        }
        if let Some(failure) = views.take_failure() {
            self.failed(failure);
        }
        drop(permits);
    }

    fn delay(&self, step: SlowStep) -> Option<Delay> {
        self.context.executor.delay(step)
    }

    fn tell(&mut self, counts: &LiveCounts) {
        if let Some(views) = self.shown.now() {
            views.tell(counts);
        }
    }

    /// Nothing new is sent once an output has failed.
    fn failed(&mut self, failure: OutputFailure) {
        debug!(%failure, "an output failed");
        self.failure.get_or_insert(failure);
        self.context.shutdown.drain(StopReason::Output);
    }

    async fn close(mut self) -> Collected {
        self.shown.wait().await;
        self.show(&mut Vec::new());
        if let Some(delay) = self.delay(SlowStep::Commit) {
            delay.await;
        }
        let views = self.shown.wait().await;
        let (reports, left) = views.finish();
        let lines = views.records();
        if let Some(failure) = views.take_failure() {
            self.failed(failure);
        }
        let mut journal = self.run_journal.take().map(|run_journal| run_journal.journal);
        if self.rows != Some(lines) {
            // Without an orderly end the next session treats what may have been sent as in doubt.
            journal = None;
            self.failed(OutputFailure::Lost { rows: self.rows, lines });
        } else if let Some(kept) = &mut journal
            && let Err(error) = kept
                .end(&self.open, self.context.clocks.read().wall)
                .and_then(|()| kept.leave_reports(&left))
        {
            self.failed(OutputFailure::Journal(error));
            journal = None;
        }
        // After a crash here, both the old report and the new one are known to be this run's.
        if let Err(failure) = reports.put_in_place() {
            self.failed(OutputFailure::Report(failure));
        }
        let summary = self.shown.into_views().await.into_summary();
        Collected { summary, failure: self.failure, journal }
    }
}

/// Adds a permit to those that return together, with one wake-up of the dispatcher.
fn join(permits: &mut Option<OwnedSemaphorePermit>, permit: OwnedSemaphorePermit) {
    match permits {
        Some(permits) => permits.merge(permit),
        None => *permits = Some(permit),
    }
}

/// Keeps what a later session needs to know of a row that was cut off.
fn leave_open(open: &mut Doubts, record: &Record) {
    if let Ending::CutOff(doubt) = record.ending
        && (record.attempts > 0 || doubt != Doubt::None)
    {
        let Record { attempts, first_sent, ref last, .. } = *record;
        let prior = Prior { doubt, attempts, first_sent, last: last.clone() };
        open.insert(record.row.line, prior);
    }
}

/// Returns the record of an event that the journal keeps; it keeps none of a row that was cut off.
fn settled(event: &Event) -> Option<&Record> {
    match event {
        Event::Settled(record, _) if record.ending == Ending::Settled => Some(record),
        Event::SettledWithoutLink(record) => Some(record),
        _ => None,
    }
}

/// Whether lines of reports follow, also those of rows that were cut off.
const fn leads_to_a_line(event: &Event) -> bool {
    matches!(event, Event::Settled(..) | Event::Link(..))
}

/// Whether there is anything to commit.
fn has_news(batch: &[Event], notes: &CommitNotes) -> bool {
    let CommitNotes { intents, draining } = notes;
    let is_kept = |event: &Event| !matches!(event, Event::AllRead(_));
    batch.iter().any(is_kept) || !intents.lines.is_empty() || draining.is_some()
}

/// Commits a batch, the rows that may go, and that the session drains.
fn write(
    run_journal: &mut RunJournal,
    batch: &[Event],
    notes: &CommitNotes,
    now: Timestamp,
) -> Result<(), JournalError> {
    if !has_news(batch, notes) {
        return Ok(());
    }
    let RunJournal { journal, copied } = run_journal;
    let CommitNotes { intents, draining } = notes;
    journal.commit(now, |commit| {
        // The copy covers every row that may go from now on: they were read before.
        if let Some((bytes, sha256)) = copied.as_ref().and_then(|copied| copied.news()) {
            commit.note_copy(&Copied { bytes, sha256 })?;
        }
        if batch.iter().any(leads_to_a_line) {
            commit.lines_follow();
        }
        // Before the links, since a link changes the record of its row.
        commit.settle(batch.iter().filter_map(settled))?;
        for event in batch {
            match event {
                Event::Link(line, Some(url), _) => commit.add_link(*line, url)?,
                Event::InputEnded(rows) => {
                    if let Some(copied) = copied {
                        let (bytes, sha256) = copied.contents();
                        commit.input_ended(*rows, &Copied { bytes, sha256 })?;
                    }
                }
                Event::Accepted(line, prior) => commit.accepted(*line, prior)?,
                Event::StageAgreed(position, _) => commit.agree(*position)?,
                Event::Settled(..)
                | Event::SettledWithoutLink(_)
                | Event::Link(_, None, _)
                | Event::AllRead(_) => {}
            }
        }
        if let Some(why) = draining {
            commit.drains(why)?;
        }
        if intents.lines.is_empty() { Ok(()) } else { commit.intend(intents) }
    })
}
