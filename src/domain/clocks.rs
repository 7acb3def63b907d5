//! This machine's two clocks, read together. The wall clock may step. The other counts since
//! the machine started: it never steps, and includes time that the machine was suspended.

use jiff::{SignedDuration, Timestamp};

/// Source of readings, which tests replace.
pub trait Clocks: Send + Sync {
    /// Reads both clocks.
    fn read(&self) -> Reading;
}

/// What both clocks showed at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Time by the wall clock.
    pub wall: Timestamp,
    /// Time since the machine started, suspension included.
    pub since_boot: SignedDuration,
    /// The start that `since_boot` counts from.
    pub boot: Boot,
}

/// Identity of one start of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot(pub u128);

/// Time between two readings: the clocks may disagree, so it has two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    pub least: SignedDuration,
    pub most: SignedDuration,
}

impl Reading {
    /// Returns the time from this reading to a `later` one, or `None` if the machine restarted in
    /// between.
    #[must_use]
    pub fn passed_until(&self, later: &Self) -> Option<Passed> {
        if self.boot != later.boot {
            return None;
        }
        let by_wall = self.wall.duration_until(later.wall);
        let since_boot = later.since_boot - self.since_boot;
        Some(Passed { least: by_wall.min(since_boot), most: by_wall.max(since_boot) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall: i64, since_boot: i64, boot: u128) -> Reading {
        Reading {
            wall: Timestamp::from_second(wall).unwrap(),
            since_boot: SignedDuration::from_secs(since_boot),
            boot: Boot(boot),
        }
    }

    #[test]
    fn what_passed_is_told_by_both_clocks_of_one_boot() {
        let seconds = |passed: Passed| (passed.least.as_secs(), passed.most.as_secs());
        let from = reading(1000, 50, 7);
        for (later, passed) in [
            (reading(1010, 60, 7), Some((10, 10))),
            (reading(4610, 60, 7), Some((10, 3610))),
            (reading(400, 60, 7), Some((-600, 10))),
            (reading(1010, 5, 8), None),
        ] {
            assert_eq!(from.passed_until(&later).map(seconds), passed, "{later:?}");
        }
    }
}
