//! Estimates the earliest time that the server's clock can have shown when an attempt left.
//!
//! Clocks of this machine and the server are never compared: they step, and machines sleep. An
//! answer's `Date` is carried to the moment of an attempt by the time that passed in between, by
//! whichever clock makes it earlier.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;

use crate::domain::clocks::Reading;
use crate::domain::record::FirstSent;

/// A `Date` of the server, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Time that the server wrote into its answer.
    pub date: Timestamp,
    /// This machine's clocks when the answer came.
    pub at: Reading,
}

impl Sighting {
    /// Returns the earliest time that the server's clock can have shown at a moment after this
    /// sighting; `None` if the time in between is unknown.
    #[must_use]
    pub fn carried_on(&self, to: &Reading) -> Option<Timestamp> {
        self.date.checked_add(self.at.passed_until(to)?.least).ok()
    }

    /// Returns the earliest time that the server's clock can have shown at a moment before this
    /// sighting; `None` if the time in between is unknown.
    #[must_use]
    pub fn carried_back(&self, to: &Reading) -> Option<Timestamp> {
        self.date.checked_sub(to.passed_until(&self.at)?.most).ok()
    }
}

#[derive(Debug, Default)]
pub(crate) struct ServerClock(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    last: Option<Sighting>,
    next: Arc<OnceLock<Sighting>>,
}

impl ServerClock {
    /// Records the `Date` of an answer that has just come.
    pub(crate) fn saw(&self, sighting: Sighting) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.last = Some(sighting);
        // Usually nobody waits for it: only attempts in flight do.
        if Arc::strong_count(&seen.next) > 1 {
            let next = std::mem::take(&mut seen.next);
            let _ = next.set(sighting);
        }
    }

    #[must_use]
    pub(crate) fn last(&self) -> Option<Sighting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    #[must_use]
    pub(crate) fn departure(&self, at: Reading) -> Departure {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.last.and_then(|last| last.carried_on(&at));
        Departure { known, waiting: Some((at, Arc::clone(&seen.next))) }
    }

    /// Restores an attempt of an earlier session. The next `Date` may make it more precise if the
    /// machine was not restarted since.
    #[must_use]
    pub(crate) fn earlier(&self, first: &FirstSent) -> Departure {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let FirstSent { server, local } = *first;
        Departure { known: server, waiting: local.map(|at| (at, Arc::clone(&seen.next))) }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Departure {
    /// Earliest time of the server, by what was known at the departure.
    known: Option<Timestamp>,
    /// This machine's clocks at the departure, and the first `Date` after it, once that has come.
    waiting: Option<(Reading, Arc<OnceLock<Sighting>>)>,
}

impl Departure {
    /// Returns the earliest time that the server's clock can have shown.
    #[must_use]
    pub(crate) fn earliest(&self) -> Option<Timestamp> {
        let after = self.waiting.as_ref().and_then(|(at, next)| next.get()?.carried_back(at));
        match (self.known, after) {
            (Some(known), Some(after)) => Some(known.min(after)),
            (known, after) => known.or(after),
        }
    }

    /// Returns the same for a later session: with the clocks, if no `Date` came after it yet.
    #[must_use]
    pub(crate) fn kept(&self) -> FirstSent {
        let still_waits = |(_, next): &&(Reading, Arc<OnceLock<Sighting>>)| next.get().is_none();
        let local = self.waiting.as_ref().filter(still_waits).map(|(at, _)| *at);
        FirstSent { server: self.earliest(), local }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clocks::Boot;
    use jiff::SignedDuration;

    /// The wall clock shows `wall`, and the machine has been running for `since_boot` seconds.
    fn reading(wall: i64, since_boot: i64) -> Reading {
        Reading {
            wall: Timestamp::from_second(wall).unwrap(),
            since_boot: SignedDuration::from_secs(since_boot),
            boot: Boot(1),
        }
    }

    fn sighting(date: i64, at: Reading) -> Sighting {
        Sighting { date: Timestamp::from_second(date).unwrap(), at }
    }

    fn earliest(departure: &Departure) -> Option<i64> {
        departure.earliest().map(Timestamp::as_second)
    }

    #[test]
    fn the_servers_time_is_the_earliest_that_can_be_had() {
        // The server's clock is 100,000 ahead of the wall clock; an attempt leaves at 20 by the
        // wall clock, when the machine has been running for 20 s.
        let at = reading(20, 20);
        for (before, after, expected) in [
            (None, None, None),
            (Some(sighting(100_010, reading(10, 10))), None, Some(100_020)),
            (None, Some(sighting(100_030, reading(30, 30))), Some(100_020)),
            // A step of the wall clock makes it earlier, and never later.
            (Some(sighting(100_010, reading(3610, 10))), None, Some(96_420)),
            (Some(sighting(100_010, reading(-3590, 10))), None, Some(100_020)),
            (None, Some(sighting(100_030, reading(3630, 30))), Some(96_420)),
            (None, Some(sighting(100_030, reading(-3570, 30))), Some(100_020)),
            // The server's own clock stepped: the earlier of the two is taken.
            (
                Some(sighting(100_010, reading(10, 10))),
                Some(sighting(90_030, reading(30, 30))),
                Some(90_020),
            ),
            (
                Some(sighting(90_010, reading(10, 10))),
                Some(sighting(100_030, reading(30, 30))),
                Some(90_020),
            ),
        ] {
            let clock = ServerClock::default();
            if let Some(before) = before {
                clock.saw(before);
            }
            let departure = clock.departure(at);
            if let Some(after) = after {
                clock.saw(after);
                // A later Date says nothing new about the attempt.
                clock.saw(sighting(1, reading(40, 40)));
            }
            assert_eq!(earliest(&departure), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn of_several_dates_the_last_before_and_the_first_after_count() {
        let clock = ServerClock::default();
        clock.saw(sighting(100_000, reading(0, 0)));
        // The wall clock was set back an hour, which makes only the first Date a bad one.
        clock.saw(sighting(100_010, reading(-3590, 10)));
        let departure = clock.departure(reading(-3580, 20));
        assert_eq!(earliest(&departure), Some(100_020));
        clock.saw(sighting(100_030, reading(-3570, 30)));
        clock.saw(sighting(1, reading(-3560, 40)));
        assert_eq!(earliest(&departure), Some(100_020));
        assert_eq!(clock.last(), Some(sighting(1, reading(-3560, 40))));
    }

    #[test]
    fn a_later_session_of_the_same_boot_tells_more() {
        let first = ServerClock::default();
        let kept = first.departure(reading(20, 20)).kept();
        assert_eq!(kept, FirstSent { server: None, local: Some(reading(20, 20)) });
        // Between the sessions the wall clock was set an hour ahead.
        let next = ServerClock::default();
        let departure = next.earlier(&kept);
        assert_eq!(earliest(&departure), None);
        next.saw(sighting(100_080, reading(3680, 80)));
        assert_eq!(earliest(&departure), Some(96_420));
        let settled = FirstSent { server: departure.earliest(), local: None };
        assert_eq!(departure.kept(), settled, "a Date came after it, so no other is needed");

        let other_boot = Reading { boot: Boot(2), ..reading(3680, 8) };
        let after_a_restart = ServerClock::default();
        let departure = after_a_restart.earlier(&kept);
        after_a_restart.saw(sighting(100_080, other_boot));
        assert_eq!(earliest(&departure), None, "nobody knows what passed");
    }
}
