//! What a request is for, and which kind of request goes next.
//!
//! A rule without time: what keeps each kind from going is decided by the caller.

use super::fair_queue::Try;
use crate::domain::task::Business;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// To start a task of this business.
    Start(Business, Try),
    /// To ask for a task's state. Holds and limits of a business bind starts
    /// only, so it has none.
    Poll,
    /// To ask for a task's link, when nobody else wants to go.
    Lookup,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// A task's state.
    State,
    /// A task's link, when nobody else wants to go.
    Link,
}

/// Maximum number of lookups that are out at once: their answers are large.
pub(crate) const MAX_LOOKUPS: usize = 2;

/// The kinds of requests, as far as their order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestClass {
    /// The start of a row that was, or was not, sent before.
    Start(Try),
    /// A question for a state.
    Poll,
    /// A question for a link.
    Lookup,
}

/// Which kind goes next, of those that may: rows that were sent before first, and
/// of these starts and polls in turn, so that neither waits for all of the other;
/// then rows that were never sent; lookups at the very end.
#[must_use]
pub(crate) fn next(
    start: Option<Try>,
    poll: Option<()>,
    lookup: Option<()>,
    last: RequestClass,
) -> Option<RequestClass> {
    match (start, poll) {
        (Some(Try::Retry), Some(())) if last == RequestClass::Poll => {
            Some(RequestClass::Start(Try::Retry))
        }
        (_, Some(())) => Some(RequestClass::Poll),
        (Some(turn), None) => Some(RequestClass::Start(turn)),
        (None, None) => lookup.map(|()| RequestClass::Lookup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Try::{First, Retry};

    #[test]
    fn rows_that_were_sent_before_go_first_and_lookups_last() {
        let (yes, no) = (Some(()), None);
        let (again, first) = (RequestClass::Start(Retry), RequestClass::Start(First));
        for (start, poll, lookup, last, expected) in [
            (None, no, no, first, None),
            (None, no, yes, first, Some(RequestClass::Lookup)),
            (Some(First), no, yes, first, Some(first)),
            (Some(First), yes, yes, first, Some(RequestClass::Poll)),
            (Some(First), yes, yes, RequestClass::Poll, Some(RequestClass::Poll)),
            (Some(Retry), yes, no, first, Some(RequestClass::Poll)),
            (Some(Retry), yes, no, RequestClass::Poll, Some(again)),
            (Some(Retry), no, yes, RequestClass::Poll, Some(again)),
            (None, yes, yes, RequestClass::Poll, Some(RequestClass::Poll)),
        ] {
            assert_eq!(next(start, poll, lookup, last), expected, "{start:?} {poll:?} {last:?}");
        }
    }
}
