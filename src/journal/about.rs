//! Facts about a run, as its journal keeps them.

use strum::{EnumString, IntoStaticStr};

use crate::domain::request_id::RunId;
use crate::domain::row::Columns;

/// Facts about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Id of the run.
    pub id: RunId,
    /// Value of `--name`.
    pub name: Option<String>,
    /// The input, as the command line named it.
    pub input_name: String,
    /// `csv`, `tsv` or `jsonl`.
    pub input_format: String,
    /// Kind of the input.
    pub source: InputSource,
    /// Further columns of the input.
    pub columns: Columns,
    /// Time zone of the reports.
    pub zone: String,
    /// Number of rows of the input, if known.
    pub rows: Option<u64>,
    /// Copy of the input; of a stream that has not ended, its state at the last commit.
    pub copy: Option<Copied>,
    /// Whether all of the input was read.
    pub input: InputState,
    /// Last position of the input whose stage somebody agreed to.
    pub agreed_to: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    /// In hexadecimal digits.
    pub sha256: String,
}

/// Kind of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum InputSource {
    /// A file, read at once.
    File,
    /// A pipe or a terminal, read bit by bit.
    Stream,
}

/// Whether all of an input was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputState {
    /// All of it was read.
    Ended,
    /// It is not known what would have come.
    Incomplete,
}
