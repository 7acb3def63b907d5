//! Reports of a run that are written again: which rows go there, and how many.

use crate::domain::record::Record;
use crate::report::{OpenReport, ReportError};
use crate::rules::outcome_filter::OutcomeFilter;
use crate::rules::stats::Summary;

/// Reports of a run that are written again.
pub(crate) struct Rewrite {
    pub reports: Vec<OpenReport>,
    /// Which rows are written.
    pub only: OutcomeFilter,
    /// Counts of all rows, written or not.
    pub summary: Summary,
    /// Number of rows that were written.
    pub written: u64,
}

impl Rewrite {
    pub(crate) fn new(reports: Vec<OpenReport>, only: OutcomeFilter, summary: Summary) -> Self {
        Self { reports, only, summary, written: 0 }
    }

    /// Counts a record, and writes it if it is wanted.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), ReportError> {
        self.summary.add(record);
        if !self.only.wants(record.outcome.kind()) {
            return Ok(());
        }
        self.written += 1;
        self.each(|report| report.record(record))
    }

    pub(super) fn flush(&mut self) -> Result<(), ReportError> {
        self.each(OpenReport::flush)
    }

    /// Does something to every report. Whoever closed standard output has seen enough.
    fn each(
        &mut self,
        mut act: impl FnMut(&mut OpenReport) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        let mut failure = None;
        self.reports.retain_mut(|report| match act(report) {
            Ok(()) => true,
            Err(error) => {
                failure = failure.take().or(Some(error).filter(|error| !error.is_closed_stdout()));
                false
            }
        });
        failure.map_or(Ok(()), Err)
    }
}
