//! Views of the journal: reports and the summary. If there is a journal, they show nothing that
//! it does not hold already.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use enum_map::EnumMap;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::Instant;
use tracing::debug;

use super::batch::EventBatcher;
use super::output_failure::OutputFailure;
use crate::domain::executor::Executor;
use crate::domain::record::{OutcomeKind, Record};
use crate::domain::report_note::LeftReport;
use crate::journal::{Journal, JournalError};
use crate::report::{Finished, OpenReport, ReportError};
use crate::rules::stats::Summary;

/// Counts of written records, for those who look on.
#[derive(Debug, Default)]
pub(super) struct LiveCounts {
    /// Number of records of this session.
    pub now: AtomicU64,
    /// Number of all records, replayed ones included.
    pub by_outcome: EnumMap<OutcomeKind, AtomicU64>,
    /// Number of rows that were passed over or cut off, and are still to be done.
    pub cut_off: AtomicU64,
    /// Number of settled rows that count as bad.
    pub bad: AtomicU64,
}

/// Whether records are kept beside the reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backing {
    Journal,
    Nothing,
}

pub(super) struct Views {
    backing: Backing,
    reports: Vec<OpenReport>,
    /// Failed reports, and how they were left.
    left: Vec<LeftReport>,
    summary: Summary,
    /// Number of records of this session.
    now: u64,
    /// Records whose lines wait for their links.
    without_link: BTreeMap<u64, Record>,
    failure: Option<OutputFailure>,
}

impl Views {
    pub(super) fn new(backing: Backing, reports: Vec<OpenReport>, summary: Summary) -> Self {
        let (left, without_link) = (Vec::new(), BTreeMap::new());
        Self { backing, reports, left, summary, now: 0, without_link, failure: None }
    }

    pub(super) fn record(&mut self, record: &Record) {
        self.add(record);
        self.each(|report| report.record(record));
    }

    /// Counts a record of this session whose line waits for its link.
    pub(super) fn record_without_link(&mut self, record: Record) {
        self.add(&record);
        self.without_link.insert(record.row.line, record);
    }

    /// Writes the line of a record that waited for its link.
    pub(super) fn link(&mut self, line: u64, url: Option<Box<str>>) {
        let Some(mut record) = self.without_link.remove(&line) else { return };
        if let (Some(url), Some(last)) = (url, &mut record.last) {
            last.reply.task_url = url;
        }
        self.each(|report| report.record(&record));
    }

    fn add(&mut self, record: &Record) {
        self.now += 1;
        self.summary.add(record);
    }

    fn replay(&mut self, journal: &Journal) {
        let begun = Instant::now();
        let replayed = journal.replay_earlier(&mut |record| {
            self.summary.add(&record);
            self.each(|report| report.record(&record));
            Ok::<_, JournalError>(())
        });
        if let Err(error) = replayed {
            // Requests may have left by now, so the message must not say that nothing was sent.
            self.failed(OutputFailure::Journal(match error {
                JournalError::NotOne { path, what } => JournalError::Replay { path, what },
                other => other,
            }));
        }
        self.flush();
        debug!(rows = self.summary.rows(), took = ?begun.elapsed(), "replayed");
    }

    pub(super) fn flush(&mut self) {
        self.each(OpenReport::flush);
    }

    pub(super) fn tell(&self, written: &LiveCounts) {
        written.now.store(self.now, Ordering::Relaxed);
        for (outcome, count) in self.summary.by_outcome() {
            written.by_outcome[outcome].store(count, Ordering::Relaxed);
        }
        written.cut_off.store(self.summary.cut_off, Ordering::Relaxed);
        written.bad.store(self.summary.settled_bad(), Ordering::Relaxed);
    }

    pub(super) const fn take_failure(&mut self) -> Option<OutputFailure> {
        self.failure.take()
    }

    /// Notes that nothing is kept beside the reports any more.
    pub(super) const fn journal_is_lost(&mut self) {
        self.backing = Backing::Nothing;
    }

    /// Ends all reports, and returns how each is left. Every settled row has its line, whatever
    /// became of its lookup.
    pub(super) fn finish(&mut self) -> (Finished, Vec<LeftReport>) {
        for record in std::mem::take(&mut self.without_link).into_values() {
            self.each(|report| report.record(&record));
        }
        self.flush();
        let reports = Finished::of(std::mem::take(&mut self.reports));
        let mut left = std::mem::take(&mut self.left);
        left.extend(reports.left());
        (reports, left)
    }

    pub(super) const fn records(&self) -> u64 {
        self.now
    }

    pub(super) fn into_summary(self) -> Summary {
        self.summary
    }

    /// Applies `act` to every report, and gives up one that fails. A closed standard output is no
    /// failure as long as something else is written.
    fn each(&mut self, mut act: impl FnMut(&mut OpenReport) -> Result<(), ReportError>) {
        let mut failed = Vec::new();
        let given_up = self.reports.extract_if(.., |report| match act(report) {
            Ok(()) => false,
            Err(error) => {
                failed.push(error);
                true
            }
        });
        self.left.extend(given_up.filter_map(OpenReport::give_up));
        let enough = !self.reports.is_empty() || self.backing == Backing::Journal;
        let failure = failed.into_iter().find(|error| !(enough && error.is_closed_stdout()));
        if let Some(failure) = failure {
            self.failed(OutputFailure::Report(failure));
        }
    }

    fn failed(&mut self, failure: OutputFailure) {
        debug!(%failure, "an output failed");
        self.failure.get_or_insert(failure);
    }
}

/// The views, once earlier sessions are replayed into them: this session's requests do not wait
/// for that.
pub(super) struct ReplayedViews {
    /// Empty while the replay goes on.
    views: Views,
    replaying: Option<oneshot::Receiver<Views>>,
}

impl ReplayedViews {
    pub(super) const fn at_once(views: Views) -> Self {
        Self { views, replaying: None }
    }

    /// Replays `journal` into the views first, and nudges `batcher` at the end.
    pub(super) fn replaying(
        mut views: Views,
        journal: Journal,
        batcher: Arc<EventBatcher>,
        executor: &dyn Executor,
    ) -> Self {
        let (done, replaying) = oneshot::channel();
        drop(executor.run(Box::pin(async move {
            views.replay(&journal);
            // Ignores a closed channel: nobody wants the views any more.
            drop(done.send(views));
            batcher.nudge();
        })));
        let nothing = Views::new(Backing::Nothing, Vec::new(), Summary::default());
        Self { views: nothing, replaying: Some(replaying) }
    }

    /// Returns the views if they take records by now.
    pub(super) fn now(&mut self) -> Option<&mut Views> {
        match self.replaying.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return None,
            Some(Ok(views)) => self.take(views),
            Some(Err(TryRecvError::Closed)) => died(),
            None => {}
        }
        Some(&mut self.views)
    }

    pub(super) async fn wait(&mut self) -> &mut Views {
        if let Some(replaying) = &mut self.replaying {
            match replaying.await {
                Ok(views) => self.take(views),
                Err(_) => died(),
            }
        }
        &mut self.views
    }

    fn take(&mut self, views: Views) {
        self.views = views;
        self.replaying = None;
    }

    pub(super) async fn into_views(mut self) -> Views {
        self.wait().await;
        self.views
    }
}

/// The reports are gone with the job that had them, and so is the collector.
fn died() -> ! {
    panic!("the replay of earlier sessions failed")
}
