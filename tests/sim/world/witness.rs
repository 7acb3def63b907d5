//! What happened, by the world's own account: which requests left and came back, how each session
//! ended, and what it wrote. Promises are checked against this, never against the program's word
//! alone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::history::Key;
use crate::server::{At, RawAnswer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Start,
    /// `get_task_status`
    Status,
    /// `get_task_detail`
    Detail,
}

/// A request that left the program.
#[derive(Clone, Debug)]
pub struct Departure {
    pub at: At,
    /// Index of the session in the history.
    pub session: usize,
    /// Its header `X-Request-Id`.
    pub id: String,
    pub kind: Kind,
    pub key: Key,
    /// The first line of the list with that task.
    pub line: Option<u64>,
    /// When and how it came back; `None` while it is out, or if the session died before.
    pub back: Option<(At, Back)>,
}

#[derive(Clone, Debug)]
pub enum Back {
    Answer(RawAnswer),
    CutOff(RawAnswer),
    /// It may have arrived: a reset or a timeout.
    Lost,
    /// It never left after all: the server had closed its connection.
    NotSent,
}

/// How a session ended.
#[derive(Clone, Debug)]
pub enum SessionEnd {
    /// In order: the exit code, and the summary for people and for programs.
    Exited {
        code: u8,
        text: String,
        json: Value,
    },
    /// It did not begin: the exit code, and why.
    Refused {
        code: u8,
        text: String,
    },
    /// A second signal, or `kill -9`.
    Killed,
    PoweredOff,
}

/// One line of a report: its columns by name.
pub type Line = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub struct SessionFacts {
    pub began: At,
    pub ended: At,
    pub end: SessionEnd,
    /// When the first signal came.
    pub signal: Option<At>,
    /// Its reports as they lie after its end, one after the other, each read back; `None` for one
    /// that is not there. Of a session that died, those that it wrote in place may be torn.
    pub reports: Vec<Option<Vec<Line>>>,
    /// Everything that it wrote for people and programs: plan, notices, summary, reports, files
    /// of its folder.
    pub written: Vec<(String, Vec<u8>)>,
    /// Whether it kept a journal.
    pub journaled: bool,
    /// Lines with an intent of this session that the journal held when it ended.
    pub intended: Vec<u64>,
    /// Lines that were settled in the journal when it ended, with their outcome.
    pub settled: BTreeMap<u64, String>,
    /// Number of rows that were read from the input.
    pub rows_read: u64,
}

/// A whole history as it went.
#[derive(Debug, Default)]
pub struct Witness {
    pub departures: Vec<Departure>,
    pub sessions: Vec<SessionFacts>,
    /// When the wall clock was put ahead, and by how many seconds.
    pub clock_steps: Vec<(At, i64)>,
    /// When the machine was suspended; it slept from so long before on.
    pub suspensions: Vec<(At, Duration)>,
}
