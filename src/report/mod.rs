//! Where records are written for people and programs: one form a file.
//!
//! A report is a view of the records: it must decide nothing about them.

mod csv;
mod disk;
mod error;
mod file;
mod jsonl;
mod part;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::file_state::FileState;
use crate::domain::format::Format;
use crate::domain::record::Record;
use crate::domain::report_note::BegunReport;
use crate::domain::row::Columns;
use file::{OutputFile, SealedFile};

pub(crate) use error::ReportError;
pub use file::Placement;
pub(crate) use part::remove_leftover;

/// Takes records one by one and writes each as its form has it.
pub trait Report: Send {
    /// Writes one record, perhaps into a buffer.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    fn record(&mut self, record: &Record) -> io::Result<()>;

    /// Hands everything that was written to the system.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    fn flush(&mut self) -> io::Result<()>;
}

/// Writes times as reports tell them: RFC 3339, with milliseconds and the offset.
struct Stamps {
    zone: TimeZone,
    /// The last second that was written, and what stands before and after its
    /// milliseconds: most records share theirs with the one before.
    second: Option<(i64, String, String)>,
}

impl Stamps {
    const fn new(zone: TimeZone) -> Self {
        Self { zone, second: None }
    }

    fn write(&mut self, time: Timestamp, into: &mut String) -> fmt::Result {
        use fmt::Write as _;
        let second = time.as_second();
        let millis = time.subsec_millisecond();
        if self.second.as_ref().is_none_or(|(known, ..)| *known != second) {
            let time = time.to_zoned_datetime(self.zone.clone());
            let before = time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            self.second = Some((second, before, time.strftime("%:z").to_string()));
        }
        match &self.second {
            Some((_, before, after)) => write!(into, "{before}.{millis:03}{after}"),
            None => Ok(()),
        }
    }
}

/// The format that the extension of `path` names; CSV if there is none.
fn format_of(path: &Path) -> Result<Format, ReportError> {
    Format::of_path(path).ok_or_else(|| ReportError::Extension { path: path.to_owned() })
}

/// What to do with a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Leave it alone, and say so.
    Refuse,
    /// Overwrite it.
    Overwrite,
}

/// Where a report is to go: open, and still empty.
pub struct Destination {
    name: ReportName,
    format: Format,
    /// `None` for standard output.
    file: Option<OutputFile>,
}

/// What a report is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportName {
    /// A file.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

impl fmt::Display for ReportName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdout => f.write_str("standard output"),
        }
    }
}

impl Destination {
    /// Standard output, as CSV.
    #[must_use]
    pub fn stdout() -> Self {
        Self { name: ReportName::Stdout, format: Format::Csv, file: None }
    }

    /// Opens `path` for writing, before anything is sent.
    ///
    /// # Errors
    ///
    /// Where the form is unknown, the file is there already, or it cannot be made.
    pub fn file(
        path: &Path,
        existing: IfExists,
        placement: Placement<'_>,
    ) -> Result<Self, ReportError> {
        let format = format_of(path)?;
        let file = OutputFile::open(path, existing, placement)?;
        Ok(Self { name: ReportName::File(path.to_owned()), format, file: Some(file) })
    }

    /// Removes what was made for it.
    pub fn discard(self) {
        if let Some(file) = self.file {
            file.discard();
        }
    }

    /// Begins the report, with the input's further columns.
    ///
    /// # Errors
    ///
    /// Where its head cannot be written.
    pub fn begin(self, columns: &Columns, zone: &TimeZone) -> Result<OpenReport, ReportError> {
        let Self { name, format, file } = self;
        let zone = zone.clone();
        let out = file
            .as_ref()
            .map_or_else(|| Box::new(io::stdout()) as Box<dyn Write + Send>, OutputFile::writer);
        let separated = |delimiter, out, zone| -> io::Result<Box<dyn Report>> {
            Ok(Box::new(csv::Csv::begin(out, delimiter, columns, zone)?))
        };
        let report = match format {
            Format::Csv => separated(b',', out, zone),
            Format::Tsv => separated(b'\t', out, zone),
            Format::JsonLines => {
                Ok(Box::new(jsonl::JsonLines::new(out, columns.clone(), zone)) as Box<dyn Report>)
            }
        };
        match report {
            Ok(report) => Ok(OpenReport { name, report, file }),
            Err(source) => Err(ReportError::Write { name, source }),
        }
    }
}

/// A report that takes records.
pub struct OpenReport {
    name: ReportName,
    report: Box<dyn Report>,
    file: Option<OutputFile>,
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
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn record(&mut self, record: &Record) -> Result<(), ReportError> {
        let written = self.report.record(record);
        written.map_err(|source| ReportError::Write { name: self.name.clone(), source })
    }

    /// Hands everything that was written to the system.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn flush(&mut self) -> Result<(), ReportError> {
        let flushed = self.report.flush();
        flushed.map_err(|source| ReportError::Write { name: self.name.clone(), source })
    }

    /// Gives up a report that failed. Returns how its file is left, if it was written in
    /// place and is still there.
    #[must_use]
    pub fn give_up(self) -> Option<(PathBuf, FileState)> {
        let Self { report, file, .. } = self;
        // What it still had in a buffer may be written now, or not.
        drop(report);
        file?.left()
    }

    /// Ends the report and makes it last; a file is returned, to be put in its place.
    ///
    /// # Errors
    ///
    /// Returns an error if something cannot be written, or is no longer where it was
    /// written to.
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

    /// Returns the files, with the states that they have and will keep in their places.
    pub(crate) fn states(&self) -> impl Iterator<Item = (PathBuf, FileState)> {
        self.files.iter().filter_map(SealedFile::state)
    }

    /// Puts each in its place.
    ///
    /// # Errors
    ///
    /// Returns the first failure, also of what was done before.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_never_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.csv");
        std::fs::write(&path, "precious").unwrap();
        let open = |existing| Destination::file(&path, existing, Placement::InPlace);
        let refused = open(IfExists::Refuse).err();
        assert!(matches!(refused, Some(ReportError::Exists { .. })), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        drop(open(IfExists::Overwrite).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn the_extension_names_the_form() {
        for (name, format) in [
            ("a", Some(Format::Csv)),
            ("a.csv", Some(Format::Csv)),
            ("a.CSV", Some(Format::Csv)),
            ("a.b/c", Some(Format::Csv)),
            ("a.tsv", Some(Format::Tsv)),
            ("a.jsonl", Some(Format::JsonLines)),
            ("a.xlsm", None),
        ] {
            assert_eq!(format_of(Path::new(name)).ok(), format, "{name}");
        }
    }
}
