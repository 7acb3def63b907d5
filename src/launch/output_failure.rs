//! Failures of what a session writes: its journal, its reports, and the collector itself.

use std::fmt;

use crate::journal::JournalError;
use crate::report::ReportError;

/// Failure to write the journal or a report.
#[derive(Debug)]
pub enum OutputFailure {
    /// Failure of the journal.
    Journal(JournalError),
    /// Failure of a report.
    Report(ReportError),
    /// Not every row that was read has its line.
    Lost {
        /// Number of rows that were read, if known.
        rows: Option<u64>,
        /// Number of lines written for them.
        lines: u64,
    },
    /// Failure of the collector itself, in its words.
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
