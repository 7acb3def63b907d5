//! This machine as a session sees it: its clocks, and random numbers. Both are handed in, so
//! that a session can be simulated.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::clocks::Clocks;
use crate::domain::request_id::RunId;
use crate::system_clocks::SystemClocks;

/// Clocks and random numbers.
pub(crate) struct Machine {
    pub clocks: Arc<dyn Clocks>,
    pub random: fastrand::Rng,
}

impl Machine {
    /// The machine that the program runs on.
    pub(crate) fn of_system() -> Self {
        let mut random = fastrand::Rng::new();
        Self { clocks: Arc::new(SystemClocks::new(random.u128(..))), random }
    }

    /// Returns what the wall clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clocks.read().wall
    }

    /// Makes the id of a run that begins now.
    pub(crate) fn run_id(&mut self) -> RunId {
        RunId::new(self.now(), self.random.u32(..))
    }
}
