//! The exit codes, and the one rule that gives them.

use std::process::ExitCode;

use crate::launch::{Ended, InputEnd};
use crate::shutdown::StopReason;

/// What the program tells the one who called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every row ended good, or there was none.
    Good,
    /// The run finished, but some rows ended bad, or `--lookup` could ask for no link.
    Bad,
    /// Usage, settings or input: nothing was sent.
    Usage,
    /// Stopped by an `auth` or `config` answer, an outage, or a server that was never reached.
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
    /// The number.
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

    /// How a run ended. An output that could not be written beats all. A cause
    /// gives the code only if it kept something from being done.
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
mod tests {
    use super::*;
    use crate::domain::rate::Rate;
    use crate::domain::record::{AlreadyStarted, Doubt, Ending, KnownBy, Outcome, Record};
    use crate::domain::row::Row;
    use crate::domain::task::{Business, Scope, Task};
    use crate::limiter::Counters;
    use crate::monitor::metrics::Figures;
    use crate::rules::forecast::Estimate;
    use crate::rules::retry::Stop;
    use crate::rules::stats::{Requests, Summary};
    use crate::shutdown::Signal;
    use enum_map::EnumMap;
    use jiff::Timestamp;
    use std::time::Duration;

    fn ended(
        outcomes: &[(Outcome, Ending)],
        stop_reason: Option<StopReason>,
        input: InputEnd,
    ) -> Ended {
        let mut summary = Summary::new(AlreadyStarted::Ok);
        let id = "1".parse().unwrap();
        let task = Task { business: Business { scope: Scope::CmdbBiz, id }, id };
        for (outcome, ending) in outcomes {
            summary.add(&Record {
                row: Row { line: 1, task: Ok(task), carried: Box::new([]) },
                outcome: *outcome,
                ending: *ending,
                attempts: 1,
                first_sent: None,
                last: None,
                reason: None,
                elapsed: None,
            });
        }
        Ended {
            summary,
            requests: Requests::default(),
            counters: Counters::default(),
            took: Duration::ZERO,
            input,
            stop_reason,
            failure: None,
            journal: None,
            figures: Figures {
                began: Timestamp::UNIX_EPOCH,
                rows: None,
                by_outcome: EnumMap::default(),
                requests: Requests::default(),
                throttled: 0,
                holds: 0,
                open_rows: 0,
                in_flight: 0,
                wanted: Rate::Unlimited,
                estimate: Estimate::default(),
            },
        }
    }

    #[test]
    fn the_first_cause_gives_the_code_if_it_kept_something_undone() {
        use Ending::{CutOff, Settled};
        let good = (Outcome::Started(KnownBy::Reply), Settled);
        let bad = (Outcome::Rejected, Settled);
        let pending = (Outcome::Pending, CutOff(Doubt::None));
        let doubtful = (Outcome::Unknown, CutOff(Doubt::MayHaveStarted));
        let signal = || Some(StopReason::Signal(Signal::Interrupt));
        let auth = || Some(StopReason::Answer { stop: Stop::Auth, message: "".into() });
        let reached = || InputEnd::Reached;
        for (outcomes, stop_reason, input, code) in [
            (&[][..], None, reached(), 0),
            (&[good], None, reached(), 0),
            (&[good, (Outcome::Duplicate, Settled)], None, reached(), 0),
            (&[good, bad], None, reached(), 1),
            (&[good, (Outcome::Invalid, Settled)], None, reached(), 1),
            (&[good, pending], signal(), reached(), 130),
            (&[good, doubtful], signal(), reached(), 130),
            (&[good], signal(), reached(), 0),
            (&[bad], signal(), reached(), 1),
            (&[good], signal(), InputEnd::NotReached, 130),
            (&[pending, bad], auth(), reached(), 3),
            (&[good], Some(StopReason::Output), reached(), 6),
            (&[good], Some(StopReason::Broken("a row".into())), reached(), 6),
            (&[good], None, InputEnd::Incomplete, 1),
            (&[good, pending], Some(StopReason::Window), reached(), 4),
            (&[good, bad], Some(StopReason::Window), reached(), 1),
            (&[good, pending], signal(), InputEnd::Incomplete, 130),
        ] {
            let ended = ended(outcomes, stop_reason.clone(), input);
            assert_eq!(Exit::of(&ended).code(), code, "{outcomes:?} {stop_reason:?}");
        }
    }

    #[test]
    fn signals_have_the_codes_that_shells_give_them() {
        for (signal, code) in
            [(Signal::Hangup, 129), (Signal::Interrupt, 130), (Signal::Terminate, 143)]
        {
            assert_eq!(Exit::Signal(signal).code(), code);
        }
    }
}
