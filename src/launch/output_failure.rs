//! Failures of what a session writes: its journal, its reports, and the collector itself.

use std::fmt;

use crate::journal::JournalError;
use crate::report::ReportError;

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
