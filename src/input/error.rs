//! What is told of an input that cannot be read: which, where, and the way out.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// An input that cannot be read.
#[derive(Debug, Error)]
pub enum InputError {
    /// It cannot be opened.
    #[error("cannot open the input {name}: {source}")]
    Open { name: String, source: io::Error },
    /// It is a folder.
    #[error("the input {name} is a folder; name a file of rows, or - for standard input")]
    Folder { name: String },
    /// Reading failed.
    #[error("cannot read {name} from line {line} on: {source}")]
    Read {
        name: String,
        /// The line that was to be read.
        line: u64,
        source: io::Error,
    },
    /// It is UTF-16.
    #[error("{name} is written in UTF-16; save it as UTF-8")]
    Utf16 { name: String },
    /// A record that no row can be made of: the first is neither a header nor a
    /// row, or a quote is never closed.
    #[error("{name}:{line}: {what}")]
    Record { name: String, line: u64, what: String },
    /// The extension names no format.
    #[error("the name of {} tells no format; say --format csv, tsv or jsonl", path.display())]
    Extension { path: PathBuf },
}

/// What is wrong with a record that no row can be made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRecord {
    /// The line on which the record begins.
    pub line: u64,
    pub what: String,
}
