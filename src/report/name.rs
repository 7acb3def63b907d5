//! What a report is called, and what to do with a file of that name.

use std::fmt;
use std::path::PathBuf;

/// What to do with a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Leave it alone, and say so.
    Refuse,
    /// Overwrite it.
    Overwrite,
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
