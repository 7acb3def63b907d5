//! Limits that count: the token bucket of bk-sops and the legacy ESB, and the gateway's window.

use std::time::Duration;

use super::At;

/// A token bucket that starts full and refills continuously.
///
/// It is capped after a token was taken, so a long idle one grants one more than it holds (FACTS.md
/// section 3a). Its level is in nanoseconds of refill, so that nothing is rounded.
#[derive(Clone, Debug)]
pub struct Bucket {
    times: u128,
    period: u128,
    level: u128,
    at: At,
}

impl Bucket {
    /// Returns a full bucket that grants `times` in each `period`.
    pub fn full(times: u32, period: Duration) -> Self {
        let (times, period) = (u128::from(times), period.as_nanos());
        Self { times, period, level: times * period, at: At::ZERO }
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: At) -> Grant {
        self.level += now.saturating_sub(self.at).as_nanos() * self.times;
        self.at = self.at.max(now);
        let grant = if self.level >= self.period { Grant::Given } else { Grant::Refused };
        if grant == Grant::Given {
            self.level -= self.period;
        }
        self.level = self.level.min(self.times * self.period);
        grant
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    Given,
    Refused,
}

/// A window of fixed length that begins with its first request, as redis counts for the gateway.
#[derive(Clone, Debug)]
pub struct Window {
    times: u32,
    period: Duration,
    ends: At,
    count: u32,
}

/// What a window says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub grant: Grant,
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until the window ends, rounded to the nearest one as redis does.
    pub reset: u64,
}

impl Window {
    pub fn new(times: u32, period: Duration) -> Self {
        Self { times, period, ends: At::ZERO, count: 0 }
    }

    /// Counts a request.
    pub fn count(&mut self, now: At) -> Counted {
        if now >= self.ends {
            (self.ends, self.count) = (now + self.period, 0);
        }
        self.count = self.count.saturating_add(1);
        let grant = if self.count <= self.times { Grant::Given } else { Grant::Refused };
        let reset = (self.ends.saturating_sub(now) + Duration::from_millis(500)).as_secs();
        let remaining = self.times.saturating_sub(self.count);
        Counted { grant, limit: self.times, remaining, reset }
    }
}
