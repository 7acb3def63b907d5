//! What must hold in every history, one group of promises a file. Each is checked by the world's
//! own account; the program's word is compared with it, and never believed.

mod agreement;
mod answers;
mod budget;
mod clock;
mod ends;
mod exit;
mod giving_up;
mod holds;
mod limits;
mod outages;
mod outcomes;
mod retries;
mod rows;
mod secrets;
mod sends;
mod settings;
mod stages;
mod window;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::history::{History, Key};
use crate::server::{At, Refusal, TaskTruth};
use crate::world::witness::{Departure, SessionFacts, Witness};

pub use ends::longest;
pub use settings::Settings;

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The promise, in a few words; a shrunk history must break the same.
    pub promise: &'static str,
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

/// A history as far as it went, and the truth of it.
#[derive(Clone, Copy)]
pub struct Night<'a> {
    pub history: &'a History,
    /// What became of each task at the server.
    pub truth: &'a BTreeMap<Key, TaskTruth>,
    /// Throttled answers of the server, in the order in which they left it.
    pub refusals: &'a [Refusal],
    pub witness: &'a Witness,
    /// Everything that must stand in no output.
    pub secrets: &'a [String],
}

impl<'a> Night<'a> {
    /// Returns the departures of a session, in their order.
    fn departures(&self, session: usize) -> &'a [Departure] {
        let all = &self.witness.departures[..];
        let from = all.partition_point(|departure| departure.session < session);
        let to = all.partition_point(|departure| departure.session <= session);
        &all[from..to]
    }

    /// Returns the departures of all sessions up to `session`.
    fn departures_until(&self, session: usize) -> &'a [Departure] {
        let all = &self.witness.departures[..];
        &all[..all.partition_point(|departure| departure.session <= session)]
    }

    fn facts(&self, session: usize) -> &'a SessionFacts {
        &self.witness.sessions[session]
    }
}

/// What is known of a session while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Going {
    pub session: usize,
    pub began: At,
    /// When the first signal came.
    pub signal: Option<At>,
}

/// Checks what must hold when the last departure of the witness has just left.
pub fn at_departure(night: &Night, settings: &Settings, going: Going) -> Result<(), Broken> {
    departed(night, settings, going, night.departures(going.session))
}

/// Checks the last of `departures`, which are those of the session up to then.
fn departed(
    night: &Night,
    settings: &Settings,
    going: Going,
    departures: &[Departure],
) -> Result<(), Broken> {
    let Some((last, before)) = departures.split_last() else { return Ok(()) };
    limits::rates(night.history, settings, departures)?;
    limits::slots(night.history, settings, before, last)?;
    limits::first_answer(night.history, before, last)?;
    stages::order(settings, before, last)?;
    window::inside(night.history, settings, going, departures)
}

/// Checks what must hold when a session is over, beside what was checked at each departure.
pub fn after_session(night: &Night, session: usize) -> Result<(), Broken> {
    let settings = Settings::of(night.history, session);
    sends::only_what_may_be_sent(night, &settings, session)?;
    holds::kept(night, &settings, session)?;
    rows::one_line_each(night, &settings, session)?;
    rows::last_words_stay(night, session)?;
    outcomes::true_to_the_world(night, &settings, session)?;
    budget::kept(night, &settings, session)?;
    retries::kept(night, &settings, session)?;
    outages::kept(night, &settings, session)?;
    giving_up::for_a_reason(night, &settings, session)?;
    agreement::shows_what_is_kept(night, session)?;
    agreement::one_story(night, &settings, session)?;
    exit::says_why(night, &settings, session)?;
    secrets::kept(night, session)?;
    ends::in_time(night, session)?;
    ends::soon_after_a_signal(night, session)
}
