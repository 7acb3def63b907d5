//! Records of rows that this session sends no request for.

use super::row_state::{Resumable, cut_off};
use crate::domain::record::{Ending, Outcome, Prior, Record};
use crate::domain::row::Row;

/// Returns the record of a row that this session leaves as earlier sessions left it.
#[must_use]
pub(crate) fn left_open(row: Row, prior: Prior, resumable: Resumable) -> Record {
    let Prior { doubt, attempts, first_sent, last } = prior;
    let (outcome, ending) = cut_off(doubt, resumable);
    Record { row, outcome, ending, attempts, first_sent, last, reason: None, elapsed: None }
}

pub(super) fn never_sent(row: Row, outcome: Outcome) -> Record {
    let ending = Ending::Settled;
    Record {
        row,
        outcome,
        ending,
        attempts: 0,
        first_sent: None,
        last: None,
        reason: None,
        elapsed: None,
    }
}
