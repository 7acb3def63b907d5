//! Standing connections, and those that are being made: numbers and times, nothing more.

use std::ops::RangeInclusive;
use std::time::Duration;

use bk_launch::internals::api::{ConnectionEvent, TransportError};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::IDLE_TIMEOUT;
use crate::server::At;

/// Maximum number of connections being made at a time.
const MAX_CONNECTING: usize = 64;

/// Idle time from which a connection is looked at before it is set aside: one that the server
/// closed more recently than that is used all the same.
const LOOK_AFTER: Duration = Duration::from_millis(10);

#[derive(Default)]
pub struct Pool {
    /// Since when each standing connection is idle, in the order in which they became it.
    idle: Vec<At>,
    /// How many of the newest are set aside.
    set_aside: usize,
    making: Vec<(u64, At, AbortHandle)>,
    last: u64,
    lead: Duration,
    pub listener: Option<mpsc::UnboundedSender<ConnectionEvent>>,
}

impl Pool {
    fn standing(&self) -> usize {
        self.idle.len() - self.set_aside
    }

    /// Sets the connection aside that was used last, if one stands.
    pub fn set_aside(&mut self, now: At, closed: Option<At>) -> bool {
        while self.standing() > 0 {
            let next = self.idle.len() - 1 - self.set_aside;
            let since = self.idle[next];
            let idle = now.saturating_sub(since);
            let is_closed = closed.is_some_and(|closed| closed >= since);
            if idle < IDLE_TIMEOUT && (idle < LOOK_AFTER || !is_closed) {
                self.set_aside += 1;
                return true;
            }
            self.idle.remove(next);
        }
        false
    }

    pub fn put_back(&mut self) {
        self.set_aside = self.set_aside.saturating_sub(1);
    }

    /// Takes one that is set aside; returns whether the server closed it unnoticed.
    pub fn take(&mut self, closed: Option<At>) -> Result<bool, TransportError> {
        self.put_back();
        let since = self.idle.pop();
        let since = since.ok_or_else(|| TransportError::Unconnected("it was closed".into()))?;
        Ok(closed.is_some_and(|closed| closed >= since))
    }

    /// Takes one that stands, if any does.
    pub fn take_any(&mut self, now: At, closed: Option<At>) -> bool {
        let stands = self.set_aside(now, closed);
        if stands {
            self.put_back();
            self.idle.pop();
        }
        stands
    }

    /// Keeps a connection that was used.
    pub fn put(&mut self, now: At) {
        self.idle.push(now);
    }

    /// Keeps one that was just made, which took `lead`.
    pub fn keep(&mut self, now: At, lead: Duration) {
        self.lead = lead;
        self.put(now);
    }

    pub fn tell(&self, event: ConnectionEvent) {
        if let Some(listener) = &self.listener {
            // Ignores that nobody listens any more.
            let _ = listener.send(event);
        }
    }

    /// Returns the numbers of the connections that are missing for `count`.
    pub fn missing(&mut self, count: usize) -> RangeInclusive<u64> {
        let missing = count.saturating_sub(self.standing() + self.making.len());
        let room = MAX_CONNECTING.saturating_sub(self.making.len());
        let first = self.last + 1;
        self.last += missing.min(room) as u64;
        first..=self.last
    }

    /// Counts one as being made, if it is not over already.
    pub fn making(&mut self, number: u64, now: At, task: AbortHandle) {
        if !task.is_finished() {
            self.making.push((number, now, task));
        }
    }

    pub fn made(&mut self, number: u64) {
        self.making.retain(|(other, ..)| *other != number);
    }

    /// Calls those back that are being made.
    pub fn call_back(&mut self) {
        for (_, _, task) in self.making.drain(..) {
            task.abort();
        }
    }

    pub fn lead_time(&self, now: At) -> Duration {
        let oldest = self.making.first().map(|(_, since, _)| now.saturating_sub(*since));
        self.lead.max(oldest.unwrap_or_default())
    }
}
