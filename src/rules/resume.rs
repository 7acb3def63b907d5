//! Decides what is left to do of a run.
//!
//! From the rows of the input, the settled lines and what earlier sessions left in doubt follows
//! what to do with each row. A first session has nothing settled and nothing in doubt.

mod seen;

use std::collections::{BTreeMap, VecDeque};

use crate::domain::lines::Lines;
use crate::domain::record::{Doubt, Outcome, Prior, Record};
use crate::domain::row::Row;
use crate::domain::task::Task;
use crate::rules::intents::{self, Intents};
use seen::SeenTasks;

/// What to do with a row that is not settled.
#[derive(Debug)]
pub enum Planned {
    Launch(LaunchableRow),
    Unsent(Row, Outcome),
}

#[derive(Debug)]
pub struct LaunchableRow {
    pub row: Row,
    pub task: Task,
    /// What earlier sessions left behind of the row.
    pub prior: Prior,
    /// Position in the input, from 1, counted over all rows.
    pub position: u64,
}

/// What earlier sessions left behind of unsettled rows, by line.
pub type Doubts = BTreeMap<u64, Prior>;

/// Plans every row that is not `settled`, in the order of the input. Duplicates are found among all
/// rows, settled or not; `expected` is the number of rows, if known, for which memory is reserved.
pub fn plan<E>(
    rows: impl Iterator<Item = Result<Row, E>>,
    expected: Option<u64>,
    settled: Lines,
    mut doubts: Doubts,
) -> impl Iterator<Item = Result<Planned, E>> {
    let mut seen = SeenTasks::with_room_for(expected);
    let mut position = 0;
    rows.filter_map(move |row| {
        let row = match row {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        position += 1;
        let is_new = row.task.as_ref().is_ok_and(|task| seen.is_new(task));
        if settled.contains(row.line) {
            return None;
        }
        Some(Ok(match row.task {
            Err(_) => Planned::Unsent(row, Outcome::Invalid),
            Ok(_) if !is_new => Planned::Unsent(row, Outcome::Duplicate),
            Ok(task) => {
                let prior = doubts.remove(&row.line).unwrap_or_default();
                Planned::Launch(LaunchableRow { row, task, prior, position })
            }
        }))
    })
}

/// Moves rows that were sent before to the end: after an outage they may be what overloads the
/// server. It holds back no more rows than were open at a time.
pub(crate) fn sent_last<E>(
    mut rows: impl Iterator<Item = Result<Planned, E>>,
) -> impl Iterator<Item = Result<Planned, E>> {
    let (mut sent, mut end) = (VecDeque::new(), None);
    std::iter::from_fn(move || {
        while end.is_none() {
            match rows.next() {
                Some(Ok(Planned::Launch(row))) if row.prior.attempts > 0 => sent.push_back(row),
                Some(Ok(row)) => return Some(Ok(row)),
                Some(Err(error)) => end = Some(Some(error)),
                None => end = Some(None),
            }
        }
        let next = sent.pop_front().map(|row| Ok(Planned::Launch(row)));
        next.or_else(|| end.as_mut()?.take().map(Err))
    })
}

#[derive(Clone, Debug, Default)]
pub struct LastSession {
    /// What was in doubt when it began, and what the server accepted since.
    pub doubts: Doubts,
    pub ending: LastEnding,
}

/// End of the previous session.
#[derive(Clone, Debug)]
pub enum LastEnding {
    /// In order: these rows were sent and not settled.
    Orderly(Doubts),
    /// Unknown: a crash, a full disk, or a second signal. It had noted these rows before it could
    /// send them.
    Unknown(Vec<Intents>),
}

impl Default for LastEnding {
    fn default() -> Self {
        Self::Orderly(Doubts::new())
    }
}

/// Returns the rows that the next session must hold in doubt: those that were in doubt when the
/// last one began, those accepted since, and those that it left open, or may have sent if it did
/// not end in order. It certainly did not send a row without an intent.
#[must_use]
pub fn doubts(last: LastSession, settled: &Lines) -> Doubts {
    let mut doubts = last.doubts;
    doubts.retain(|line, _| !settled.contains(*line));
    match last.ending {
        LastEnding::Orderly(open) => {
            doubts.extend(open.into_iter().filter(|(line, _)| !settled.contains(*line)));
        }
        LastEnding::Unknown(intents) => {
            for (batch, first) in intents::first_sent(&intents) {
                for line in batch.lines.iter().filter(|line| !settled.contains(**line)) {
                    let prior = doubts.entry(*line).or_default();
                    if prior.doubt == Doubt::None {
                        prior.doubt = Doubt::MayHaveStarted;
                        prior.first_sent = Some(first);
                    }
                }
            }
        }
    }
    doubts
}

/// Returns what is left behind of a row whose result is taken back. It stays in doubt if it may
/// have been started.
#[must_use]
pub(crate) fn reopened(record: Record) -> Prior {
    let doubt = match record.outcome {
        Outcome::Unconfirmed => Doubt::Accepted,
        Outcome::Unknown => Doubt::MayHaveStarted,
        _ => Doubt::None,
    };
    let Record { attempts, first_sent, last, .. } = record;
    // Drops the last answer of rows that certainly were not started, since there may be many.
    let last = last.filter(|_| doubt != Doubt::None);
    Prior { doubt, attempts, first_sent, last }
}

#[cfg(test)]
mod tests;
