//! What a request is for, and which kind goes next.
//!
//! A rule without time: the caller decides what keeps each kind from going.

use super::fair_queue::Try;
use crate::domain::task::Business;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Start(Business, Try),
    /// Asks for a task's state. It has no business, since holds and limits of a business bind
    /// starts only.
    Poll,
    /// Asks for a task's link, if nobody else wants to go.
    Lookup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    State,
    Link,
}

/// Maximum number of lookups that are out at once: their answers are large.
pub(crate) const MAX_LOOKUPS: usize = 2;

/// Kinds of requests, as far as their order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestClass {
    Start(Try),
    Poll,
    Lookup,
}

/// Returns which kind goes next, of those that may: rows sent before first, and of their starts
/// and polls in turn, so that neither waits for all of the other; then rows never sent; lookups
/// last.
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
