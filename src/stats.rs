//! What a run has come to: counts, folded from the records one by one.
//!
//! Counting only; printing the counts is `cli`'s work.

use crate::record::{AlreadyStarted, Ending, Outcome, Record, Standing};

/// The outcomes in the order in which they are told.
pub const OUTCOMES: [&str; 8] = [
    "started",
    "already_started",
    "rejected",
    "failed",
    "unknown",
    "invalid",
    "duplicate",
    "pending",
];

/// Counts over all records of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    by_outcome: [u64; OUTCOMES.len()],
    /// `start_task` requests that were sent.
    pub requests: u64,
    /// Rows that were cut off by a stop, or not reached.
    pub cut_off: u64,
    already: AlreadyStarted,
    bad: u64,
}

impl Summary {
    /// Nothing yet; `already` says how `already_started` counts.
    #[must_use]
    pub fn new(already: AlreadyStarted) -> Self {
        Self { already, ..Self::default() }
    }

    /// Adds one record.
    pub fn add(&mut self, record: &Record) {
        self.by_outcome[position(record.outcome)] += 1;
        self.requests += u64::from(record.attempts);
        self.cut_off += u64::from(record.ending == Ending::CutOff);
        self.bad += u64::from(record.outcome.standing(self.already) == Standing::Bad);
    }

    /// The outcomes that occurred, each with its count.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        OUTCOMES.into_iter().zip(self.by_outcome).filter(|(_, count)| *count > 0)
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.by_outcome.iter().sum()
    }

    /// The rows that ended bad.
    #[must_use]
    pub const fn bad(&self) -> u64 {
        self.bad
    }
}

const fn position(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Started(_) => 0,
        Outcome::AlreadyStarted => 1,
        Outcome::Rejected => 2,
        Outcome::Failed => 3,
        Outcome::Unknown => 4,
        Outcome::Invalid => 5,
        Outcome::Duplicate => 6,
        Outcome::Pending => 7,
    }
}
