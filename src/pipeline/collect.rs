//! Writes everything that happened, in its order, on a thread of its own: first to
//! the journal, then to the reports.
//!
//! It owns all output of records. A journal or report that fails stops the run, and
//! the collector goes on receiving, or the rows would block on the full channel.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::debug;

use super::outbox::Event;
use crate::folder::TeeState;
use crate::journal::{Copied, Journal, JournalError, Order};
use crate::record::{Doubt, Ending, Prior, Record};
use crate::report::{Open, ReportError};
use crate::resume::Doubts;
use crate::shutdown::{Cause, Shutdown};
use crate::stats::{OUTCOMES, Summary};

/// What was written lies in a buffer no longer than this.
const FLUSH: Duration = Duration::from_secs(1);

/// Where a run is kept.
pub struct Keeping {
    /// Its journal, in which the session has begun.
    pub journal: Journal,
    /// The copy of a stream that is being read.
    pub copied: Option<Arc<TeeState>>,
}

/// How many records were written, for those who look on.
#[derive(Debug, Default)]
pub struct Written {
    /// Those of this session.
    pub now: AtomicU64,
    /// All of them, replayed ones included, in the order of [`OUTCOMES`].
    pub by_outcome: [AtomicU64; OUTCOMES.len()],
    /// Those that count as good.
    pub good: AtomicU64,
    /// Those that count as bad.
    pub bad: AtomicU64,
}

/// What the collector has to say at the end.
#[derive(Default)]
pub struct Collected {
    /// What became of the rows.
    pub summary: Summary,
    /// The first failure of an output.
    pub failure: Option<OutputFailure>,
    /// The journal, if there is one and it did not fail.
    pub journal: Option<Journal>,
}

impl Collected {
    /// The end of a collector that panicked: what it knew is lost.
    pub fn failed(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let failure = OutputFailure::Collector(text.unwrap_or_default());
        Self { failure: Some(failure), ..Self::default() }
    }
}

/// The journal or a report could not be written.
#[derive(Debug)]
pub enum OutputFailure {
    /// The journal.
    Journal(JournalError),
    /// A report.
    Report(ReportError),
    /// Not every row that was read has its line.
    Lost {
        /// Rows that were read, if that could be said.
        rows: Option<u64>,
        /// Lines that were written for them.
        lines: u64,
    },
    /// The collector itself failed, in these words.
    Collector(String),
}

impl fmt::Display for OutputFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::Report(error) => error.fmt(f),
            Self::Lost { rows, lines } => {
                let read = rows.map_or_else(
                    || "nobody knows how many rows were read in this session".to_owned(),
                    |rows| format!("{rows} rows were read in this session"),
                );
                write!(
                    f,
                    "{read}, and {lines} lines were written for them, which is a mistake in bk-launch; a \
                     resume holds every row in doubt that may have been sent"
                )
            }
            Self::Collector(what) => write!(
                f,
                "the part of bk-launch that writes records failed, which is a mistake in it: \
                 {what}; reports may lack lines, and a resume writes them anew"
            ),
        }
    }
}

/// Replays what is settled, then writes what happens, until no more can come.
pub fn collect(
    mut events: mpsc::Receiver<Vec<Event>>,
    mut books: Books,
    written: &Written,
    shutdown: &Shutdown,
) -> Collected {
    books.replay();
    books.tell(written, shutdown);
    let mut flushed = Instant::now();
    while let Some(mut batch) = events.blocking_recv() {
        // One commit for everything that is waiting.
        while let Ok(more) = events.try_recv() {
            batch.extend(more);
        }
        let permits = books.write(batch);
        if events.is_empty() || flushed.elapsed() >= FLUSH {
            books.each(Open::flush);
            flushed = Instant::now();
        }
        books.tell(written, shutdown);
        // Only now do the batch's permits come back: draining has begun where the
        // commit failed.
        drop(permits);
    }
    books.close()
}

/// What records are written to beside the reports.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Journal,
    Nothing,
}

/// Everything that is written.
pub struct Books {
    keeping: Option<Keeping>,
    beside: Beside,
    reports: Vec<Open>,
    summary: Summary,
    /// Records of this session.
    now: u64,
    /// Rows that were read, as the opener says at its end.
    rows: Option<u64>,
    /// Rows that were sent and not settled.
    open: Doubts,
    /// Records whose lines wait for their links.
    without_link: HashMap<u64, Record>,
    failure: Option<OutputFailure>,
}

impl Books {
    /// Nothing is written yet.
    pub fn new(keeping: Option<Keeping>, reports: Vec<Open>, summary: Summary) -> Self {
        let beside = if keeping.is_some() { Beside::Journal } else { Beside::Nothing };
        let (open, without_link) = (Doubts::new(), HashMap::new());
        let (now, rows, failure) = (0, None, None);
        Self { keeping, beside, reports, summary, now, rows, open, without_link, failure }
    }

    /// Writes what earlier sessions settled into the reports.
    fn replay(&mut self) {
        let Some(Keeping { journal, copied }) = self.keeping.take() else { return };
        let begun = Instant::now();
        let replayed = journal.replay(Order::Settled, &mut |record| {
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
        self.each(Open::flush);
        debug!(rows = self.summary.rows(), took = ?begun.elapsed(), "replayed");
        self.keeping = Some(Keeping { journal, copied });
    }

    /// Writes one batch, and gives its permits back.
    fn write(&mut self, batch: Vec<Event>) -> Vec<tokio::sync::OwnedSemaphorePermit> {
        if let Some(keeping) = &mut self.keeping
            && let Err(error) = keep(keeping, &batch)
        {
            // From here on rows are in doubt on resume.
            self.keeping = None;
            self.beside = Beside::Nothing;
            self.failed(OutputFailure::Journal(error));
        }
        let mut permits = Vec::with_capacity(batch.len());
        for event in batch {
            match event {
                Event::Settled(record, permit) => {
                    self.add(&record);
                    self.each(|report| report.record(&record));
                    permits.push(permit);
                }
                Event::SettledWithoutLink(record) => {
                    self.add(&record);
                    self.without_link.insert(record.row.line, record);
                }
                Event::Link(line, url, permit) => {
                    if let Some(mut record) = self.without_link.remove(&line) {
                        if let (Some(url), Some(last)) = (url, &mut record.last) {
                            last.reply.task_url = url;
                        }
                        self.each(|report| report.record(&record));
                    }
                    permits.push(permit);
                }
                Event::InputEnded(_) => {}
                Event::AllRead(rows) => self.rows = Some(rows),
            }
        }
        permits
    }

    fn add(&mut self, record: &Record) {
        self.now += 1;
        self.summary.add(record);
        if let Ending::CutOff(doubt) = record.ending
            && (record.attempts > 0 || doubt != Doubt::None)
        {
            let Record { attempts, first_sent, ref last, .. } = *record;
            let prior = Prior { doubt, attempts, first_sent, last: last.clone() };
            self.open.insert(record.row.line, prior);
        }
    }

    /// Tells those who look on how things stand.
    fn tell(&self, written: &Written, shutdown: &Shutdown) {
        written.now.store(self.now, Ordering::Relaxed);
        for (written, count) in written.by_outcome.iter().zip(self.summary.by_outcome()) {
            written.store(count, Ordering::Relaxed);
        }
        written.good.store(self.summary.good(), Ordering::Relaxed);
        written.bad.store(self.summary.bad(), Ordering::Relaxed);
        if self.failure.is_some() {
            shutdown.drain(Cause::Output);
        }
    }

    /// Does something to every report; one that fails is given up. Whoever closed
    /// standard output has seen enough, as long as something else is written.
    fn each(&mut self, mut act: impl FnMut(&mut Open) -> Result<(), ReportError>) {
        let mut failed = Vec::new();
        self.reports.retain_mut(|report| match act(report) {
            Ok(()) => true,
            Err(error) => {
                failed.push(error);
                false
            }
        });
        let enough = !self.reports.is_empty() || self.beside == Beside::Journal;
        let failure = failed.into_iter().find(|error| !(enough && error.is_closed_stdout()));
        if let Some(failure) = failure {
            self.failed(OutputFailure::Report(failure));
        }
    }

    fn failed(&mut self, failure: OutputFailure) {
        debug!(%failure, "an output failed");
        self.failure.get_or_insert(failure);
    }

    /// Counts rows that were read against lines. Where the opener could not say how
    /// many it read, they differ in any case.
    fn has_a_line_for_each_row(&mut self) -> bool {
        let (rows, lines) = (self.rows, self.now);
        if rows == Some(lines) {
            return true;
        }
        self.failed(OutputFailure::Lost { rows, lines });
        false
    }

    fn close(mut self) -> Collected {
        // Nothing is settled without its line, whatever became of its lookup.
        for record in std::mem::take(&mut self.without_link).into_values() {
            self.each(|report| report.record(&record));
        }
        self.each(Open::flush);
        let is_orderly = self.has_a_line_for_each_row();
        let mut journal = self.keeping.take().map(|keeping| keeping.journal);
        // Without an orderly end the next session holds in doubt what may have been sent.
        if !is_orderly {
            journal = None;
        } else if let Some(kept) = &mut journal
            && let Err(error) = kept.end(&self.open)
        {
            self.failed(OutputFailure::Journal(error));
            journal = None;
        }
        Collected { summary: self.summary, failure: self.failure, journal }
    }
}

/// Writes what a batch says to the journal.
fn keep(keeping: &mut Keeping, batch: &[Event]) -> Result<(), JournalError> {
    let records = batch.iter().filter_map(|event| match event {
        Event::Settled(record, _) | Event::SettledWithoutLink(record) => Some(record),
        Event::Link(..) | Event::InputEnded(_) | Event::AllRead(_) => None,
    });
    keeping.journal.settle(records.filter(|record| record.ending == Ending::Settled))?;
    let mut links = batch.iter().filter_map(|event| match event {
        Event::Link(line, Some(url), _) => Some((*line, &**url)),
        _ => None,
    });
    if let Some(first) = links.next() {
        keeping.journal.add_links(std::iter::once(first).chain(links))?;
    }
    for event in batch {
        if let (Event::InputEnded(rows), Some(copied)) = (event, &keeping.copied) {
            let (bytes, sha256) = copied.contents();
            keeping.journal.input_ended(*rows, &Copied { bytes, sha256 })?;
        }
    }
    Ok(())
}
