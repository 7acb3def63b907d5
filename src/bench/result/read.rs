//! Reads a saved result.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::schema::{BenchResult, ROWS_USED_UP, SCHEMA};

#[derive(Debug, Error)]
pub(crate) enum ResultError {
    #[error("cannot read the result {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no result of bench: {source}", path.display())]
    NotOne { path: PathBuf, source: serde_json::Error },
    #[error("{} has version {found} of the schema, and this program reads version {SCHEMA}", path.display())]
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

    /// Returns why the figures are not those of the server under the whole load, if the result
    /// itself says so.
    #[must_use]
    pub(crate) fn invalid(&self) -> Option<String> {
        let early = || self.stopped.as_ref().filter(|why| *why != ROWS_USED_UP);
        if let Some(why) = &self.generator.bottleneck {
            Some(format!("not the server but the machine that sent was measured: {why}"))
        } else if self.dropped > 0 {
            Some(format!("{} requests were due and not sent", self.dropped))
        } else if let Some(why) = early() {
            Some(format!("it ended early: {why}"))
        } else {
            (self.answered == 0).then(|| "nothing was answered".into())
        }
    }
}
