//! What a run is, as its journal keeps it.

use strum::{EnumString, IntoStaticStr};

use crate::domain::request_id::RunId;
use crate::domain::row::Columns;

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Id of the run.
    pub id: RunId,
    /// What `--name` said.
    pub name: Option<String>,
    /// The input, as it was named on the command line.
    pub input_name: String,
    /// `csv`, `tsv` or `jsonl`.
    pub input_format: String,
    /// Where the input came from.
    pub source: InputSource,
    /// The input's further columns.
    pub columns: Columns,
    /// The zone in which its reports write times.
    pub zone: String,
    /// Number of rows of the input, if it is known.
    pub rows: Option<u64>,
    /// The copy of the input; for a stream that has not ended, as it was at the last commit.
    pub copy: Option<Copied>,
    /// Whether all of the input was read.
    pub input: InputState,
    /// The last position of the input whose stage somebody agreed to.
    pub agreed_to: Option<u64>,
}

/// The length and the SHA-256 of a copy of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    /// In hexadecimal digits.
    pub sha256: String,
}

/// Where an input came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum InputSource {
    /// From a file, all of it at once.
    File,
    /// From a pipe or a terminal, bit by bit.
    Stream,
}

/// Whether all of an input was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputState {
    /// It was.
    Ended,
    /// Nobody knows what would have come.
    Incomplete,
}
