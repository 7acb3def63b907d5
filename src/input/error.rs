//! Errors of an input that cannot be read: which one, where, and what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum InputError {
    #[error("cannot open the input {name}: {source}")]
    Open { name: String, source: io::Error },
    #[error("the input {name} is a folder; name a file of rows, or - for standard input")]
    Folder { name: String },
    #[error("cannot read {name} from line {line} on: {source}")]
    Read { name: String, line: u64, source: io::Error },
    /// It is no text, or no text of lines.
    #[error("{told}")]
    Foreign { told: String },
    /// No row can be made of the record: the first one is neither a header nor a row, or a quote is
    /// never closed.
    #[error("{name}:{line}: {what}")]
    Record { name: String, line: u64, what: String },
    #[error("{name}: {what}")]
    Keys { name: String, what: String },
    #[error("the name of {} tells no format; say --format csv, tsv or jsonl", path.display())]
    Extension { path: PathBuf },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRecord {
    /// The line on which the record begins.
    pub line: u64,
    pub what: String,
}
