//! Reads a saved result.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::schema::{BenchResult, ROWS_USED_UP, SCHEMA, UNFINISHED};
use crate::bench::compare::MIN_BLOCKS;
use crate::bench::search::{LimitedBy, SearchDecision};
use crate::domain::count::Digits;

#[derive(Debug, Error)]
pub(crate) enum ResultError {
    #[error("cannot read the result {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a result of bench ({source}); name a .json that bench -o wrote", path.display())]
    NotOne { path: PathBuf, source: serde_json::Error },
    #[error("{} has version {found} of the schema, but this bk-launch reads version {SCHEMA}; measure again", path.display())]
    Version { path: PathBuf, found: u32 },
}

impl BenchResult {
    pub(crate) fn read(path: &Path) -> Result<Self, ResultError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ResultError::Read { path: path.to_owned(), source })?;
        let result: Self = serde_json::from_str(&text)
            .map_err(|source| ResultError::NotOne { path: path.to_owned(), source })?;
        if result.schema == SCHEMA {
            return Ok(result);
        }
        Err(ResultError::Version { path: path.to_owned(), found: result.schema })
    }

    /// Whether this machine kept a search from a higher rate.
    #[must_use]
    pub(crate) fn is_limited_by_machine(&self) -> bool {
        self.limited_by.as_deref() == Some(LimitedBy::Machine.as_str())
    }

    /// Whether a search found no rate because this machine spoiled each of its steps.
    #[must_use]
    pub(crate) fn is_all_spoiled(&self) -> bool {
        let mut finished = self.steps.iter().filter(|step| step.verdict != UNFINISHED).peekable();
        self.highest_per_second.is_none()
            && finished.peek().is_some()
            && finished.all(|step| step.verdict == SearchDecision::Spoiled.as_str())
    }

    /// Returns why the result cannot be compared, if its own figures say so: they are not those of
    /// the server under the whole load, or too few.
    #[must_use]
    pub(crate) fn incomparable(&self) -> Option<String> {
        let early = || self.stopped.as_ref().filter(|why| *why != ROWS_USED_UP);
        if let Some(why) = &self.generator.bottleneck {
            Some(why.clone())
        } else if self.dropped > 0 {
            let due = Digits::Plain.counted(self.dropped, "request was due", "requests were due");
            Some(format!("{due} and not sent"))
        } else if let Some(why) = early() {
            // Further lines say what to do about it.
            Some(format!("it ended early: {}", why.lines().next().unwrap_or_default()))
        } else if self.answered == 0 {
            Some("nothing was answered".into())
        } else {
            let seconds = self.whole_seconds().filter(|second| second.answered > 0).count();
            let told = Digits::Plain.counted(seconds as u64, "whole second", "whole seconds");
            (seconds < MIN_BLOCKS)
                .then(|| format!("it has answers in {told}, and a comparison needs {MIN_BLOCKS}"))
        }
    }
}
