//! Failures of what a session writes: its journal, its reports, and the collector itself.

use std::fmt;

use crate::domain::count::Digits;
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
                    || "an unknown number of rows was".to_owned(),
                    |rows| Digits::Plain.counted(rows, "row was", "rows were"),
                );
                let written = Digits::Plain.counted(*lines, "line was", "lines were");
                write!(
                    f,
                    "{read} read in this session, but {written} written for them, which is a bug in \
                     bk-launch; resume will check every row that may have been sent"
                )
            }
            Self::Collector(what) => write!(
                f,
                "the part of bk-launch that writes records failed, which is a bug in it: {what}; \
                 reports may lack lines, and a resume writes them anew"
            ),
        }
    }
}
