//! The exit codes, and the one rule that gives them.

use std::process::ExitCode;

use crate::launch::{Ended, InputEnd};
use crate::shutdown::StopReason;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every row ended good, or there was none.
    Good,
    /// The run finished, but some rows ended bad, the input was incomplete, or `--lookup` could ask
    /// for no link; a measurement missed what was expected.
    Bad,
    /// Usage, settings or input: nothing was sent.
    Usage,
    /// Stopped by an answer that holds for every row, an outage, the budget or a declined stage.
    Stopped,
    /// Stopped since the window closed.
    WindowClosed,
    /// Another process works on the run.
    Locked,
    /// The journal or a report could not be written, or rows and lines differ.
    Output,
    /// Stopped by a signal.
    Signal(crate::shutdown::Signal),
}

impl Exit {
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Usage => 2,
            Self::Stopped => 3,
            Self::WindowClosed => 4,
            Self::Locked => 5,
            Self::Output => 6,
            Self::Signal(signal) => 128 + signal.number(),
        }
    }

    /// Returns the exit code of a session. An output that could not be written beats all. A reason
    /// to stop gives the code only if it kept something from being done.
    #[must_use]
    pub fn of(ended: &Ended) -> Self {
        if ended.failure.is_some() {
            return Self::Output;
        }
        let incomplete = ended.summary.cut_off > 0 || matches!(ended.input, InputEnd::NotReached);
        let is_part = matches!(ended.input, InputEnd::Failed(_) | InputEnd::Incomplete);
        match &ended.stop_reason {
            Some(StopReason::Output | StopReason::Broken(_)) => Self::Output,
            Some(StopReason::Signal(signal)) if incomplete => Self::Signal(*signal),
            Some(
                StopReason::Answer { .. }
                | StopReason::Question { .. }
                | StopReason::Outage { .. }
                | StopReason::Budget(_)
                | StopReason::Declined,
            ) if incomplete => Self::Stopped,
            Some(StopReason::SloMissed(_)) if incomplete => Self::Bad,
            Some(StopReason::Window) if incomplete => Self::WindowClosed,
            _ if ended.summary.bad() > 0 || is_part || ended.requests.unasked.has_no_link() => {
                Self::Bad
            }
            _ => Self::Good,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests;
