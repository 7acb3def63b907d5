//! When a session may send: its window, on the clock and in the words of its zone.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::args::WindowArgs;
use super::settings::SettingsError;
use crate::rules::window::{Asked, Window};

/// When requests may leave.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    /// The window.
    pub window: Window,
    /// The zone in which it is told.
    pub zone: TimeZone,
    /// So long before its end no new row is sent.
    pub cutoff: Duration,
    /// What is done with a launch that does not fit.
    pub misfit: Misfit,
}

/// What is done with a launch that does not fit into its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is started, and said.
    Told,
    /// It is not started.
    Refused,
}

impl Timing {
    /// At once, and for ever.
    pub(super) fn always() -> Self {
        let (window, zone) = (Window::default(), TimeZone::system());
        Self { window, zone, cutoff: Duration::ZERO, misfit: Misfit::Told }
    }

    /// `share` of the jitter, from 0 to 1, is waited for.
    pub(super) fn new(args: WindowArgs, now: Timestamp, share: f64) -> Result<Self, SettingsError> {
        let WindowArgs { start_at, stop_at, window, tz, cutoff, require_fit, jitter } = args;
        let zone = tz.unwrap_or_else(TimeZone::system);
        let asked = window.map_or(Asked::Between(start_at, stop_at), Asked::Daily);
        let window = asked.at(now, &zone).map_err(|error| {
            let flag = if matches!(asked, Asked::Daily(_)) { "--window" } else { "--stop-at" };
            SettingsError::Window { flag, error }
        })?;
        let misfit = if require_fit { Misfit::Refused } else { Misfit::Told };
        let window = match jitter {
            None => window,
            Some(most) => {
                let start = window.start.unwrap_or(now).checked_add(most.mul_f64(share));
                Window { start: start.ok(), ..window }
            }
        };
        Ok(Self { window, zone, cutoff: cutoff.unwrap_or_default(), misfit })
    }

    /// From this moment on, no new row is sent.
    pub(super) fn last_row(&self) -> Option<Timestamp> {
        let stop = self.window.stop?;
        Some(stop.checked_sub(self.cutoff).unwrap_or(stop))
    }

    /// Whether the window has no room for any row that would be sent from `now` on.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let start = self.window.start.map_or(now, |start| start.max(now));
        self.last_row().is_some_and(|last_row| last_row <= start)
    }

    /// A moment, as people are told it.
    pub(super) fn tell(&self, moment: Timestamp) -> String {
        let there = moment.to_zoned_datetime(self.zone.clone());
        let today = Timestamp::now().to_zoned_datetime(self.zone.clone()).date() == there.date();
        let form = if today { "%H:%M:%S %:z" } else { "%Y-%m-%d %H:%M:%S %:z" };
        there.strftime(form).to_string()
    }
}
