//! Rows that leave out of turn: with a probe, or because they are given up.

use tokio::time::Instant;

use super::FairQueue;
use super::business_queue::{Blocked, Try};
use crate::domain::task::Business;

/// Place of the row that a probe goes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProbeRow {
    pub business: Business,
    pub turn: Try,
    /// Number of rows of that kind before it.
    index: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeSearch {
    Found(ProbeRow),
    /// Rows may go, but none of them is wanted.
    NoneWanted,
    Nobody,
}

impl<T> FairQueue<T> {
    /// Looks for the row that a probe goes with: business by business after `last`, in each the
    /// row with the lowest rank. Rows without a rank are not wanted.
    pub(crate) fn search<K: Ord>(
        &mut self,
        now: Instant,
        last: Option<Business>,
        mut blocked: impl FnMut(Business) -> Option<Blocked>,
        rank: impl Fn(&T) -> Option<K>,
    ) -> ProbeSearch {
        self.wake_sleepers(now);
        let mut businesses: Vec<Business> = self.queues.keys().copied().collect();
        businesses.sort_unstable();
        let after = businesses.partition_point(|business| Some(*business) <= last);
        businesses.rotate_left(after);
        let mut search = ProbeSearch::Nobody;
        for business in businesses {
            let Some(queue) = self.queues.get(&business).filter(|queue| queue.blocked.is_none())
            else {
                continue;
            };
            if queue.again.is_empty() && queue.noted == 0 {
                continue;
            }
            if let Some(why) = blocked(business) {
                self.set_blocked(business, Some(why));
                continue;
            }
            search = ProbeSearch::NoneWanted;
            let again = queue.again.iter().enumerate().map(|(index, row)| (Try::Retry, index, row));
            let first = queue.first.iter().take(queue.noted.min(1));
            let first = first.enumerate().map(|(index, row)| (Try::First, index, row));
            let ranked = again.chain(first).filter_map(|(turn, index, row)| {
                rank(row).map(|rank| (rank, ProbeRow { business, turn, index }))
            });
            if let Some((_, place)) = ranked.min_by(|(a, _), (b, _)| a.cmp(b)) {
                return ProbeSearch::Found(place);
            }
        }
        search
    }

    /// Takes the row at `place`, which a [search](Self::search) has just found.
    pub(crate) fn take_at(&mut self, place: ProbeRow) -> Option<T> {
        let ProbeRow { business, turn, index } = place;
        if turn == Try::First {
            return self.take(business, turn);
        }
        let queue = self.queues.get_mut(&business)?;
        let row = queue.again.remove(index);
        if let Some(ticket) = queue.indexed.again.take() {
            self.rings.again.remove(&ticket);
        }
        self.index(business);
        row
    }

    /// Removes and returns the `chosen` rows, in the order of their businesses.
    pub(crate) fn remove(
        &mut self,
        chosen: impl Fn(Business, &T) -> bool,
    ) -> Vec<(Business, Try, T)> {
        let mut removed = Vec::new();
        let mut businesses: Vec<Business> = self.queues.keys().copied().collect();
        businesses.sort_unstable();
        for business in businesses {
            let Some(queue) = self.queues.get_mut(&business) else { continue };
            let mut at = 0;
            while at < queue.again.len() {
                if !chosen(business, &queue.again[at]) {
                    at += 1;
                } else if let Some(row) = queue.again.remove(at) {
                    removed.push((business, Try::Retry, row));
                }
            }
            at = 0;
            while at < queue.first.len() {
                if !chosen(business, &queue.first[at]) {
                    at += 1;
                } else if let Some(row) = queue.first.remove(at) {
                    if at < queue.noted {
                        queue.noted -= 1;
                    } else if at < queue.noted + queue.named {
                        queue.named -= 1;
                    }
                    removed.push((business, Try::First, row));
                }
            }
            // A commit does not wait for rows that are gone.
            if queue.named == 0 {
                self.naming.retain(|named| *named != business);
            }
            self.index(business);
        }
        removed
    }
}
