//! Writes every record, in the order of settling, on a thread of its own.
//!
//! It owns all output of records. A report that fails stops the run, and the
//! collector goes on receiving, or the rows would block on the full channel.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::outbox::Settled;
use crate::report::{Open, ReportError};
use crate::shutdown::{Cause, Shutdown};
use crate::stats::Summary;

/// What was written lies in a buffer no longer than this.
const FLUSH: Duration = Duration::from_secs(1);

/// How many records were written, for those who look on.
#[derive(Debug, Default)]
pub struct Written {
    /// All of them.
    pub done: AtomicU64,
    /// Those that count as good.
    pub good: AtomicU64,
    /// Those that count as bad.
    pub bad: AtomicU64,
}

/// What the collector has to say at the end.
#[derive(Debug)]
pub struct Collected {
    /// What became of the rows.
    pub summary: Summary,
    /// The first failure of a report.
    pub failure: Option<ReportError>,
}

/// Writes batches until no more can come.
pub fn collect(
    mut batches: mpsc::Receiver<Vec<Settled>>,
    reports: Vec<Open>,
    mut summary: Summary,
    written: &Written,
    shutdown: &Shutdown,
) -> Collected {
    let mut views = Views { reports, failure: None };
    let mut flushed = Instant::now();
    while let Some(batch) = batches.blocking_recv() {
        for Settled { record, .. } in &batch {
            summary.add(record);
            views.each(|report| report.record(record));
        }
        if batches.is_empty() || flushed.elapsed() >= FLUSH {
            views.each(Open::flush);
            flushed = Instant::now();
        }
        written.done.store(summary.rows(), Ordering::Relaxed);
        written.good.store(summary.good(), Ordering::Relaxed);
        written.bad.store(summary.bad(), Ordering::Relaxed);
        if views.failure.is_some() {
            shutdown.drain(Cause::Output);
        }
        // Only now do the batch's permits come back.
        drop(batch);
    }
    views.each(Open::flush);
    Collected { summary, failure: views.failure }
}

struct Views {
    reports: Vec<Open>,
    failure: Option<ReportError>,
}

impl Views {
    /// Does something to every report; one that fails is given up. Whoever closed
    /// standard output has seen enough, as long as another report is written.
    fn each(&mut self, mut act: impl FnMut(&mut Open) -> Result<(), ReportError>) {
        let mut failed = Vec::new();
        self.reports.retain_mut(|report| match act(report) {
            Ok(()) => true,
            Err(error) => {
                failed.push(error);
                false
            }
        });
        let enough = !self.reports.is_empty();
        let failure = failed.into_iter().find(|error| !(enough && error.is_closed_stdout()));
        self.failure = self.failure.take().or(failure);
    }
}
