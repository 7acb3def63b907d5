//! The machine's clocks, on top of paused time: the wall clock can be put elsewhere, and the
//! machine can sleep or be restarted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bk_launch::internals::domain::clocks::{Boot, Clocks, Reading};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::server::{At, TRUE_START};

/// The clocks of the machine, and the true time, which nobody sees.
pub struct WorldClock(Mutex<ClockState>);

struct ClockState {
    /// True time when the runtime's clock began to count, or present time if none counts.
    base: At,
    running: Option<Instant>,
    /// How far the wall clock was put ahead.
    step: SignedDuration,
    booted: At,
    boot: u128,
}

impl WorldClock {
    pub fn new(seed: u64) -> Arc<Self> {
        let step = SignedDuration::ZERO;
        let (base, booted, boot) = (At::ZERO, At::ZERO, u128::from(seed) << 16);
        Arc::new(Self(Mutex::new(ClockState { base, running: None, step, booted, boot })))
    }

    fn state(&self) -> MutexGuard<'_, ClockState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the true time.
    pub fn now(&self) -> At {
        self.state().now()
    }

    /// Counts by the clock of the present runtime from now on.
    pub fn start(&self) {
        let mut state = self.state();
        state.running.get_or_insert_with(Instant::now);
    }

    /// Stands still from now on.
    pub fn stop(&self) {
        let mut state = self.state();
        state.base = state.now();
        state.running = None;
    }

    /// Passes time while no session runs.
    pub fn pass(&self, time: Duration) {
        self.state().base += time;
    }

    pub fn step(&self, seconds: i64) {
        self.state().step += SignedDuration::from_secs(seconds);
    }

    /// Lets the machine sleep: time goes on everywhere but on the clock of timers.
    pub fn suspend(&self, time: Duration) {
        self.state().base += time;
    }

    pub fn reboot(&self) {
        let mut state = self.state();
        state.booted = state.now();
        state.boot += 1;
    }

    pub fn wall(&self) -> Timestamp {
        self.state().wall()
    }
}

impl ClockState {
    fn now(&self) -> At {
        self.base + self.running.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn wall(&self) -> Timestamp {
        let start = Timestamp::from_second(TRUE_START).unwrap();
        start + SignedDuration::try_from(self.now()).unwrap() + self.step
    }
}

impl Clocks for WorldClock {
    fn read(&self) -> Reading {
        let state = self.state();
        // A machine that was just started has been busy for a while already.
        let since_boot = state.now().saturating_sub(state.booted) + Duration::from_secs(40);
        Reading {
            wall: state.wall(),
            since_boot: SignedDuration::try_from(since_boot).unwrap(),
            boot: Boot(state.boot),
        }
    }
}
