//! What may be chosen about a launch. It is made once, and handed on whole.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::domain::record::AlreadyStarted;
use crate::limiter::Limits;
use crate::rules::retry::Policy;

/// What may be chosen about a launch.
#[derive(Clone, Debug)]
pub struct Options {
    /// Maximum number of rows launched; the others are pending.
    pub limit: Option<u64>,
    /// Maximum number of open rows: handed out, and their records not yet written.
    pub lookahead: NonZeroUsize,
    /// The limits on requests.
    pub limits: Limits,
    /// When a row is sent again.
    pub policy: Policy,
    /// How long the server may be gone before the run stops.
    pub outage_patience: Duration,
    /// What is asked beside the starts.
    pub certainty: Certainty,
    /// How "already started" counts.
    pub already_started: AlreadyStarted,
}

/// What is asked beside the starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certainty {
    /// How long an accepted row is asked for, if it is to be confirmed.
    pub confirm: Option<Duration>,
    /// Whether links are looked up that no answer gave.
    pub lookup: Lookup,
}

/// Whether links are looked up that no answer gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// They are.
    Links,
    /// They are not.
    Nothing,
}
