//! What is known of each business: its throttle, its pace, its requests in flight.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::fair_queue::Blocked;
use super::limits::Limits;
use super::pace::Pace;
use super::snapshot::Held;
use super::throttle::Throttle;
use crate::domain::rate::Rate;
use crate::domain::task::Business;

/// Memory of every business that has something to remember.
#[derive(Debug)]
pub(super) struct Shares {
    all: HashMap<Business, Share, RandomState>,
    rate: Rate,
    /// Maximum number of requests in flight of one business.
    slots: usize,
    patience: Duration,
}

#[derive(Debug)]
pub(super) struct Share {
    pub throttle: Throttle,
    in_flight: usize,
    pace: Option<Pace>,
}

impl Shares {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            all: HashMap::default(),
            rate: limits.rate_per_biz,
            slots: limits.slots_per_biz.map_or(usize::MAX, NonZeroUsize::get),
            patience: limits.throttle_patience,
        }
    }

    pub(super) fn of(&mut self, business: Business, now: Instant) -> &mut Share {
        let rate = self.rate;
        self.all.entry(business).or_insert_with(|| Share {
            throttle: Throttle::default(),
            in_flight: 0,
            pace: Pace::new(rate, None, now),
        })
    }

    pub(super) fn blocked(&mut self, business: Business, now: Instant) -> Option<Blocked> {
        let (slots, patience) = (self.slots, self.patience);
        let Share { throttle, in_flight, pace } = self.of(business, now);
        if let Some(until) = throttle.held(now) {
            return Some(Blocked::Until(until));
        }
        if *in_flight >= throttle.slots(now, slots, patience) {
            return Some(Blocked::UntilWoken);
        }
        pace.as_mut().and_then(|pace| pace.take(now).err()).map(Blocked::Until)
    }

    pub(super) fn sent(&mut self, business: Business, now: Instant) {
        let share = self.of(business, now);
        share.in_flight += 1;
        if let Some(pace) = &mut share.pace {
            pace.used(now);
        }
    }

    pub(super) fn back(&mut self, business: Business, now: Instant) {
        let Some(share) = self.all.get_mut(&business) else { return };
        share.in_flight -= 1;
        // Memory must not grow with the number of businesses that came by.
        if share.in_flight == 0 && share.pace.is_none() && share.throttle.is_forgotten(now) {
            self.all.remove(&business);
        }
    }

    /// Returns the maximum number of requests in flight of one business.
    pub(super) const fn slots(&self) -> usize {
        self.slots
    }

    /// Excuses the time in which no business can be granted anything.
    pub(super) fn excuse(&mut self, from: Instant, until: Instant) {
        for share in self.all.values_mut() {
            share.throttle.excuse(from, until);
        }
    }

    /// Returns how many businesses are held, and the one that is held longest.
    pub(super) fn held(&self, now: Instant) -> Option<Held> {
        let held = self.all.iter().filter_map(|(business, share)| {
            share.throttle.held(now).map(|until| (until, *business))
        });
        let (count, longest) =
            held.fold((0, None), |(count, longest), held| (count + 1, longest.max(Some(held))));
        longest.map(|(until, business)| Held::Businesses(count, business, until))
    }
}
