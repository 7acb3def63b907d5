//! Token bucket by which bk-sops throttles a business. Pure: the time is a parameter.

use std::time::Duration;

use crate::domain::rate::Rate;

/// Starts full and refills continuously; a refused request costs nothing (FACTS.md section 3a,
/// throttle details).
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// Rate of the refill, and capacity.
    pub rate: Rate,
    size: f64,
    per_second: f64,
    tokens: f64,
    at: Duration,
}

impl Bucket {
    pub(super) fn full(rate: Rate) -> Option<Self> {
        let Rate::Limited { count, .. } = rate else { return None };
        let size = f64::from(count.get());
        let per_second = 1.0 / rate.interval()?.as_secs_f64();
        Some(Self { rate, size, per_second, tokens: size, at: Duration::ZERO })
    }

    /// Takes a token, if there is one at `now`, counted from the mock's start.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let refill = now.saturating_sub(self.at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + refill).min(self.size);
        self.at = now;
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}
