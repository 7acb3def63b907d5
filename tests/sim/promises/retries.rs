//! A row is sent as often as `--retries` lets, and no more.

use std::collections::BTreeMap;

use super::answers::{Said, heard, is_throttled, may_have_left, state};
use super::limits::told;
use super::sends::is_sent_start;
use super::settings::Settings;
use super::{Broken, Night};
use crate::history::{Fault, Key};
use crate::world::witness::{Back, Departure};

/// Fewest requests in which nothing of bk-sops shows before an outage begins, whose probes do not
/// count.
const OUTAGE: usize = 4;

/// Checks how often a session sent each row.
pub fn kept(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    let departures = night.departures(session);
    // Without retries, an outage and a throttle end a row, too.
    let is_strict = settings.retries == 0;
    if !is_strict && may_be_outage(night, settings, departures) {
        return Ok(());
    }
    let counts = |departure: &Departure| {
        certainly_counts(departure) || (is_strict && is_throttled(departure))
    };
    let mut counted: BTreeMap<&Key, u32> = BTreeMap::new();
    for departure in departures.iter().filter(|departure| is_sent_start(departure)) {
        let before = counted.entry(&departure.key).or_default();
        if *before > settings.retries {
            let what = format!(
                "{} left after {before} that count; --retries is {}",
                told(departure),
                settings.retries
            );
            return Err(Broken { promise: "a row is sent as often as --retries lets", what });
        }
        *before += u32::from(counts(departure));
    }
    Ok(())
}

/// Whether a start counts in any case, if it is no probe of an outage.
fn certainly_counts(departure: &Departure) -> bool {
    match &departure.back {
        Some((_, Back::Lost | Back::CutOff(_))) => true,
        Some((_, Back::Answer(_))) => heard(departure) == Some(Said::Accepted),
        Some((_, Back::NotSent)) | None => false,
    }
}

/// Whether so little came back that there may have been an outage.
fn may_be_outage(night: &Night, settings: &Settings, departures: &[Departure]) -> bool {
    let connects = night.history.server.connect < settings.connect_timeout;
    let breaks = |fault: &Fault| matches!(fault, Fault::Connect(..));
    let is_idle = |departure: &&Departure| {
        let is_told = heard(departure).is_some_and(|said| said != Said::Other);
        !may_have_left(departure) || !(is_told || state(departure).is_some())
    };
    !connects
        || night.history.events.iter().any(|event| breaks(&event.what))
        || departures.iter().filter(is_idle).count() >= OUTAGE
}
