//! Number of rows that a session notes ahead of sending them.
//!
//! A rule without time. Few rows noted ahead mean few rows in doubt after a crash; enough of them
//! mean that no request waits for a commit.

use crate::domain::rate::Rate;

const MIN_AHEAD: u64 = 4;

/// Number of rows noted ahead if the pace has no limit.
const UNLIMITED_AHEAD: u64 = 1024;

/// When rows are to be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntentsWanted {
    /// With the next commit: fewer are noted ahead than half of what may be.
    Soon,
    /// At once: no noted row is left that could go.
    Now,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// Number of requests that the pace lets go in a second; `None` if it has no limit.
    per_second: Option<u64>,
    burst: u64,
    /// Number of starts that left between the last commits, the latest first.
    between_commits: [u64; 3],
}

impl Ahead {
    #[must_use]
    pub(crate) fn new(rate: Rate, burst: u64) -> Self {
        let per_second = rate.interval().map(|interval| {
            let nanos = interval.as_nanos().max(1);
            u64::try_from(1_000_000_000_u128.div_ceil(nanos)).unwrap_or(u64::MAX)
        });
        Self { per_second, burst, between_commits: [0; 3] }
    }

    /// Notes the number of starts that left since the commit before.
    pub(crate) const fn committed(&mut self, left: u64) {
        let [latest, before, _] = self.between_commits;
        self.between_commits = [left, latest, before];
    }

    /// Returns how many rows to note ahead: enough for a second, but hardly more than may yet
    /// fail, if the budget has `room` for that many.
    #[must_use]
    pub(crate) fn wanted(&self, room: Option<u64>) -> u64 {
        let pace = self
            .per_second
            .unwrap_or_else(|| UNLIMITED_AHEAD.max(self.between_commits.into_iter().sum()));
        let wanted = pace.max(self.burst).max(MIN_AHEAD);
        wanted.min(room.map_or(u64::MAX, |room| room.saturating_add(MIN_AHEAD)))
    }
}

#[cfg(test)]
mod tests;
