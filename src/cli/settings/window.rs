//! When a session may send, from the flags.

use clap::ArgMatches;
use clap::parser::ValueSource;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::error::SettingsError;
use crate::args::session::WindowArgs;
use crate::rules::window::{Window, WindowRequest};
use crate::session::timing::{Misfit, Timing};

/// Refuses flags of a window that were typed where none ends: they would do nothing.
pub(crate) fn check(args: &WindowArgs, typed: &ArgMatches) -> Result<(), SettingsError> {
    let is_typed = |flag| typed.value_source(flag) == Some(ValueSource::CommandLine);
    let has_end = args.window.is_some() || args.stop_at.is_some();
    let idle = [("cutoff", "--cutoff"), ("require_fit", "--require-fit")];
    match idle.into_iter().find(|(id, _)| is_typed(*id)) {
        Some((_, flag)) if !has_end => Err(SettingsError::NoWindow(flag)),
        _ => Ok(()),
    }
}

/// Returns when a session may send, as the flags say at `now`. It waits for `share` of the
/// jitter, from 0 to 1.
pub(crate) fn timing(
    args: WindowArgs,
    now: Timestamp,
    share: f64,
) -> Result<Timing, SettingsError> {
    let WindowArgs { start_at, stop_at, window, tz, cutoff, require_fit, jitter } = args;
    let zone = tz.unwrap_or_else(TimeZone::system);
    let asked = window.map_or(WindowRequest::Between(start_at, stop_at), WindowRequest::Daily);
    let window = asked.at(now, &zone).map_err(|error| {
        let flag = if matches!(asked, WindowRequest::Daily(_)) { "--window" } else { "--stop-at" };
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
