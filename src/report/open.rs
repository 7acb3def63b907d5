//! A report that takes records, and reports that are finished.

use std::path::Path;

use super::error::ReportError;
use super::file::{OutputFile, SealedFile};
use super::form::Report;
use super::name::ReportName;
use crate::domain::record::Record;
use crate::domain::report_note::{BegunReport, LeftReport};

/// A report that takes records.
pub struct OpenReport {
    pub(super) name: ReportName,
    pub(super) report: Box<dyn Report>,
    pub(super) file: Option<OutputFile>,
}

impl OpenReport {
    /// A report that takes records by `report`, and is called `name`.
    #[must_use]
    pub fn new(name: ReportName, report: Box<dyn Report>) -> Self {
        Self { name, report, file: None }
    }

    /// Notes that the folder `from`, in which the report may be, will be called `to` by the
    /// time that the report is finished.
    pub fn folder_renamed(&mut self, from: &Path, to: &Path) {
        if let Some(file) = &mut self.file {
            file.folder_renamed(from, to);
            self.name = ReportName::File(file.path().to_owned());
        }
    }

    /// Returns what is to be known of its file before more is written; nothing of standard
    /// output, a pipe or a device.
    #[must_use]
    pub fn begun(&self) -> Option<BegunReport> {
        self.file.as_ref()?.begun()
    }

    /// Writes one record.
    pub fn record(&mut self, record: &Record) -> Result<(), ReportError> {
        let written = self.report.record(record);
        written.map_err(|source| ReportError::Write { name: self.name.clone(), source })
    }

    /// Hands everything that was written to the system.
    pub fn flush(&mut self) -> Result<(), ReportError> {
        let flushed = self.report.flush();
        flushed.map_err(|source| ReportError::Write { name: self.name.clone(), source })
    }

    /// Gives up a report that failed. Returns how its file is left, if it was written in
    /// place and is still there.
    #[must_use]
    pub fn give_up(self) -> Option<LeftReport> {
        let Self { report, file, .. } = self;
        // What it still had in a buffer may be written now, or not.
        drop(report);
        file?.torn()
    }

    /// Ends the report and makes it last; a file is returned, to be put in its place.
    fn finish(mut self) -> Result<Option<SealedFile>, ReportError> {
        self.flush()?;
        let Self { report, file, .. } = self;
        drop(report);
        file.map(OutputFile::seal).transpose()
    }
}

/// Reports that are complete and on disk, but perhaps not in their places yet.
pub(crate) struct Finished {
    files: Vec<SealedFile>,
    failure: Option<ReportError>,
}

impl Finished {
    /// Finishes `reports`; one that fails does not keep the others from it.
    #[must_use]
    pub(crate) fn of(reports: Vec<OpenReport>) -> Self {
        let mut finished = Self { files: Vec::new(), failure: None };
        for report in reports {
            match report.finish() {
                Ok(file) => finished.files.extend(file),
                Err(error) => finished.fail(error),
            }
        }
        finished
    }

    /// Returns the files as they are, and will stay in their places.
    pub(crate) fn left(&self) -> impl Iterator<Item = LeftReport> {
        self.files.iter().filter_map(SealedFile::left)
    }

    /// Puts each in its place.
    pub(crate) fn put_in_place(mut self) -> Result<(), ReportError> {
        for file in std::mem::take(&mut self.files) {
            if let Err(error) = file.put_in_place() {
                self.fail(error);
            }
        }
        self.failure.map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: ReportError) {
        if !error.is_closed_stdout() {
            self.failure.get_or_insert(error);
        }
    }
}
