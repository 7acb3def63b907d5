//! Where records are written for people and programs: one form a file.
//!
//! A report is a view of the records: it must decide nothing about them.

mod csv;

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

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

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
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

/// A file that is to become a report: made, and still empty.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    format: Format,
    file: File,
}

impl Destination {
    /// Opens `path` for writing, before anything is sent.
    ///
    /// # Errors
    ///
    /// Where the form is unknown, the file is there already, or it cannot be made.
    pub fn open(path: &Path, existing: Existing) -> Result<Self, ReportError> {
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
        Ok(Self { path: path.to_owned(), format, file })
    }

    /// Begins the report, with the input's further columns.
    ///
    /// # Errors
    ///
    /// Where its head cannot be written.
    pub fn begin(self, columns: &Columns, zone: TimeZone) -> Result<Open, ReportError> {
        let Self { path, format, file } = self;
        let delimiter = match format {
            Format::Csv => b',',
            Format::Tsv => b'\t',
        };
        match csv::Csv::begin(file, delimiter, columns, zone) {
            Ok(report) => Ok(Open { path, report: Box::new(report) }),
            Err(source) => Err(ReportError::Write { path, source }),
        }
    }
}

/// A report that takes records.
pub struct Open {
    path: PathBuf,
    report: Box<dyn Report>,
}

impl Open {
    /// Writes one record.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn record(&mut self, record: &Record) -> Result<(), ReportError> {
        let written = self.report.record(record);
        written.map_err(|source| ReportError::Write { path: self.path.clone(), source })
    }

    /// Hands everything that was written to the system.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn flush(&mut self) -> Result<(), ReportError> {
        let flushed = self.report.flush();
        flushed.map_err(|source| ReportError::Write { path: self.path.clone(), source })
    }
}

/// A report cannot be made or written.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The extension names no form.
    #[error("{}: the name of a report ends in .csv or .tsv", path.display())]
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
    /// The file cannot be written.
    #[error("cannot write the report {}: {source}", path.display())]
    Write {
        /// The report.
        path: PathBuf,
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
        let refused = Destination::open(&path, Existing::Refuse).unwrap_err();
        assert!(matches!(refused, ReportError::Exists { .. }), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        Destination::open(&path, Existing::Overwrite).unwrap();
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
            ("a.xlsm", None),
        ] {
            assert_eq!(Format::of_path(Path::new(name)).ok(), format, "{name}");
        }
    }
}
