//! Why a measurement ended, and the exit code that follows.

use crate::bench::find_max::Unfinished;
use crate::bench::measured::Measured;
use crate::bench::measurement::LoadEnd;
use crate::bench::result::schema::ROWS_USED_UP;
use crate::bench::slo::SloJudgement;
use crate::session::exit::Exit;
use crate::shutdown::StopReason;
use crate::text::summary::why;

/// Reasons that a measurement may have for its end, beside the end of its load.
pub(crate) struct EndReasons {
    pub cause: Option<StopReason>,
    /// The error that ended the rows early.
    pub input_error: Option<String>,
    pub sent: SentWorkload,
}

/// What was sent.
pub(crate) enum SentWorkload {
    Load,
    Search { unfinished: Option<Unfinished> },
}

impl EndReasons {
    /// Returns why the measurement ended early, in words.
    pub(crate) fn stopped(&self, measured: &Measured, target: &str) -> Option<String> {
        let unfinished = self.unfinished().map(|unfinished| match unfinished {
            Unfinished::Stopped => "the search was stopped before its end".to_owned(),
            Unfinished::RowsUsedUp => "the rows were used up before the search was over".into(),
            Unfinished::Bottleneck(why) => {
                format!("the search ended at this machine's own limit, not the server's: {why}")
            }
        });
        let cause = self.cause.as_ref().map(|cause| why(cause, target));
        let input = self.input_error.clone();
        let used_up = || (measured.ended == LoadEnd::RowsUsedUp).then(|| ROWS_USED_UP.into());
        cause.or(input).or(unfinished).or_else(used_up)
    }

    /// Whether the rows were used up before expectations could be judged by the whole load.
    pub(crate) fn is_judged_too_early(&self, measured: &Measured, judged: &[SloJudgement]) -> bool {
        let is_used_up = measured.ended == LoadEnd::RowsUsedUp
            || matches!(self.unfinished(), Some(Unfinished::RowsUsedUp));
        is_used_up && self.cause.is_none() && !judged.is_empty()
    }

    /// Returns the exit code: that of the cause that stopped the measurement, or else of its
    /// figures.
    pub(crate) fn exit(&self, measured: &Measured, judged: &[SloJudgement]) -> Exit {
        match &self.cause {
            Some(StopReason::Signal(signal)) => return Exit::Signal(*signal),
            Some(StopReason::Answer { .. }) => return Exit::Stopped,
            Some(StopReason::SloMissed(_)) => return Exit::Bad,
            _ => {}
        }
        let is_missed = judged.iter().any(|judgement| !judgement.holds());
        let is_bad = match &self.sent {
            // Steps that fail belong to a search; one that found nothing has failed.
            SentWorkload::Search { unfinished } => unfinished.is_some() || is_missed,
            SentWorkload::Load => {
                measured.dropped > 0
                    || self.is_judged_too_early(measured, judged)
                    || measured.health.bottleneck().is_some()
                    || is_missed
            }
        };
        if is_bad || self.input_error.is_some() { Exit::Bad } else { Exit::Good }
    }

    const fn unfinished(&self) -> Option<&Unfinished> {
        match &self.sent {
            SentWorkload::Search { unfinished } => unfinished.as_ref(),
            SentWorkload::Load => None,
        }
    }
}
