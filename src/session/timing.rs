//! When a session may send.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::rules::window::Window;

#[derive(Clone, Debug)]
pub(crate) struct Timing {
    pub window: Window,
    /// The zone in which its moments are told.
    pub zone: TimeZone,
    /// No new row is sent in this time before the end of the window.
    pub cutoff: Duration,
    pub misfit: Misfit,
}

/// What to do with a launch that does not fit into its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Start it, and say so.
    Told,
    /// Do not start it.
    Refused,
}

impl Timing {
    /// Returns the moment from which on no new row is sent.
    pub(crate) fn last_row(&self) -> Option<Timestamp> {
        let stop = self.window.stop?;
        Some(stop.checked_sub(self.cutoff).unwrap_or(stop))
    }

    /// Whether the window has no room for any row that would be sent from `now` on.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        let start = self.window.start.map_or(now, |start| start.max(now));
        self.last_row().is_some_and(|last_row| last_row <= start)
    }
}
