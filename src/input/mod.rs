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
mod opened;
mod reading;
mod tail;

use std::io::Read;
use std::path::Path;

pub use crate::domain::format::Format;
pub use check::check;
pub(crate) use check::{Checked, check_again, check_stream};
pub(crate) use error::InputError;
pub(crate) use null::NullWords;
pub(crate) use opened::{InputRows, OpenedInput};
use reading::{InputReader, ReadOptions};
use tail::Tail;

/// The format that the extension of `path` names; CSV if there is none.
///
/// # Errors
///
/// Returns an error if the extension names no format.
pub(crate) fn format_of(path: &Path) -> Result<Format, InputError> {
    // Other programs call JSON Lines so.
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ndjson")) {
        return Ok(Format::JsonLines);
    }
    Format::of_path(path).ok_or_else(|| InputError::Extension { path: path.to_owned() })
}

/// Opens a stream, which is called `name` in errors. It waits for the first line.
///
/// # Errors
///
/// Returns an error if it cannot be read, or is no table of rows at all.
pub fn open_stream(
    source: Box<dyn Read + Send>,
    name: &str,
    format: Format,
) -> Result<OpenedInput, InputError> {
    InputReader::new(source, name.to_owned(), format, ReadOptions::STREAM).map(InputReader::opened)
}

/// Opens the copy of a file that was checked before, and is called `name` in errors.
///
/// # Errors
///
/// Returns an error if it cannot be read.
pub(crate) fn reopen_file(
    path: &Path,
    name: &str,
    format: Format,
) -> Result<OpenedInput, InputError> {
    match format {
        Format::Csv | Format::Tsv => {
            InputReader::of_file((path, name), format, ReadOptions::STREAM).map(InputReader::opened)
        }
        // Only a look through all of it tells the further keys.
        Format::JsonLines => check(path, name, format)?.open(),
    }
}

/// Opens the copy of a stream, which may have been torn in the middle of a row.
///
/// # Errors
///
/// Returns an error if it cannot be read.
pub(crate) fn reopen_stream(
    path: &Path,
    name: &str,
    format: Format,
) -> Result<OpenedInput, InputError> {
    let options = ReadOptions { tail: Tail::Torn, ..ReadOptions::STREAM };
    InputReader::of_file((path, name), format, options).map(InputReader::opened)
}

#[cfg(test)]
mod tests;
