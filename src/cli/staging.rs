//! In which stages a launch goes, and who is asked between them.

use std::time::Duration;

use super::args::StageArgs;
use super::settings::SettingsError;
use crate::monitor::console;
use crate::rules::stages::Stages;

/// In which stages a launch goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Staging {
    /// Where they end.
    pub stages: Option<Stages>,
    /// How long to wait between two.
    pub pause: Option<Duration>,
    /// Whether somebody is asked before each further one.
    pub asking: Asking,
}

/// Whether somebody is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asking {
    /// Nobody is.
    #[default]
    Nobody,
    /// Whoever sits at the terminal.
    Terminal,
}

impl Staging {
    pub(super) fn new(args: StageArgs) -> Result<Self, SettingsError> {
        let StageArgs { stages, stage_pause, stage_ask } = args;
        let asking = if stage_ask { Asking::Terminal } else { Asking::Nobody };
        if asking == Asking::Terminal && console::terminal().is_err() {
            return Err(SettingsError::NobodyToAsk);
        }
        Ok(Self { stages, pause: stage_pause, asking })
    }

    /// Where the stages end, in an input of so many rows, if it is known how many.
    ///
    /// # Errors
    ///
    /// Where that must be known and is not.
    pub(super) fn ends(&self, rows: Option<u64>) -> Result<Vec<u64>, SettingsError> {
        match &self.stages {
            None => Ok(Vec::new()),
            Some(stages) if stages.need_rows() && rows.is_none() => {
                Err(SettingsError::SharesOfStdin)
            }
            Some(stages) => Ok(stages.ends(rows)),
        }
    }
}
