//! The clocks of the machine that this program runs on.

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

use crate::domain::clocks::{Boot, Clocks, Reading};

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClocks {
    boot: Boot,
}

/// Counts the time that the machine slept; on other systems than Linux the monotonic
/// clock does, or nothing better is to be had.
#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

impl SystemClocks {
    /// Finds out which start of the machine this is. Where the system does not tell,
    /// `unknown` stands for it, which no other session may have.
    #[must_use]
    pub fn new(unknown: u128) -> Self {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let id = id.and_then(|id| u128::from_str_radix(&id.trim().replace('-', ""), 16).ok());
        Self { boot: Boot(id.unwrap_or(unknown)) }
    }
}

impl Clocks for SystemClocks {
    fn read(&self) -> Reading {
        let time = clock_gettime(SINCE_BOOT);
        let nanos = i32::try_from(time.tv_nsec).unwrap_or_default();
        let since_boot = SignedDuration::new(time.tv_sec, nanos);
        Reading { wall: Timestamp::now(), since_boot, boot: self.boot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_go_on_and_the_boot_stays() {
        let clocks = SystemClocks::new(1);
        let first = clocks.read();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let passed = first.passed_until(&SystemClocks::new(2).read()).expect("one boot");
        assert!(passed.least >= SignedDuration::from_millis(4), "{passed:?}");
        assert!(passed.most < SignedDuration::from_secs(60), "{passed:?}");
    }
}
