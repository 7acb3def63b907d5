//! Time for which those who share a throttle are held.
//!
//! There is one [`Throttle`] for each business, and one for everyone. A rule with the time handed
//! in: it neither waits nor sends.

use std::time::Duration;

use tokio::time::Instant;

use crate::rules::retry::{Backoff, Patience};

/// Maximum hold that is believed if an answer states it.
const MAX_STATED_HOLD: Duration = Duration::from_hours(1);

/// Time after its last refusal during which a business is sent little at a time.
const CAREFUL_PERIOD: Duration = Duration::from_mins(5);

/// Minimum number of refused requests before patience can end: one slow refusal says little.
const MIN_REFUSALS: u32 = 4;

/// What is known of a server's limit on a business, or on everyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Throttle {
    until: Option<Instant>,
    /// When the present hold began.
    began: Option<Instant>,
    /// The backoff's next step.
    step: u32,
    /// Refusals since anything was granted: how many, the first of them, and for how much of the
    /// time since then nobody could be asked.
    refusals: u32,
    refused_since: Option<Instant>,
    excused: Duration,
    last_refusal: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThrottleRefusal {
    pub sent: Instant,
    /// The pause that the answer states.
    pub stated: Option<Duration>,
}

/// Whether a refusal began a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Began {
    Hold,
    /// No, since there was a hold already, or the refusal says nothing new.
    Not,
}

impl Throttle {
    /// Notes a refused request, and returns whether a hold began.
    ///
    /// A hold lasts as long as the answer stated, or as long as the backoff's next wait. If the
    /// request left before the present hold began, its refusal says nothing new, and takes no
    /// step of the backoff.
    pub(crate) fn refused(
        &mut self,
        refused: ThrottleRefusal,
        now: Instant,
        backoff: &Backoff,
    ) -> Began {
        let ThrottleRefusal { sent, stated } = refused;
        self.last_refusal = Some(now);
        self.refused_since.get_or_insert(now);
        self.refusals = self.refusals.saturating_add(1);
        let known = self.began.is_some_and(|began| sent <= began);
        let stated =
            stated.filter(|pause| !pause.is_zero()).map(|pause| pause.min(MAX_STATED_HOLD));
        let pause = match stated {
            Some(pause) => pause,
            None if known => return Began::Not,
            None => {
                let wait = backoff.wait(self.step);
                self.step = self.step.saturating_add(1);
                wait
            }
        };
        if !known {
            self.began = Some(now);
        }
        let held = self.held(now).unwrap_or(now);
        if stated.is_some() {
            self.excused += (now + pause).saturating_duration_since(held);
        }
        self.until = self.until.max(Some(now + pause));
        if known { Began::Not } else { Began::Hold }
    }

    /// Notes that something was granted: accepted, or "already started", which costs the server a
    /// token too (FACTS.md section 1, no. 12). The backoff starts anew.
    pub(crate) fn granted(&mut self) {
        self.step = 0;
        (self.refusals, self.refused_since, self.excused) = (0, None, Duration::ZERO);
    }

    /// Excuses the time between these moments: nothing can be granted in an outage, or while
    /// everyone is held.
    pub(crate) fn excuse(&mut self, from: Instant, until: Instant) {
        if let Some(since) = self.refused_since {
            self.excused += until.saturating_duration_since(from.max(since));
        }
    }

    /// Returns when the present hold ends, if there is one.
    #[must_use]
    pub(crate) fn held(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Whether everything was refused for longer than `patience`. Stated holds do not count,
    /// since their end is known; nor does [excused](Self::excuse) time.
    #[must_use]
    pub(crate) fn patience(&self, now: Instant, patience: Duration) -> Patience {
        let refused = self.refused_since.map(|since| now.saturating_duration_since(since));
        let starved = refused.unwrap_or_default().saturating_sub(self.excused);
        if self.refusals >= MIN_REFUSALS && starved >= patience {
            Patience::Over
        } else {
            Patience::Left
        }
    }

    /// Maximum number of requests out at once, of `limit`: two after a refusal, until five
    /// minutes have passed without one, since many at a time make the server's own lock refuse
    /// them (FACTS.md section 3a, throttle details); one once `patience` is over.
    #[must_use]
    pub(crate) fn slots(&self, now: Instant, limit: usize, patience: Duration) -> usize {
        match (self.patience(now, patience), self.is_careful(now)) {
            (Patience::Over, _) => limit.min(1),
            (Patience::Left, true) => limit.min(2),
            (Patience::Left, false) => limit,
        }
    }

    fn is_careful(&self, now: Instant) -> bool {
        self.last_refusal.is_some_and(|last| now.saturating_duration_since(last) < CAREFUL_PERIOD)
    }

    /// Whether it says no more than a new one would.
    #[must_use]
    pub(crate) fn is_forgotten(&self, now: Instant) -> bool {
        self.held(now).is_none() && !self.is_careful(now)
    }
}

#[cfg(test)]
mod tests;
