//! One row of the input: a [`Task`], or the reason why there is none, and the columns that are
//! carried through to the report.
//!
//! Plain data: `input` reads it, and its outcome is a
//! [`Record`](crate::domain::record::Record).

use std::fmt;
use std::sync::Arc;

use crate::domain::task::Task;

/// One row of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Physical line on which the row begins, from 1.
    pub line: u64,
    /// The task to start, or why this row starts nothing.
    pub task: Result<Task, Box<BadRow>>,
    /// Fields of the further columns, in the order of the input's own [`Columns`]; fewer if the
    /// row ended early.
    pub carried: Box<[Box<str>]>,
}

/// Names of an input's further columns, as the report prints them.
pub type Columns = Arc<[Box<str>]>;

/// A row that cannot be used: its raw texts, as far as present, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    pub biz_id: String,
    pub task_id: String,
    pub scope: String,
    pub fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Name of the column, if a single one is wrong.
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
