//! The moment at which flags are read: what "in 90 minutes" counts from, and how much of a random
//! wait is taken.

use jiff::Timestamp;

use crate::session::machine::Machine;

/// The moment at which flags are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub now: Timestamp,
    /// Share of `--jitter` that is waited, from 0 to 1.
    pub share: f64,
}

impl Moment {
    /// Returns the present moment of `machine`.
    pub(crate) fn of(machine: &mut Machine) -> Self {
        Self { now: machine.now(), share: machine.random.f64() }
    }
}
