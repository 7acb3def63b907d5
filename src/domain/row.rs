//! One line of the input: a [`Task`], or the reason why it is none, and the
//! columns that are carried through to the report.
//!
//! Plain data; reading it is `input`'s work, and what becomes of it is a
//! [`Record`](crate::domain::record::Record).

use std::fmt;
use std::sync::Arc;

use crate::domain::task::Task;

/// One row of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The physical line, from 1, on which the row begins.
    pub line: u64,
    /// What is to be started, or why this row starts nothing.
    pub task: Result<Task, Box<BadRow>>,
    /// The fields of the further columns, in the order of the input's own
    /// [`Columns`]; shorter where the row ended early.
    pub carried: Box<[Box<str>]>,
}

/// The names of an input's further columns, as the report prints them.
pub type Columns = Arc<[Box<str>]>;

/// A row that cannot be used: what it said, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The raw text of `bk_biz_id`, as far as there was one.
    pub biz_id: String,
    /// The raw text of `task_id`, as far as there was one.
    pub task_id: String,
    /// The raw text of `scope`, as far as there was one.
    pub scope: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a row: where in it, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The column's name, if one column is to blame.
    pub column: Option<&'static str>,
    /// What is wrong and what would be right, to be read after the column's name.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "{column} {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}
