//! How many rows a session notes ahead of sending them.
//!
//! A rule without time. Few rows noted ahead means few rows in doubt after a crash;
//! enough of them means that no request waits for a commit.

use crate::domain::rate::Rate;

/// Fewest rows that are ahead.
const MIN_AHEAD: u64 = 4;

/// Rows that are ahead where the pace has no limit.
const UNLIMITED_AHEAD: u64 = 1024;

/// What decides how many rows are ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// Requests that the pace lets go in a second; `None` if it has no limit.
    per_second: Option<u64>,
    burst: u64,
    /// Starts that left between the last commits, the latest first.
    between_commits: [u64; 3],
}

impl Ahead {
    /// Nothing has left yet.
    #[must_use]
    pub(crate) fn new(rate: Rate, burst: u64) -> Self {
        let per_second = rate.interval().map(|interval| {
            let nanos = interval.as_nanos().max(1);
            u64::try_from(1_000_000_000_u128.div_ceil(nanos)).unwrap_or(u64::MAX)
        });
        Self { per_second, burst, between_commits: [0; 3] }
    }

    /// Notes that so many starts left since the commit before this one.
    pub(crate) const fn committed(&mut self, left: u64) {
        let [latest, before, _] = self.between_commits;
        self.between_commits = [left, latest, before];
    }

    /// Rows that may be ahead: enough for a second, but hardly more than may yet fail,
    /// where the budget has `room` for so many.
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
