//! What came of a measurement: why it ended, its exit code, and its result.

use jiff::Timestamp;

use super::super::text::summary;
use crate::bench::find_max::{Taken, Unfinished};
use crate::bench::result::{
    self, Distribution, Generator, Outcome, ROWS_USED_UP, SCHEMA, StepOutcome,
};
use crate::bench::search::Decision;
use crate::bench::slo::Judgement;
use crate::bench::{Ended, Measured, Started};
use crate::session::exit::Exit;
use crate::shutdown::StopReason;

/// Why a measurement ended, beside that its load was over.
pub(crate) struct Why {
    /// What stopped it.
    pub cause: Option<StopReason>,
    /// Why the rows ended before their end.
    pub input_error: Option<String>,
    /// Why a search ended before its end.
    pub unfinished: Option<Unfinished>,
}

impl Why {
    /// Why it ended early, in words.
    pub(crate) fn told(&self, all: &Measured, target: &str) -> Option<String> {
        let unfinished = self.unfinished.as_ref().map(|unfinished| match unfinished {
            Unfinished::Stopped => "the search was stopped before its end".to_owned(),
            Unfinished::RowsUsedUp => "the rows were used up before the search was over".into(),
            Unfinished::Bottleneck(why) => {
                format!("the search ended at this machine's own limit, not the server's: {why}")
            }
        });
        let cause = self.cause.as_ref().map(|cause| summary::why(cause, target));
        let input = self.input_error.clone();
        let used_up = || (all.ended == Ended::RowsUsedUp).then(|| ROWS_USED_UP.into());
        cause.or(input).or(unfinished).or_else(used_up)
    }

    /// Says that the rows were used up before everything that is expected of the load could
    /// be judged.
    pub(crate) fn used_up(&self, all: &Measured, judged: &[Judgement]) -> Option<String> {
        let is_used_up = all.ended == Ended::RowsUsedUp
            || matches!(self.unfinished, Some(Unfinished::RowsUsedUp));
        (is_used_up && self.cause.is_none() && !judged.is_empty()).then(|| {
            let sent = all.sent;
            format!(
                "the rows were used up before the load was over, so --slo was judged by {sent} \
                 requests alone: exit 1"
            )
        })
    }

    /// The first cause that stopped it gives the code; else what was measured does.
    pub(crate) fn exit(&self, all: &Measured, judged: &[Judgement], is_search: bool) -> Exit {
        match &self.cause {
            Some(StopReason::Signal(signal)) => return Exit::Signal(*signal),
            Some(StopReason::Answer { .. }) => return Exit::Stopped,
            Some(StopReason::SloMissed(_)) => return Exit::Bad,
            _ => {}
        }
        let is_bad = if is_search {
            // Steps that fail belong to a search; one that found nothing has failed.
            self.unfinished.is_some() || judged.iter().any(|judgement| !judgement.holds())
        } else {
            all.dropped > 0
                || self.used_up(all, judged).is_some()
                || all.health.bottleneck().is_some()
                || judged.iter().any(|judgement| !judgement.holds())
        };
        if is_bad || self.input_error.is_some() { Exit::Bad } else { Exit::Good }
    }
}

/// What was measured, as a result; what only the caller knows is left empty.
pub(crate) fn outcome_of(
    all: &Measured,
    started: &Started,
    judged: &[Judgement],
    began: Timestamp,
) -> Outcome {
    let [connects, bytes_sent, bytes_received] = all.traffic;
    Outcome {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").into(),
        began: began.to_string(),
        target: String::new(),
        load: String::new(),
        warmup_seconds: 0.0,
        seconds: all.window.as_secs_f64(),
        wanted: all.wanted,
        sent: all.sent,
        answered: all.answered(),
        errors: all.errors(),
        dropped: all.dropped,
        sent_per_second: all.sent_per_second(),
        answered_per_second: all.answered_per_second,
        connects,
        bytes_sent,
        bytes_received,
        response: Distribution::of(&all.all.response),
        service: Distribution::of(&all.all.service),
        lateness: Distribution::of(&all.lateness),
        classes: result::classes(all),
        generator: Generator::of(all),
        slos: judged.iter().map(Into::into).collect(),
        rows: result::Rows {
            input: None,
            started: started.surely.len(),
            started_lines: result::ranges(&started.surely),
            perhaps: started.perhaps.len(),
            perhaps_lines: result::ranges(&started.perhaps),
        },
        series: all.seconds.iter().map(Into::into).collect(),
        steps: Vec::new(),
        highest_per_second: None,
        limited_by: None,
        stopped: None,
        exit: 0,
    }
}

/// A step of a search, as a result.
pub(crate) fn step_outcome(taken: &Taken) -> StepOutcome {
    let Taken { attempt, measured, decision, why, .. } = taken;
    let response = Distribution::of(&measured.all.response);
    StepOutcome {
        wanted_per_second: attempt.rate,
        answered_per_second: measured.answered_per_second,
        p50: response.p50,
        p99: response.p99,
        error_share: measured.error_share().unwrap_or_default(),
        late_share: measured.health.late_share(),
        verdict: decision.map_or("unfinished", Decision::as_str).into(),
        failed: why.clone().filter(|_| *decision != Some(Decision::Held)),
    }
}

/// A step of a search, in words.
pub(crate) fn told_step(taken: &Taken) -> String {
    let why = taken.why.as_deref().unwrap_or_default();
    let told = match taken.decision {
        Some(Decision::Held) => match taken.measured.health.bottleneck() {
            None => "held".into(),
            Some(late) => format!("held, although {late}"),
        },
        Some(Decision::Failed) => format!("did not hold: {why}"),
        Some(Decision::RepeatLonger) => format!("is tried again, twice as long: {why}"),
        Some(Decision::Repeat) => format!("is tried again, since this machine spoiled it: {why}"),
        Some(Decision::Spoiled) => {
            let next = taken.next.map_or_else(
                || "and the search ends".to_owned(),
                |next| format!("so the search goes on at {next:.1}/s"),
            );
            format!("says nothing about the server, {next}: {why}")
        }
        None => why.into(),
    };
    format!("{:.1}/s {told}", taken.attempt.rate)
}
