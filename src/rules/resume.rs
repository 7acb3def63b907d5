//! What is left to do of a run.
//!
//! Pure rules: the rows of the input, the lines that are settled and what earlier
//! sessions left in doubt go in, and what is to be done with each row comes out. A
//! first session is one of which nothing is settled and nothing in doubt.

mod seen;

use std::collections::{BTreeMap, VecDeque};

use crate::domain::lines::Lines;
use crate::domain::record::{Doubt, Outcome, Prior, Record};
use crate::domain::row::Row;
use crate::domain::task::Task;
use crate::rules::intents::{self, Intents};
use seen::SeenTasks;

/// What is to be done with a row that is not settled.
#[derive(Debug)]
pub enum Planned {
    /// It can be launched; earlier sessions left this behind.
    Launch(LaunchableRow),
    /// It is never sent.
    Unsent(Row, Outcome),
}

#[derive(Debug)]
pub struct LaunchableRow {
    pub row: Row,
    pub task: Task,
    /// What earlier sessions left behind of it.
    pub prior: Prior,
    /// Its position in the input, from 1, counted over all rows.
    pub position: u64,
}

/// What earlier sessions left behind of rows that they did not settle, by line.
pub type Doubts = BTreeMap<u64, Prior>;

/// What is left to do: of every row that is not `settled`, in the order of the
/// input. Whether a task came by before is told over all rows, settled or not;
/// `expected` of them make room once, where their number is known.
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

/// The same rows, those last that were sent before: after an outage they may be what the
/// server cannot bear. What is held back is no more than was open at a time.
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

/// What the session before left behind.
#[derive(Clone, Debug, Default)]
pub struct LastSession {
    /// What was in doubt when it began, and what the server accepted since.
    pub doubts: Doubts,
    /// How it ended.
    pub ending: LastEnding,
}

/// How the session before ended.
#[derive(Clone, Debug)]
pub enum LastEnding {
    /// In order: these rows were sent and not settled.
    Orderly(Doubts),
    /// Nobody knows how: by a crash, a full disk, or a second signal. It had noted these
    /// rows before it could send them.
    Unknown(Vec<Intents>),
}

impl Default for LastEnding {
    fn default() -> Self {
        Self::Orderly(Doubts::new())
    }
}

/// The rows that the next session must hold in doubt: those that were in doubt when the
/// last one began, those that were accepted since, and those that it left open, or may have sent if it did not end in
/// order. A row without an intent was surely not sent by it.
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

/// What is left behind of a row whose last word is taken back. What may have been
/// started stays in doubt.
#[must_use]
pub(crate) fn reopened(record: Record) -> Prior {
    let doubt = match record.outcome {
        Outcome::Unconfirmed => Doubt::Accepted,
        Outcome::Unknown => Doubt::MayHaveStarted,
        _ => Doubt::None,
    };
    let Record { attempts, first_sent, last, .. } = record;
    // Of many rows that surely were not started, no more than a number is kept.
    let last = last.filter(|_| doubt != Doubt::None);
    Prior { doubt, attempts, first_sent, last }
}

#[cfg(test)]
mod tests;
