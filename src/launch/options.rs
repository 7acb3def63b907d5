//! Choices about a launch. They are made once, and handed on whole.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::domain::record::AlreadyStarted;
use crate::limiter::Limits;
use crate::rules::course::Confirmation;
use crate::rules::retry::Policy;

/// Choices about a launch.
#[derive(Clone, Debug)]
pub struct Options {
    /// Maximum number of rows launched; the others stay pending.
    pub limit: Option<u64>,
    /// Maximum number of open rows, which are handed out and whose records are not yet written.
    pub lookahead: NonZeroUsize,
    /// Limits on requests.
    pub limits: Limits,
    /// Rules for sending a row again.
    pub policy: Policy,
    /// Maximum time that the server may be gone before the run stops.
    pub outage_patience: Duration,
    /// Confirmation beside the starts.
    pub certainty: Certainty,
    /// Meaning of "already started".
    pub already_started: AlreadyStarted,
}

impl Options {
    /// Returns whether accepted rows are asked about.
    #[must_use]
    pub(crate) const fn confirmation(&self) -> Confirmation {
        match self.certainty.confirm {
            Some(_) => Confirmation::EachRow,
            None => Confirmation::None,
        }
    }
}

/// Confirmation beside the starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certainty {
    /// Maximum time to ask about an accepted row, if it is to be confirmed.
    pub confirm: Option<Duration>,
    /// Whether to look up links that no answer gave.
    pub lookup: Lookup,
}

/// Whether to look up links that no answer gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Looks links up.
    Links,
    /// Looks nothing up.
    Nothing,
}
