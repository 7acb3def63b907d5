//! Rows from files and pipes, in the forms that people really have.
//!
//! Reading and judging only: nothing here knows what a row is for. A file can be
//! [checked](check()) as a whole before anything is done with it; a stream comes as
//! it comes.

mod check;
mod csv;
mod error;
mod fields;
mod jsonl;
mod layout;
mod null;
mod reading;
mod tail;

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use thiserror::Error;

use crate::domain::row::{Columns, Row};
pub use check::check;
pub(crate) use check::{Checked, check_again, check_stream};
pub(crate) use error::InputError;
pub(crate) use null::NullWords;
use reading::{Manner, Reading};
use tail::Tail;

/// Rows in the order of the input; after an error there are no more.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Row, InputError>> + Send>;

/// How an input is written.
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
    pub fn of_path(path: &Path) -> Result<Self, InputError> {
        let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        match extension.as_ref().map(|extension| extension.to_str().unwrap_or_default()) {
            None | Some("csv") => Ok(Self::Csv),
            Some("tsv") => Ok(Self::Tsv),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            Some(_) => Err(InputError::Extension { path: path.to_owned() }),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonLines => "jsonl",
        })
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text {
            "csv" => Ok(Self::Csv),
            "tsv" => Ok(Self::Tsv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err(FormatError),
        }
    }
}

/// The text is no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a format is csv, tsv or jsonl")]
pub struct FormatError;

/// An input whose columns are known, about to be read.
pub struct Opened {
    /// The names of the further columns, as the report prints them.
    pub columns: Columns,
    /// The rows.
    pub rows: Rows,
}

/// Opens a stream, which is called `name` in errors. It waits for the first line.
///
/// # Errors
///
/// Where it cannot be read, or is no table of rows at all.
pub fn open_stream(
    source: Box<dyn Read + Send>,
    name: &str,
    format: Format,
) -> Result<Opened, InputError> {
    Reading::new(source, name.to_owned(), format, Manner::STREAM).map(Reading::opened)
}

/// Opens the copy of a file that was checked before, and is called `name` in errors.
///
/// # Errors
///
/// Where it cannot be read.
pub(crate) fn reopen_file(path: &Path, name: &str, format: Format) -> Result<Opened, InputError> {
    match format {
        Format::Csv | Format::Tsv => {
            Reading::of_file((path, name), format, Manner::STREAM).map(Reading::opened)
        }
        // Only a look through all of it tells the further keys.
        Format::JsonLines => check(path, name, format)?.open(),
    }
}

/// Opens the copy of a stream, which may have been torn in the middle of a row.
///
/// # Errors
///
/// Where it cannot be read.
pub(crate) fn reopen_stream(path: &Path, name: &str, format: Format) -> Result<Opened, InputError> {
    let manner = Manner { tail: Tail::Torn, ..Manner::STREAM };
    Reading::of_file((path, name), format, manner).map(Reading::opened)
}

#[cfg(test)]
mod tests;
