//! What is written and shown, and where.

use std::io::IsTerminal;
use std::path::PathBuf;

use super::error::SettingsError;
use crate::args::display::ProgressArg;
use crate::monitor::progress::ProgressMode;
use crate::report::IfExists;

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Normal,
    /// Nothing, unless the exit code is not 0: then all of it, at the end.
    Quiet,
}

impl From<bool> for Output {
    fn from(quiet: bool) -> Self {
        if quiet { Self::Quiet } else { Self::Normal }
    }
}

/// In which form the summary is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SummaryForm {
    /// For people, on standard error.
    Text,
    /// For programs too, on standard output.
    Json,
}

impl From<bool> for SummaryForm {
    fn from(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Returns what to do with a report that is there already.
pub(crate) const fn existing(force: bool) -> IfExists {
    if force { IfExists::Overwrite } else { IfExists::Refuse }
}

/// Returns how progress is shown. A bar needs a terminal that can move its cursor.
pub(crate) fn progress(arg: ProgressArg, output: Output) -> ProgressMode {
    if output == Output::Quiet {
        return ProgressMode::None;
    }
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let is_terminal = std::io::stderr().is_terminal();
    match arg {
        ProgressArg::Auto if is_terminal && !is_dumb => ProgressMode::Bar,
        ProgressArg::Bar => ProgressMode::Bar,
        ProgressArg::Auto | ProgressArg::Plain => ProgressMode::Plain,
        ProgressArg::None => ProgressMode::None,
    }
}

/// Refuses two reports in one file, which would destroy each other, and a report beside the
/// summary on standard output.
pub(crate) fn check_outputs(
    outputs: &[PathBuf],
    summary: SummaryForm,
) -> Result<(), SettingsError> {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    for (at, output) in outputs.iter().enumerate() {
        if outputs[..at].iter().any(|other| absolute(other) == absolute(output)) {
            return Err(SettingsError::SameOutput(output.clone()));
        }
        if summary == SummaryForm::Json && output.as_os_str() == "-" {
            return Err(SettingsError::TwoOnStdout);
        }
    }
    Ok(())
}
