//! The rows that wait, and whose turn it is.
//!
//! The rule of fairness only: rows that were sent before go first, then businesses in turn, each
//! in the order of joining. The caller decides what keeps a business from going; time is handed
//! in.
//!
//! If rows must be noted before they are first sent, they are [named](FairQueue::name) in the
//! order in which they would go, and go once that is [committed](FairQueue::committed).
//!
//! Only a business's queue holds its state. The rings and the sleepers are an index of it: only
//! `FairQueue::index` writes them, so no entry can outlive its rows, and no row can wait without
//! an entry.

mod business_queue;
pub(super) mod probe;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;
use tokio::time::Instant;

use crate::domain::task::Business;

pub(crate) use business_queue::Blocked;
use business_queue::{BusinessQueue, Indexed, Ticket};
pub use business_queue::{IntentNotes, Try};

/// The waiting rows, each of them a `T`.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    notes: IntentNotes,
    queues: HashMap<Business, BusinessQueue<T>, RandomState>,
    rings: Rings,
    asleep: BTreeSet<(Instant, Business)>,
    /// Businesses with rows that were named but not committed.
    naming: Vec<Business>,
    /// Number of rows that were never sent and may go now: noted, and of businesses that nothing
    /// blocks.
    ready: usize,
    /// Number of rows that were sent before and may go again now.
    again: usize,
}

/// Where a business stands in its ring once its row was named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RingPlace {
    Kept,
    Last,
}

/// Businesses that may go, in turn: one ring for each [`Try`], and one for rows that are to be
/// named.
#[derive(Debug, Default)]
struct Rings {
    again: BTreeMap<Ticket, Business>,
    first: BTreeMap<Ticket, Business>,
    unnamed: BTreeMap<Ticket, Business>,
    last_ticket: Ticket,
}

impl<T> FairQueue<T> {
    #[must_use]
    pub(crate) fn new(notes: IntentNotes) -> Self {
        Self {
            notes,
            queues: HashMap::default(),
            rings: Rings::default(),
            asleep: BTreeSet::new(),
            naming: Vec::new(),
            ready: 0,
            again: 0,
        }
    }

    pub(crate) fn join(&mut self, business: Business, turn: Try, row: T) {
        let queue = self.queues.entry(business).or_default();
        match turn {
            Try::Retry => queue.again.push_back(row),
            Try::First => {
                queue.first.push_back(row);
                if self.notes == IntentNotes::NotNeeded {
                    queue.noted += 1;
                }
            }
        }
        self.index(business);
    }

    /// Returns the business whose row goes next, if any may, and which of its rows; `blocked`
    /// says what keeps a business from going. The business stays first in turn until its row is
    /// [taken](Self::take).
    pub(crate) fn next(
        &mut self,
        now: Instant,
        mut blocked: impl FnMut(Business) -> Option<Blocked>,
    ) -> Option<(Business, Try)> {
        self.wake_sleepers(now);
        loop {
            let (business, turn) = self.rings.front()?;
            let Some(why) = blocked(business) else {
                return Some((business, turn));
            };
            self.set_blocked(business, Some(why));
        }
    }

    /// Takes the row of the business that [`next`](Self::next) named.
    pub(crate) fn take(&mut self, business: Business, turn: Try) -> Option<T> {
        let queue = self.queues.get_mut(&business)?;
        let (row, place, ring) = match turn {
            Try::Retry => {
                (queue.again.pop_front(), &mut queue.indexed.again, &mut self.rings.again)
            }
            Try::First => {
                let row = if queue.noted > 0 { queue.first.pop_front() } else { None };
                queue.noted -= usize::from(row.is_some());
                (row, &mut queue.indexed.first, &mut self.rings.first)
            }
        };
        // The business's next row goes behind those of all others.
        if let Some(ticket) = place.take() {
            ring.remove(&ticket);
        }
        self.index(business);
        row
    }

    /// Names up to `count` rows that were never sent, in the order in which they would go. They
    /// go once that is [committed](Self::committed).
    pub(crate) fn name<L>(
        &mut self,
        count: usize,
        now: Instant,
        mut blocked: impl FnMut(Business) -> Option<Blocked>,
        line: impl Fn(&T) -> L,
    ) -> Vec<L> {
        self.wake_sleepers(now);
        let mut lines = Vec::new();
        while lines.len() < count && !self.rings.unnamed.is_empty() {
            let wanted = count - lines.len();
            // After a whole round all stand where they stood, so they need not be moved.
            let place =
                if wanted < self.rings.unnamed.len() { RingPlace::Last } else { RingPlace::Kept };
            let round: Vec<_> = self.rings.unnamed.values().copied().take(wanted).collect();
            for business in round {
                match blocked(business) {
                    Some(why) => self.set_blocked(business, Some(why)),
                    None => lines.extend(self.name_next(business, place, &line)),
                }
            }
        }
        lines
    }

    /// Names the next row of `business`, which has one.
    fn name_next<L>(
        &mut self,
        business: Business,
        place: RingPlace,
        line: impl Fn(&T) -> L,
    ) -> Option<L> {
        let queue = self.queues.get_mut(&business)?;
        let named = queue.first.get(queue.noted + queue.named).map(line);
        if queue.named == 0 {
            self.naming.push(business);
        }
        queue.named += 1;
        if place == RingPlace::Last
            && let Some(ticket) = queue.indexed.unnamed.take()
        {
            self.rings.unnamed.remove(&ticket);
        }
        self.index(business);
        named
    }

    /// Lets the named rows go.
    pub(crate) fn committed(&mut self) {
        for business in std::mem::take(&mut self.naming) {
            if let Some(queue) = self.queues.get_mut(&business) {
                queue.noted += std::mem::take(&mut queue.named);
                self.index(business);
            }
        }
    }

    /// Whether a row waits to be named, as far as is known of what blocks it.
    #[must_use]
    pub(crate) fn has_unnamed(&self) -> bool {
        !self.rings.unnamed.is_empty()
    }

    /// Whether rows were named and are not committed yet.
    #[must_use]
    pub(crate) fn is_naming(&self) -> bool {
        !self.naming.is_empty()
    }

    #[must_use]
    pub(crate) const fn ready(&self) -> usize {
        self.ready
    }

    /// Returns how many rows may go now, at most `per_business` of each business.
    #[must_use]
    pub(crate) fn going(&self, per_business: usize) -> usize {
        let businesses = self.rings.again.len() + self.rings.first.len();
        (self.ready + self.again).min(businesses.saturating_mul(per_business))
    }

    /// Unblocks `business` if it is blocked [until woken](Blocked::UntilWoken).
    pub(crate) fn wake(&mut self, business: Business) {
        let blocked = self.queues.get(&business).and_then(|queue| queue.blocked);
        if blocked == Some(Blocked::UntilWoken) {
            self.set_blocked(business, None);
        }
    }

    pub(crate) fn wake_sleepers(&mut self, now: Instant) {
        while self.next_wake().is_some_and(|until| until <= now) {
            // Removed here and not only by the index, so that this loop ends in any case.
            if let Some((_, business)) = self.asleep.pop_first() {
                self.set_blocked(business, None);
            }
        }
    }

    #[must_use]
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.asleep.first().map(|(until, _)| *until)
    }

    pub(crate) fn drain_first(&mut self) -> Vec<T> {
        let mut drained = Vec::new();
        let mut businesses: Vec<Business> = self.queues.keys().copied().collect();
        businesses.sort_unstable();
        for business in businesses {
            if let Some(queue) = self.queues.get_mut(&business) {
                drained.extend(queue.first.drain(..));
                (queue.noted, queue.named) = (0, 0);
            }
            self.index(business);
        }
        self.naming.clear();
        drained
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        let notes = self.notes;
        let mut queues: Vec<_> =
            std::mem::replace(self, Self::new(notes)).queues.into_iter().collect();
        queues.sort_unstable_by_key(|(business, _)| *business);
        queues.into_iter().flat_map(|(_, queue)| queue.again.into_iter().chain(queue.first))
    }

    fn set_blocked(&mut self, business: Business, blocked: Option<Blocked>) {
        if let Some(queue) = self.queues.get_mut(&business) {
            queue.blocked = blocked;
            self.index(business);
        }
    }

    /// Makes the index agree with the queue of `business`. Called after every change of a queue.
    fn index(&mut self, business: Business) {
        let Self { queues, rings, asleep, ready, again: all_again, .. } = self;
        let Some(queue) = queues.get_mut(&business) else { return };
        let may_go = queue.blocked.is_none();
        let Indexed { again, first, unnamed, .. } = &mut queue.indexed;
        let Rings { again: again_ring, first: first_ring, unnamed: unnamed_ring, last_ticket } =
            rings;
        let mut place =
            |ring: &mut BTreeMap<Ticket, Business>, place: &mut Option<Ticket>, has| match (
                *place,
                may_go && has,
            ) {
                (None, true) => {
                    *last_ticket += 1;
                    ring.insert(*last_ticket, business);
                    *place = Some(*last_ticket);
                }
                (Some(ticket), false) => {
                    ring.remove(&ticket);
                    *place = None;
                }
                (None, false) | (Some(_), true) => {}
            };
        place(again_ring, again, !queue.again.is_empty());
        place(first_ring, first, queue.noted > 0);
        place(unnamed_ring, unnamed, queue.first.len() > queue.noted + queue.named);
        let goes = if may_go { queue.noted } else { 0 };
        *ready = *ready + goes - std::mem::replace(&mut queue.indexed.ready, goes);
        let goes_again = if may_go { queue.again.len() } else { 0 };
        *all_again =
            *all_again + goes_again - std::mem::replace(&mut queue.indexed.ready_again, goes_again);
        let is_empty = queue.is_empty();
        let until = match queue.blocked {
            Some(Blocked::Until(until)) if !is_empty => Some(until),
            _ => None,
        };
        let sleeps = &mut queue.indexed.asleep;
        if *sleeps != until {
            if let Some(until) = sleeps.take() {
                asleep.remove(&(until, business));
            }
            if let Some(until) = until {
                asleep.insert((until, business));
            }
            *sleeps = until;
        }
        if is_empty {
            queues.remove(&business);
        }
    }
}

impl Rings {
    fn front(&self) -> Option<(Business, Try)> {
        let front = |ring: &BTreeMap<Ticket, Business>| ring.first_key_value().map(|(_, b)| *b);
        let again = front(&self.again).map(|business| (business, Try::Retry));
        again.or_else(|| front(&self.first).map(|business| (business, Try::First)))
    }
}

#[cfg(test)]
mod tests;
