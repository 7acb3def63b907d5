//! An input as others read it: columns and rows, whatever its format.

use super::error::InputError;
use crate::domain::row::{Columns, Row};

/// Rows in the order of the input; after an error there are no more.
pub(crate) type InputRows = Box<dyn Iterator<Item = Result<Row, InputError>> + Send>;

/// An input whose columns are known, about to be read.
pub struct OpenedInput {
    /// The names of the further columns, as the report prints them.
    pub columns: Columns,
    /// The rows.
    pub rows: InputRows,
}
