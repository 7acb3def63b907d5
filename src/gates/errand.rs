//! What a request is for, and which kind of request goes next.
//!
//! A rule without time: what keeps each kind from going is decided by the caller.

use super::fair_queue::Turn;
use crate::task::Business;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// To start a task of this business.
    Start(Business, Turn),
    /// To ask for a task's state. Holds and limits of a business bind starts
    /// only, so it has none.
    Poll,
    /// To ask for a task's link, when nobody else wants to go.
    Lookup,
}

/// Lookups that may be out at once: their answers are large.
pub const LOOKUPS: usize = 2;

/// The kinds of requests, as far as their order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The start of a row that was, or was not, sent before.
    Start(Turn),
    /// A question for a state.
    Poll,
    /// A question for a link.
    Lookup,
}

/// Which kind goes next, of those that may: rows that were sent before first, and
/// of these starts and polls in turn, so that neither waits for all of the other;
/// then rows that were never sent; lookups at the very end.
#[must_use]
pub fn next(start: Option<Turn>, poll: Option<()>, lookup: Option<()>, last: Kind) -> Option<Kind> {
    match (start, poll) {
        (Some(Turn::Again), Some(())) if last == Kind::Poll => Some(Kind::Start(Turn::Again)),
        (_, Some(())) => Some(Kind::Poll),
        (Some(turn), None) => Some(Kind::Start(turn)),
        (None, None) => lookup.map(|()| Kind::Lookup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Turn::{Again, First};

    #[test]
    fn rows_that_were_sent_before_go_first_and_lookups_last() {
        let (yes, no) = (Some(()), None);
        let (again, first) = (Kind::Start(Again), Kind::Start(First));
        for (start, poll, lookup, last, expected) in [
            (None, no, no, first, None),
            (None, no, yes, first, Some(Kind::Lookup)),
            (Some(First), no, yes, first, Some(first)),
            (Some(First), yes, yes, first, Some(Kind::Poll)),
            (Some(First), yes, yes, Kind::Poll, Some(Kind::Poll)),
            (Some(Again), yes, no, first, Some(Kind::Poll)),
            (Some(Again), yes, no, Kind::Poll, Some(again)),
            (Some(Again), no, yes, Kind::Poll, Some(again)),
            (None, yes, yes, Kind::Poll, Some(Kind::Poll)),
        ] {
            assert_eq!(next(start, poll, lookup, last), expected, "{start:?} {poll:?} {last:?}");
        }
    }
}
