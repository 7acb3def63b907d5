//! Sentences on unfinished work: input that was not read, and rows that were cut off.

use super::super::count::many;
use super::super::location::RunLocation;
use crate::domain::count::{Digits, counted, number};
use crate::domain::record::OutcomeKind;
use crate::journal::JournalError;
use crate::launch::{Ended, InputEnd, LimitReached, OutputFailure};
use crate::rules::stats::Summary;

/// Says what `--limit` left to be done, and why the exit code does not show it. If a stop cut off
/// rows within the limit, fewer were launched than it says.
pub(super) fn limited(ended: &Ended) -> Option<String> {
    let reached = |limit: &LimitReached| ended.summary.cut_off <= limit.beyond;
    let LimitReached { limit, beyond } = ended.limit.filter(reached)?;
    // The reason of a stop gives the exit code where anything is left.
    let exit = match ended.stop_reason {
        Some(_) => "",
        None => ", which does not count in the exit code",
    };
    match (beyond, &ended.input) {
        (0, InputEnd::NotReached) => {
            let launched = counted(limit, "row was launched", "rows were launched");
            Some(format!("  --limit: {launched}, and the input was read no further"))
        }
        (0, _) => None,
        (left, _) => Some(format!(
            "  --limit: {} of {} launched; {} left pending{exit}",
            number(limit),
            counted(limit.saturating_add(left), "row", "rows"),
            number(left)
        )),
    }
}

/// Says what is missing of the input.
pub(super) fn incomplete(ended: &Ended, digits: Digits) -> Option<String> {
    let read = read_so_far(&ended.summary, digits);
    match &ended.input {
        InputEnd::Failed(error) => Some(format!("{read}, then {error}")),
        InputEnd::Incomplete => Some(format!("{read} before an earlier session stopped")),
        InputEnd::Reached | InputEnd::NotReached => None,
    }
}

/// Says how many rows were read of an input that is incomplete.
pub(crate) fn read_so_far(summary: &Summary, digits: Digits) -> String {
    let read = digits.counted(summary.rows(), "row was read", "rows were read");
    format!("input incomplete: {read}")
}

/// Says how many rows that were cut off may run already. Those of a run that is not kept are
/// `unknown`, and a failure that is told.
pub(super) fn in_doubt(ended: &Ended, location: Option<&RunLocation>) -> Option<String> {
    location?;
    let summary = &ended.summary;
    let is_pending = |(outcome, _)| outcome != OutcomeKind::Unconfirmed.as_str();
    let (one, more) = if summary.counts().all(is_pending) {
        ("pending row", "pending rows")
    } else {
        ("unfinished row", "unfinished rows")
    };
    let rows = many(summary.cut_off_in_doubt, one, more);
    let check = if is_gone(ended) { "" } else { "; resume will check" };
    rows.map(|rows| format!("{rows} may already have started{check}"))
}

/// Whether somebody took the run's folder away.
pub(super) const fn is_gone(ended: &Ended) -> bool {
    matches!(&ended.failure, Some(OutputFailure::Journal(JournalError::Gone { .. })))
}
