//! Rows from files and pipes, in the formats in which people have them.
//!
//! Nothing here knows what a row is for. A file can be [checked](check()) as a whole before
//! anything is done with it; a stream is read as it comes.

mod check;
mod columns;
mod csv;
mod error;
mod fields;
mod filter;
mod foreign;
mod jsonl;
mod keys;
mod layout;
mod missing_column;
mod null;
mod opened;
mod reading;
mod start;
mod tail;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub use crate::domain::format::Format;
use crate::rules::selection::Selection;
pub use check::check;
pub(crate) use check::{Checked, check_again, check_stream};
pub(crate) use error::InputError;
pub(crate) use foreign::STDIN;
pub(crate) use null::NullWords;
pub(crate) use opened::{InputRows, OpenedInput};
use reading::{InputReader, ReadOptions};
use start::told_by_content;
use tail::Tail;

/// Returns the format that the extension of `path` names; CSV if there is none.
pub(crate) fn format_of(path: &Path) -> Result<Format, InputError> {
    // Other programs use this name for JSON Lines.
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ndjson")) {
        return Ok(Format::JsonLines);
    }
    Format::of_path(path).ok_or_else(|| match told_by_content(path) {
        Some(told) => InputError::Foreign { told },
        None => InputError::Extension { path: path.to_owned() },
    })
}

/// Opens a stream and waits for its first line; errors call it `name`.
///
/// # Errors
///
/// Returns an error if the stream cannot be read, or holds no table of rows.
pub fn open_stream(
    source: Box<dyn Read + Send>,
    name: &str,
    format: Format,
    selection: &Arc<Selection>,
) -> Result<OpenedInput, InputError> {
    InputReader::new(source, name.to_owned(), format, ReadOptions::stream(selection))
        .map(InputReader::opened)
}

/// Opens the copy of a file that was checked before; errors call it `name`.
pub(crate) fn reopen_file(
    path: &Path,
    name: &str,
    format: Format,
    selection: &Arc<Selection>,
) -> Result<OpenedInput, InputError> {
    match format {
        Format::Csv | Format::Tsv => {
            let options = ReadOptions::stream(selection);
            InputReader::of_file((path, name), format, options).map(InputReader::opened)
        }
        // Only reading all of it tells the further keys.
        Format::JsonLines => check(path, name, format, selection)?.open(),
    }
}

/// Opens the copy of a stream, which may have been torn in the middle of a row.
pub(crate) fn reopen_stream(
    path: &Path,
    name: &str,
    format: Format,
    selection: &Arc<Selection>,
) -> Result<OpenedInput, InputError> {
    let options = ReadOptions { tail: Tail::Torn, ..ReadOptions::stream(selection) };
    InputReader::of_file((path, name), format, options).map(InputReader::opened)
}

#[cfg(test)]
mod tests;
