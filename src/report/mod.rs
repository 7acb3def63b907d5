//! Where records are written for people and programs: one form a file.
//!
//! A report is a view of the records: it must decide nothing about them.

mod csv;
mod jsonl;

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::record::Record;
use crate::row::Columns;

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

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// The form that the extension of `path` names; CSV where there is none.
    ///
    /// # Errors
    ///
    /// Where the extension is not known.
    pub fn of_path(path: &Path) -> Result<Self, ReportError> {
        let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        match extension.as_ref().map(|extension| extension.to_str().unwrap_or_default()) {
            None | Some("csv") => Ok(Self::Csv),
            Some("tsv") => Ok(Self::Tsv),
            Some("jsonl") => Ok(Self::JsonLines),
            Some(_) => Err(ReportError::Extension { path: path.to_owned() }),
        }
    }
}

/// What to do with a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone, and say so.
    Refuse,
    /// Overwrite it.
    Overwrite,
}

/// Where a report is to go: open, and still empty.
pub struct Destination {
    name: Name,
    format: Format,
    out: Box<dyn Write + Send>,
}

/// What a report is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A file.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

impl fmt::Display for Name {
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
        Self { name: Name::Stdout, format: Format::Csv, out: Box::new(io::stdout()) }
    }

    /// Opens `path` for writing, before anything is sent.
    ///
    /// # Errors
    ///
    /// Where the form is unknown, the file is there already, or it cannot be made.
    pub fn file(path: &Path, existing: Existing) -> Result<Self, ReportError> {
        let format = Format::of_path(path)?;
        // A pipe or a device holds nothing that could be lost.
        let special = path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
        let mut options = OpenOptions::new();
        options.write(true);
        match existing {
            _ if special => &mut options,
            Existing::Overwrite => options.create(true).truncate(true),
            Existing::Refuse => options.create_new(true),
        };
        let file = options.open(path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => ReportError::Exists { path: path.to_owned() },
            _ => ReportError::Open { path: path.to_owned(), source },
        })?;
        Ok(Self { name: Name::File(path.to_owned()), format, out: Box::new(file) })
    }

    /// Begins the report, with the input's further columns.
    ///
    /// # Errors
    ///
    /// Where its head cannot be written.
    pub fn begin(self, columns: &Columns, zone: &TimeZone) -> Result<Open, ReportError> {
        let Self { name, format, out } = self;
        let zone = zone.clone();
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
            Ok(report) => Ok(Open { name, report }),
            Err(source) => Err(ReportError::Write { name, source }),
        }
    }
}

/// A report that takes records.
pub struct Open {
    name: Name,
    report: Box<dyn Report>,
}

impl Open {
    /// A report that takes records by `report`, and is called `name`.
    #[must_use]
    pub fn new(name: Name, report: Box<dyn Report>) -> Self {
        Self { name, report }
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
}

impl ReportError {
    /// Whether somebody who read our standard output, such as `head`, has seen enough.
    #[must_use]
    pub fn is_closed_stdout(&self) -> bool {
        matches!(self, Self::Write { name: Name::Stdout, source }
            if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// A report cannot be made or written.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The extension names no form.
    #[error("{}: the name of a report ends in .csv, .tsv or .jsonl", path.display())]
    Extension {
        /// The report.
        path: PathBuf,
    },
    /// The file is there already.
    #[error("{} is there already; name another file, or overwrite it with --force", path.display())]
    Exists {
        /// The report.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error("cannot make the report {}: {source}", path.display())]
    Open {
        /// The report.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the report {name}: {source}")]
    Write {
        /// The report.
        name: Name,
        /// What happened.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_never_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.csv");
        std::fs::write(&path, "precious").unwrap();
        let refused = Destination::file(&path, Existing::Refuse).err();
        assert!(matches!(refused, Some(ReportError::Exists { .. })), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        drop(Destination::file(&path, Existing::Overwrite).unwrap());
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
            assert_eq!(Format::of_path(Path::new(name)).ok(), format, "{name}");
        }
    }
}
