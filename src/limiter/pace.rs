//! Even spacing of requests.
//!
//! The time is handed in with every call: a [`Pace`] must never look at a clock of its own.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::domain::rate::Rate;

/// Time within which a late timer's loss is made up.
const MAX_CATCH_UP: Duration = Duration::from_millis(10);

/// An even pace: governor's token bucket, with the time handed in.
#[derive(Debug)]
pub(crate) struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, HandedIn, NoOpMiddleware<Nanos>>,
    time: Arc<AtomicU64>,
    origin: Instant,
    cells: NonZeroU32,
    interval: Duration,
    /// When the reserved slot was taken, if one is reserved.
    in_hand: Option<Instant>,
    /// Earliest time of the next slot after one that was used late.
    not_before: Option<Instant>,
}

impl Pace {
    /// Returns a pace of `rate` from `now` on, which allows `burst` requests at once; `None` if
    /// there is no limit.
    #[must_use]
    pub(crate) fn new(rate: Rate, burst: Option<NonZeroU32>, now: Instant) -> Option<Self> {
        let interval = rate.interval()?;
        let grain = Grain::of(interval, burst);
        let quota = Quota::with_period(interval / grain.cells.get())?.allow_burst(grain.burst);
        let time = Arc::new(AtomicU64::new(0));
        Some(Self {
            limiter: RateLimiter::direct_with_clock(quota, HandedIn(Arc::clone(&time))),
            time,
            origin: now,
            cells: grain.cells,
            interval,
            in_hand: None,
            not_before: None,
        })
    }

    /// Reserves the next send slot if it is due at `now`; the slot stays reserved until
    /// [`used`](Self::used) is called. If it is not due, the error is when it will be.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if self.in_hand.is_some_and(|taken| !self.is_late(taken, now)) {
            return Ok(());
        }
        if let Some(due) = self.not_before.filter(|due| *due > now) {
            return Err(due);
        }
        let since = now.saturating_duration_since(self.origin);
        self.time.store(since.as_nanos().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        match self.limiter.check_n(self.cells) {
            Ok(Ok(())) => {
                self.in_hand = Some(now);
                Ok(())
            }
            // A slot that is used late is not lost; the next one counts from its use.
            Ok(Err(_)) if self.in_hand.is_some() => Ok(()),
            Ok(Err(not_until)) => {
                Err(self.origin + Duration::from_nanos(not_until.earliest_possible().as_u64()))
            }
            // The bucket always holds one request: `Grain` makes it so.
            Err(_) => Ok(()),
        }
    }

    /// Uses the reserved slot at `now`. If it was reserved for long, for instance for lack of a
    /// connection, the next one is due a whole interval later: slots do not pile up.
    pub(crate) fn used(&mut self, now: Instant) {
        let was_late = self.in_hand.is_some_and(|taken| self.is_late(taken, now));
        self.in_hand = None;
        self.not_before = was_late.then(|| now + self.interval);
    }

    /// Whether so much of another slot has become due since `taken` that the two could leave
    /// together.
    fn is_late(&self, taken: Instant, now: Instant) -> bool {
        now.saturating_duration_since(taken) > MAX_CATCH_UP.min(self.interval / 10)
    }

    /// Returns how many slots become due within `time`, the next one included.
    #[must_use]
    pub(crate) fn due_within(&self, time: Duration) -> usize {
        let more = time.as_nanos() / self.interval.as_nanos().max(1);
        usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1)
    }
}

/// Division of a request and a burst into the limiter's cells.
struct Grain {
    cells: NonZeroU32,
    burst: NonZeroU32,
}

impl Grain {
    /// Below 200 requests a second, a request is cut into 100 cells, so that the burst can be a
    /// part of one. The bucket then holds one request and what arrives within 10 ms, but less
    /// than a second request. So a late timer costs nothing, and still no second holds more than
    /// the rate and one.
    ///
    /// From 200 a second on, the burst is what arrives within 10 ms, in whole requests: 1 % of a
    /// second's requests.
    fn of(interval: Duration, burst: Option<NonZeroU32>) -> Self {
        let within = MAX_CATCH_UP.as_nanos() / interval.as_nanos().max(1);
        let within = u32::try_from(within).unwrap_or(u32::MAX);
        let (cells, own) = if within >= 2 {
            (1, within)
        } else {
            let cell = (interval / 100).as_nanos().max(1);
            let more = u32::try_from(MAX_CATCH_UP.as_nanos() / cell).unwrap_or(u32::MAX);
            (100, 100 + more.min(99))
        };
        let asked = burst.map_or(1, NonZeroU32::get).saturating_mul(cells);
        let cells = NonZeroU32::new(cells).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(own.max(asked)).unwrap_or(cells);
        Self { cells, burst }
    }
}

/// A clock that shows what it was told.
#[derive(Clone, Debug)]
struct HandedIn(Arc<AtomicU64>);

impl Clock for HandedIn {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns when requests leave if each is asked for as soon as it is due, by a timer that is
    /// late by `late`.
    fn stamps(rate: &str, count: usize, mut late: impl FnMut(usize) -> Duration) -> Vec<Duration> {
        let origin = Instant::now();
        let mut pace = Pace::new(rate.parse().unwrap(), None, origin).unwrap();
        let mut now = origin;
        let mut stamps = Vec::new();
        while stamps.len() < count {
            match pace.take(now) {
                Ok(()) => {
                    pace.used(now);
                    stamps.push(now - origin);
                }
                Err(due) => now = due.max(now) + late(stamps.len()),
            }
        }
        stamps
    }

    /// Returns the maximum number of stamps within any closed second.
    fn busiest_second(stamps: &[Duration]) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (index, stamp) in stamps.iter().enumerate() {
            while *stamp > stamps[first] + Duration::from_secs(1) {
                first += 1;
            }
            most = most.max(index - first + 1);
        }
        most
    }

    #[test]
    fn requests_are_evenly_spaced() {
        let at = |rate| {
            stamps(rate, 4, |_| Duration::ZERO).iter().map(Duration::as_micros).collect::<Vec<_>>()
        };
        assert_eq!(at("1/s"), [0, 990_000, 1_990_000, 2_990_000]);
        assert_eq!(at("100/m")[3] - at("100/m")[2], 600_000);
        assert_eq!(at("200/s"), [0, 0, 5_000, 10_000]);
    }

    #[test]
    fn a_stall_does_not_turn_into_a_burst() {
        for (rate, most) in
            [("1/s", 2), ("20/s", 21), ("199/s", 200), ("200/s", 202), ("5000/s", 5050)]
        {
            let stall = |sent| {
                if sent == 7 { Duration::from_secs(2) } else { Duration::ZERO }
            };
            let stamps = stamps(rate, 12_000.min(most * 3), stall);
            assert!(busiest_second(&stamps) <= most, "{rate}: {}", busiest_second(&stamps));
        }
    }

    #[test]
    fn a_late_timer_costs_nothing() {
        for (rate, count) in [("20/s", 201), ("100/s", 1001), ("150/s", 1501), ("1000/s", 10_001)] {
            let mut random = fastrand::Rng::with_seed(7);
            let stamps = stamps(rate, count, |_| Duration::from_micros(random.u64(0..2500)));
            let took = stamps.last().unwrap().as_secs_f64();
            assert!((took - 10.0).abs() < 0.02, "{rate}: {took} s");
        }
    }

    #[test]
    fn a_turn_that_was_not_used_stays_in_hand() {
        let now = Instant::now();
        let mut pace = Pace::new("1/s".parse().unwrap(), None, now).unwrap();
        assert_eq!(pace.take(now), Ok(()));
        assert_eq!(pace.take(now), Ok(()));
        pace.used(now);
        assert!(pace.take(now).is_err());
    }

    #[test]
    fn a_burst_that_was_asked_for_leaves_at_once() {
        let now = Instant::now();
        let mut pace = Pace::new("1/s".parse().unwrap(), NonZeroU32::new(5), now).unwrap();
        let mut at_once = 0;
        while pace.take(now).is_ok() {
            pace.used(now);
            at_once += 1;
        }
        assert_eq!(at_once, 5);
    }

    proptest! {
        #[test]
        fn slots_that_are_held_bring_no_burst(rate in 1_u32..3000, seed: u64) {
            let mut random = fastrand::Rng::with_seed(seed);
            let origin = Instant::now();
            let mut pace = Pace::new(format!("{rate}/s").parse().unwrap(), None, origin).unwrap();
            let (mut now, mut stamps) = (origin, Vec::new());
            while stamps.len() < 3 * rate as usize + 10 {
                match pace.take(now) {
                    Err(due) => now = due,
                    // There is no connection for a while, but not often: each wait costs requests.
                    Ok(()) if random.u32(..2 * rate) == 0 => {
                        now += Duration::from_micros(random.u64(..20_000));
                    }
                    Ok(()) => {
                        pace.used(now);
                        stamps.push(now - origin);
                    }
                }
            }
            prop_assert!(busiest_second(&stamps) <= (rate + (rate / 100).max(1)) as usize);
        }

        #[test]
        fn no_second_holds_more_than_rate_and_one_percent(
            rate in 1_u32..3000,
            seed: u64,
            longest in 1_u64..3_000_000,
        ) {
            let mut random = fastrand::Rng::with_seed(seed);
            let stamps = stamps(&format!("{rate}/s"), 3 * rate as usize + 10, |_| {
                if random.u8(..) < 4 {
                    Duration::from_micros(random.u64(..longest))
                } else {
                    Duration::from_micros(random.u64(..2000))
                }
            });
            prop_assert!(busiest_second(&stamps) <= (rate + (rate / 100).max(1)) as usize);
        }
    }
}
