//! Errors of reports that cannot be made, written or kept.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::name::ReportName;

/// A report cannot be made, written or kept.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The extension names no form.
    #[error("{}: the name of a report must end in .csv, .tsv or .jsonl, or have no extension, which is CSV", path.display())]
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
    #[error("cannot create the report {}: {source}", path.display())]
    Open {
        /// The report.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The file in which the report is to grow cannot be made.
    #[error(
        "cannot create {}, which holds the new {} until it is complete: {source}; name a report in \
         another folder with -o",
        part.display(),
        path.display()
    )]
    Part {
        /// The report.
        path: PathBuf,
        /// The file beside it.
        part: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Another process writes the same report of the same run.
    #[error("another bk-launch is writing {} now; wait for it, or name another file", path.display())]
    Busy {
        /// The report.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write the report {name}: {source}")]
    Write {
        /// The report.
        name: ReportName,
        /// What happened.
        source: io::Error,
    },
    /// What was written is no longer where it was written to.
    #[error("the report {} was {what} while it was written", path.display())]
    Lost {
        /// The file that was written.
        path: PathBuf,
        /// What somebody did to it.
        what: &'static str,
    },
    /// The complete report cannot take its place.
    #[error(
        "the new report is complete in {}, but could not replace {}: {why}",
        part.display(),
        path.display()
    )]
    Misplaced {
        /// The report.
        path: PathBuf,
        /// The file beside it.
        part: PathBuf,
        /// Why it stays there.
        why: String,
    },
}

impl ReportError {
    /// Returns the error of a report at `path` that cannot be opened.
    pub(super) fn of_open(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists { path: path.to_owned() },
            _ => Self::Open { path: path.to_owned(), source },
        }
    }

    /// Whether somebody who read our standard output, such as `head`, has seen enough.
    #[must_use]
    pub fn is_closed_stdout(&self) -> bool {
        matches!(self, Self::Write { name: ReportName::Stdout, source }
            if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the report could be made, but not be written or kept.
    #[must_use]
    pub const fn is_output(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Lost { .. } | Self::Misplaced { .. })
    }
}
