//! What records are shown in: reports and the summary.
//!
//! Views of the journal: nothing is shown here that the journal does not hold already,
//! where there is one.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Instant;

use enum_map::EnumMap;
use tracing::debug;

use super::batch::EventBatcher;
use super::output_failure::OutputFailure;
use crate::domain::file_state::FileState;
use crate::domain::record::{OutcomeKind, Record};
use crate::journal::{Journal, JournalError};
use crate::report::{Finished, OpenReport, ReportError};
use crate::rules::stats::Summary;

/// How many records were written, for those who look on.
#[derive(Debug, Default)]
pub(super) struct LiveCounts {
    /// Those of this session.
    pub now: AtomicU64,
    /// All of them, replayed ones included.
    pub by_outcome: EnumMap<OutcomeKind, AtomicU64>,
    /// Those that were passed over or cut off, and are still to be done.
    pub cut_off: AtomicU64,
    /// Those that are settled, and count as bad.
    pub bad: AtomicU64,
}

/// Whether records are kept beside the reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backing {
    /// In a journal.
    Journal,
    /// Nowhere.
    Nothing,
}

/// The reports and the summary.
pub(super) struct Views {
    backing: Backing,
    reports: Vec<OpenReport>,
    /// How reports were left that failed.
    left: Vec<(PathBuf, FileState)>,
    summary: Summary,
    /// Records of this session.
    now: u64,
    /// Records whose lines wait for their links.
    without_link: HashMap<u64, Record>,
    failure: Option<OutputFailure>,
}

impl Views {
    /// Nothing is shown yet.
    pub(super) fn new(backing: Backing, reports: Vec<OpenReport>, summary: Summary) -> Self {
        let (left, without_link) = (Vec::new(), HashMap::new());
        Self { backing, reports, left, summary, now: 0, without_link, failure: None }
    }

    /// Shows a record of this session.
    pub(super) fn record(&mut self, record: &Record) {
        self.add(record);
        self.each(|report| report.record(record));
    }

    /// Counts a record of this session whose line waits for its link.
    pub(super) fn record_without_link(&mut self, record: Record) {
        self.add(&record);
        self.without_link.insert(record.row.line, record);
    }

    /// The link of a row was found, or there is none.
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

    /// Shows what earlier sessions settled.
    fn replay(&mut self, journal: &Journal) {
        let begun = Instant::now();
        let replayed = journal.replay_earlier(&mut |record| {
            self.summary.add(&record);
            self.each(|report| report.record(&record));
            Ok::<_, JournalError>(())
        });
        if let Err(error) = replayed {
            // Requests may have left by now, so it must not say that nothing was sent.
            self.failed(OutputFailure::Journal(match error {
                JournalError::NotOne { path, what } => JournalError::Replay { path, what },
                other => other,
            }));
        }
        self.flush();
        debug!(rows = self.summary.rows(), took = ?begun.elapsed(), "replayed");
    }

    /// Hands everything that was written to the system.
    pub(super) fn flush(&mut self) {
        self.each(OpenReport::flush);
    }

    /// Tells those who look on what was written.
    pub(super) fn tell(&self, written: &LiveCounts) {
        written.now.store(self.now, Ordering::Relaxed);
        for (outcome, count) in self.summary.by_outcome() {
            written.by_outcome[outcome].store(count, Ordering::Relaxed);
        }
        written.cut_off.store(self.summary.cut_off, Ordering::Relaxed);
        written.bad.store(self.summary.settled_bad(), Ordering::Relaxed);
    }

    /// Takes the failure of an output, if there is one.
    pub(super) const fn take_failure(&mut self) -> Option<OutputFailure> {
        self.failure.take()
    }

    /// The reports have nothing beside them any more.
    pub(super) const fn journal_is_lost(&mut self) {
        self.backing = Backing::Nothing;
    }

    /// Ends all reports, and says how each is left. Nothing is settled without its line,
    /// whatever became of its lookup.
    pub(super) fn finish(&mut self) -> (Finished, Vec<(PathBuf, FileState)>) {
        for record in std::mem::take(&mut self.without_link).into_values() {
            self.each(|report| report.record(&record));
        }
        self.flush();
        let reports = Finished::of(std::mem::take(&mut self.reports));
        let mut states = std::mem::take(&mut self.left);
        states.extend(reports.states());
        (reports, states)
    }

    /// Number of records of this session.
    pub(super) const fn records(&self) -> u64 {
        self.now
    }

    /// Gives the summary.
    pub(super) fn into_summary(self) -> Summary {
        self.summary
    }

    /// Does something to every report; one that fails is given up. Whoever closed
    /// standard output has seen enough, as long as something else is written.
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

/// The views, once the sessions before are replayed into them: requests of this session
/// do not wait for that.
pub(super) struct ReplayedViews {
    /// Nothing, as long as they are replayed.
    views: Views,
    replaying: Option<mpsc::Receiver<Views>>,
}

impl ReplayedViews {
    /// Views that take records at once.
    pub(super) const fn at_once(views: Views) -> Self {
        Self { views, replaying: None }
    }

    /// Views into which `journal` is replayed first; `batcher` is nudged at the end.
    pub(super) fn replaying(
        mut views: Views,
        journal: Journal,
        batcher: Arc<EventBatcher>,
    ) -> Self {
        let (done, replaying) = mpsc::channel();
        thread::spawn(move || {
            views.replay(&journal);
            // Whoever waits for them ended where nobody takes them.
            drop(done.send(views));
            batcher.nudge();
        });
        let nothing = Views::new(Backing::Nothing, Vec::new(), Summary::default());
        Self { views: nothing, replaying: Some(replaying) }
    }

    /// The views, if they take records by now.
    pub(super) fn now(&mut self) -> Option<&mut Views> {
        match self.replaying.as_ref().map(mpsc::Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return None,
            Some(Ok(views)) => self.take(views),
            Some(Err(TryRecvError::Disconnected)) => died(),
            None => {}
        }
        Some(&mut self.views)
    }

    /// The views, once they take records.
    pub(super) fn wait(&mut self) -> &mut Views {
        match self.replaying.as_ref().map(mpsc::Receiver::recv) {
            Some(Ok(views)) => self.take(views),
            Some(Err(_)) => died(),
            None => {}
        }
        &mut self.views
    }

    fn take(&mut self, views: Views) {
        self.views = views;
        self.replaying = None;
    }

    /// The views themselves, once they take records.
    pub(super) fn into_views(mut self) -> Views {
        self.wait();
        self.views
    }
}

/// The reports are gone with the thread that had them, and so is the collector.
fn died() -> ! {
    panic!("the replay of earlier sessions failed")
}
