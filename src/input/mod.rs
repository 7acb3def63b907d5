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

use std::io::Read;
use std::path::Path;

pub use crate::domain::format::Format;
use crate::domain::row::{Columns, Row};
pub use check::check;
pub(crate) use check::{Checked, check_again, check_stream};
pub(crate) use error::InputError;
pub(crate) use null::NullWords;
use reading::{Manner, Reading};
use tail::Tail;

/// Rows in the order of the input; after an error there are no more.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Row, InputError>> + Send>;

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
