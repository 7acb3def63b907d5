//! In an outage one probe at a time is sent, and not for longer than `--outage-patience`.

use std::time::Duration;

use super::answers::may_have_left;
use super::limits::{is_out, told};
use super::settings::Settings;
use super::{Broken, Night};
use crate::history::{Fault, History, InputKind, Way};
use crate::server::At;
use crate::world::witness::{Back, Departure};

/// Requests in a row without any answer that are an outage.
const SILENT: u32 = 4;

/// Time that a probe may come late for all other reasons.
const SPARE: Duration = Duration::from_secs(30);

/// What the answers so far show.
#[derive(Default)]
struct Seen {
    /// Whether any answer came: before that nothing says that there is a server.
    is_there: bool,
    silent: u32,
    gone_since: Option<At>,
}

impl Seen {
    fn hear(&mut self, back: &Back, at: At) {
        match back {
            Back::Answer(_) | Back::CutOff(_) => *self = Self { is_there: true, ..Self::default() },
            Back::Lost if self.is_there => {
                self.silent += 1;
                if self.silent >= SILENT {
                    self.gone_since.get_or_insert(at);
                }
            }
            Back::Lost | Back::NotSent => {}
        }
    }
}

/// Checks what left in a session while nothing at all came back.
pub fn kept(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    if night.history.server.way == Way::Proxied {
        return Ok(());
    }
    let departures = night.departures(session);
    let mut backs: Vec<_> = departures.iter().filter_map(|one| one.back.as_ref()).collect();
    backs.sort_by_key(|(at, _)| *at);
    let mut backs = backs.into_iter().peekable();
    let longest = longest(night, settings, departures);
    let mut seen = Seen::default();
    for (index, departure) in departures.iter().enumerate() {
        // At one instant, whoever comes back may be heard first or last.
        while let Some((at, back)) = backs.next_if(|(at, _)| *at < departure.at) {
            seen.hear(back, *at);
        }
        let is_unclear = backs.peek().is_some_and(|(at, _)| *at == departure.at);
        let Some(since) = seen.gone_since.filter(|_| may_have_left(departure) && !is_unclear)
        else {
            continue;
        };
        let probes = departures[..index].iter().filter(|other| other.at > since);
        if let Some(other) = probes.rev().find(|other| is_out(other, departure.at)) {
            let what = format!("{} left while {} was out", told(departure), told(other));
            return Err(Broken { promise: "an outage gets one probe at a time", what });
        }
        if longest.is_some_and(|longest| departure.at > since + longest) {
            let what = format!("{} left; nothing came back since {since:?}", told(departure));
            return Err(Broken {
                promise: "an outage is waited for with patience, and ends",
                what,
            });
        }
    }
    Ok(())
}

/// Time after which no probe leaves, if that can be told: timers stand still in a sleep, and a hold
/// delays a probe.
fn longest(night: &Night, settings: &Settings, departures: &[Departure]) -> Option<Duration> {
    let History { events, input, .. } = night.history;
    let is_known = !events.iter().any(|event| matches!(event.what, Fault::Suspend(_)));
    let is_held = |departure: &Departure| night.refusals.iter().any(|one| one.id == departure.id);
    if !is_known || departures.iter().any(is_held) {
        return None;
    }
    let pause = match input {
        InputKind::File => Duration::ZERO,
        InputKind::Stream { pause } => *pause,
    };
    let waits = settings.backoff.1 * 2 + settings.timeout + settings.connect_timeout;
    Some(settings.outage_patience + waits + settings.stage_pause + pause + SPARE)
}
