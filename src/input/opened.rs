//! An opened input: columns and rows, whatever the format.

use super::error::InputError;
use crate::domain::row::{Columns, Row};

/// Rows in the order of the input; an error is the last item.
pub(crate) type InputRows = Box<dyn Iterator<Item = Result<Row, InputError>> + Send>;

/// An input whose columns are known and whose rows are still to be read.
pub struct OpenedInput {
    /// Names of the carried columns, as the report prints them.
    pub columns: Columns,
    pub rows: InputRows,
}
