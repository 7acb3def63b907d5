//! When a session may send, from the flags.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::error::SettingsError;
use crate::args::session::WindowArgs;
use crate::rules::window::{Asked, Window};
use crate::session::timing::{Misfit, Timing};

/// Returns when a session may send, as the flags say at `now`. It waits for `share` of the
/// jitter, from 0 to 1.
pub(crate) fn timing(
    args: WindowArgs,
    now: Timestamp,
    share: f64,
) -> Result<Timing, SettingsError> {
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
    Ok(Timing { window, zone, cutoff: cutoff.unwrap_or_default(), misfit })
}
