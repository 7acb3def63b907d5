//! Who may go next: the rows that wait, business by business.
//!
//! The rule of fairness, and nothing else: rows that were sent before go first;
//! then business by business in turn, each in the order of joining. What keeps
//! a business from going is decided by the caller; time is handed in.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use tokio::time::Instant;

use crate::task::Business;

/// Whether a row was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It was never sent.
    First,
    /// It is sent again.
    Again,
}

/// What keeps a business from going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// It may go from this time on.
    Until(Instant),
    /// It may go once [`Lineup::wake`] is called for it.
    UntilWoken,
}

/// The waiting rows, each of them a `T`.
#[derive(Debug)]
pub struct Lineup<T> {
    queues: HashMap<Business, Queue<T>>,
    /// Businesses with a row that may go, in turn; one ring for each [`Turn`].
    again: VecDeque<Business>,
    first: VecDeque<Business>,
    asleep: BinaryHeap<Reverse<(Instant, Business)>>,
}

#[derive(Debug)]
struct Queue<T> {
    again: VecDeque<T>,
    first: VecDeque<T>,
    /// A blocked business stands in no ring.
    blocked: Option<Blocked>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { again: VecDeque::new(), first: VecDeque::new(), blocked: None }
    }
}

impl<T> Default for Lineup<T> {
    fn default() -> Self {
        Self {
            queues: HashMap::new(),
            again: VecDeque::new(),
            first: VecDeque::new(),
            asleep: BinaryHeap::new(),
        }
    }
}

impl<T> Lineup<T> {
    /// A row of `business` begins to wait.
    pub fn join(&mut self, business: Business, turn: Turn, row: T) {
        let queue = self.queues.entry(business).or_default();
        let (line, ring) = match turn {
            Turn::Again => (&mut queue.again, &mut self.again),
            Turn::First => (&mut queue.first, &mut self.first),
        };
        if line.is_empty() && queue.blocked.is_none() {
            ring.push_back(business);
        }
        line.push_back(row);
    }

    /// The business whose row goes next, if any may, and which of its rows;
    /// `blocked` says what keeps one from going. The business stays first in turn
    /// until its row is [taken](Self::take).
    pub fn next(
        &mut self,
        now: Instant,
        mut blocked: impl FnMut(Business) -> Option<Blocked>,
    ) -> Option<(Business, Turn)> {
        self.wake_sleepers(now);
        loop {
            let (business, turn) = match (self.again.front(), self.first.front()) {
                (Some(business), _) => (*business, Turn::Again),
                (None, Some(business)) => (*business, Turn::First),
                (None, None) => return None,
            };
            let Some(why) = blocked(business) else {
                return Some((business, turn));
            };
            self.block(business, why);
            if let Blocked::Until(until) = why {
                self.asleep.push(Reverse((until, business)));
            }
        }
    }

    /// Takes the row of the business that [`next`](Self::next) named.
    pub fn take(&mut self, business: Business) -> Option<T> {
        let queue = self.queues.get_mut(&business)?;
        let (line, ring) = if self.again.front() == Some(&business) {
            (&mut queue.again, &mut self.again)
        } else if self.first.front() == Some(&business) {
            (&mut queue.first, &mut self.first)
        } else {
            return None;
        };
        let row = line.pop_front();
        ring.pop_front();
        if !line.is_empty() {
            ring.push_back(business);
        } else if queue.again.is_empty() && queue.first.is_empty() {
            self.queues.remove(&business);
        }
        row
    }

    /// What blocked `business` [until woken](Blocked::UntilWoken) may have changed.
    pub fn wake(&mut self, business: Business) {
        let blocked = self.queues.get(&business).and_then(|queue| queue.blocked);
        if blocked == Some(Blocked::UntilWoken) {
            self.unblock(business);
        }
    }

    fn unblock(&mut self, business: Business) {
        let Some(queue) = self.queues.get_mut(&business) else {
            return;
        };
        queue.blocked = None;
        if !queue.again.is_empty() {
            self.again.push_back(business);
        }
        if !queue.first.is_empty() {
            self.first.push_back(business);
        }
    }

    /// When the next blocked business may go.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        self.asleep.peek().map(|Reverse((until, _))| *until)
    }

    /// All waiting rows that were never sent, to be told that they need wait no more.
    pub fn drain_first(&mut self) -> Vec<T> {
        self.first.clear();
        let mut drained = Vec::new();
        self.queues.retain(|_, queue| {
            drained.extend(queue.first.drain(..));
            !queue.again.is_empty()
        });
        drained
    }

    /// All waiting rows, to be told that they need wait no more.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.again.clear();
        self.first.clear();
        self.asleep.clear();
        std::mem::take(&mut self.queues)
            .into_values()
            .flat_map(|queue| queue.again.into_iter().chain(queue.first))
    }

    fn wake_sleepers(&mut self, now: Instant) {
        while let Some(Reverse((until, business))) = self.asleep.peek().copied() {
            if until > now {
                return;
            }
            self.asleep.pop();
            self.unblock(business);
        }
    }

    /// Takes a business that is first in a ring out of both.
    fn block(&mut self, business: Business, why: Blocked) {
        let Some(queue) = self.queues.get_mut(&business) else {
            return;
        };
        queue.blocked = Some(why);
        for (line, ring) in [(&queue.again, &mut self.again), (&queue.first, &mut self.first)] {
            if line.is_empty() {
                continue;
            }
            if ring.front() == Some(&business) {
                ring.pop_front();
            } else {
                ring.retain(|other| *other != business);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Scope;
    use std::time::Duration;

    fn business(id: u64) -> Business {
        Business { scope: Scope::CmdbBiz, id: id.to_string().parse().unwrap() }
    }

    fn lineup(rows: &[(u64, Turn, &'static str)]) -> Lineup<&'static str> {
        let mut lineup = Lineup::default();
        for (id, turn, row) in rows {
            lineup.join(business(*id), *turn, *row);
        }
        lineup
    }

    fn order(
        lineup: &mut Lineup<&'static str>,
        now: Instant,
        blocked: impl Fn(u64) -> Option<Blocked>,
    ) -> Vec<&'static str> {
        let mut order = Vec::new();
        while let Some((next, _)) = lineup.next(now, |business| blocked(business.id.get())) {
            order.push(lineup.take(next).expect("next named it"));
        }
        order
    }

    #[test]
    fn businesses_take_turns_and_rows_sent_before_go_first() {
        use Turn::{Again, First};
        let mut lineup = lineup(&[
            (1, First, "1a"),
            (1, First, "1b"),
            (1, First, "1c"),
            (2, First, "2a"),
            (3, First, "3a"),
            (3, Again, "3r"),
            (1, Again, "1r"),
            (1, Again, "1s"),
        ]);
        let order = order(&mut lineup, Instant::now(), |_| None);
        assert_eq!(order, ["3r", "1r", "1s", "1a", "2a", "3a", "1b", "1c"]);
    }

    #[test]
    fn blocked_businesses_are_skipped_until_their_time() {
        use Turn::{Again, First};
        let start = Instant::now();
        let until = start + Duration::from_secs(5);
        let mut lineup =
            lineup(&[(1, First, "1a"), (1, Again, "1r"), (2, First, "2a"), (3, First, "3a")]);
        let blocked = |id| match id {
            1 => Some(Blocked::Until(until)),
            3 => Some(Blocked::UntilWoken),
            _ => None,
        };
        assert_eq!(order(&mut lineup, start, blocked), ["2a"]);
        assert_eq!(lineup.next_wake(), Some(until));
        lineup.join(business(1), Again, "1s");
        assert_eq!(order(&mut lineup, until - Duration::from_nanos(1), |_| None), [""; 0]);
        assert_eq!(order(&mut lineup, until, |_| None), ["1r", "1s", "1a"]);
        lineup.wake(business(3));
        assert_eq!(order(&mut lineup, until, |_| None), ["3a"]);
        assert!(lineup.queues.is_empty(), "nothing is kept of a business without rows");
    }

    #[test]
    fn a_business_keeps_its_turn_until_its_row_is_taken() {
        let mut lineup = lineup(&[(1, Turn::First, "1a"), (2, Turn::First, "2a")]);
        let now = Instant::now();
        let turn = |id| Some((business(id), Turn::First));
        assert_eq!(lineup.next(now, |_| None), turn(1));
        assert_eq!(lineup.next(now, |_| None), turn(1));
        assert_eq!(lineup.take(business(1)), Some("1a"));
        assert_eq!(lineup.next(now, |_| None), turn(2));
    }

    #[test]
    fn rows_that_were_never_sent_are_drained_alone() {
        let mut lineup =
            lineup(&[(1, Turn::First, "1a"), (2, Turn::Again, "2r"), (2, Turn::First, "2a")]);
        let mut drained = lineup.drain_first();
        drained.sort_unstable();
        assert_eq!(drained, ["1a", "2a"]);
        assert_eq!(order(&mut lineup, Instant::now(), |_| None), ["2r"]);
    }

    #[test]
    fn everyone_who_waits_is_drained() {
        let mut lineup = lineup(&[(1, Turn::First, "1a"), (2, Turn::Again, "2r")]);
        let mut drained: Vec<_> = lineup.drain().collect();
        drained.sort_unstable();
        assert_eq!(drained, ["1a", "2r"]);
        assert_eq!(lineup.next(Instant::now(), |_| None), None);
    }
}
