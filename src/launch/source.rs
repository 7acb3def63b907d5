//! Sources of rows, and how they end.

use crate::input::InputError;
use crate::rules::resume::Planned;

/// Rows that are not settled, in input order. No row follows an error.
pub(crate) type PlannedRows = Box<dyn Iterator<Item = Result<Planned, InputError>> + Send>;

/// Whether the rows have an end that can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSource {
    /// A file, read to its end even while draining.
    File,
    /// A pipe or a terminal: nobody knows when it will end.
    Stream,
    /// The part of a stream that was read, if the stream never came to its end.
    PartOfStream,
}

/// End of the input.
#[derive(Debug)]
pub enum InputEnd {
    /// All of it was read.
    Reached,
    /// The run stopped while there was, or might have been, more.
    NotReached,
    /// An earlier session stopped while there might have been more.
    Incomplete,
    /// It could not be read further.
    Failed(InputError),
}
