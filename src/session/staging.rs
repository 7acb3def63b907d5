//! In which stages a launch goes.

use std::time::Duration;

use thiserror::Error;

use super::error::Refusal;
use crate::rules::stages::Stages;

/// In which stages a launch goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staging {
    /// Ends of the stages; `None` if all is one.
    pub stages: Option<Stages>,
    /// How long to wait between two of them.
    pub pause: Option<Duration>,
}

impl Staging {
    /// Returns where stages end in an input of `rows`, if that number is known.
    pub(crate) fn ends(&self, rows: Option<u64>) -> Result<Vec<u64>, SharesOfStream> {
        match &self.stages {
            None => Ok(Vec::new()),
            Some(stages) if stages.need_rows() && rows.is_none() => Err(SharesOfStream),
            Some(stages) => Ok(stages.ends(rows)),
        }
    }
}

/// Shares of an input whose number of rows is not known.
#[derive(Debug, Error)]
#[error(
    "--stages with percentages needs a file: standard input cannot be counted before it is launched"
)]
pub(crate) struct SharesOfStream;

impl Refusal for SharesOfStream {}
