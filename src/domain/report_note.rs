//! Whether a report is still as a run left it, so that a resume may overwrite it.
//!
//! A session that ended in order noted the length and time of each report. One that died while
//! it wrote a report in place could not, so there the time of its last commits decides: lines
//! are written right after the commit of their rows.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::domain::file_state::FileState;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunReport {
    pub path: PathBuf,
    /// The file, if it is written in place and not beside.
    pub in_place: Option<FileState>,
}

/// A report, as a session leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftReport {
    pub path: PathBuf,
    pub file: FileState,
    pub extent: ReportExtent,
}

/// Whether every row has its line in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportExtent {
    Whole,
    /// It could not be written any more, and lines are missing.
    Torn,
}

/// What a run's journal knows about a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportNote {
    /// A session ended in order.
    Left {
        bytes: u64,
        /// Time of the last write, in nanoseconds since 1970.
        modified: i64,
        extent: ReportExtent,
    },
    /// A session died while it wrote the report in place.
    Unfinished {
        device: u64,
        inode: u64,
        /// Time of the last commit but one: lines of the last one may not be written yet.
        commit_before: Timestamp,
        last_commit: Timestamp,
    },
}

/// Maximum time between a commit and the writing of its lines, in seconds.
const TOLERANCE: i64 = 5;

impl ReportNote {
    /// Whether the file whose state is `now` is what the session left.
    #[must_use]
    pub fn is_of(&self, now: &FileState) -> bool {
        match *self {
            Self::Left { bytes, modified, extent: _ } => {
                bytes == now.bytes && modified == now.modified
            }
            Self::Unfinished { device, inode, commit_before, last_commit } => {
                let second = now.modified.div_euclid(1_000_000_000);
                // The wall clock may have been put back between the two.
                let first = commit_before.min(last_commit).as_second().saturating_sub(TOLERANCE);
                let last = commit_before.max(last_commit).as_second().saturating_add(TOLERANCE);
                let is_same_file = device == now.device && inode == now.inode;
                // Earlier is as suspicious as later: clocks are set, and copies keep times.
                is_same_file && (first..=last).contains(&second)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(inode: u64, bytes: u64, modified: &str) -> FileState {
        let modified: Timestamp = modified.parse().unwrap();
        let modified = i64::try_from(modified.as_nanosecond()).unwrap();
        FileState { device: 1, inode, bytes, modified }
    }

    #[test]
    fn a_complete_report_is_told_by_its_length_and_its_time_to_the_nanosecond() {
        let left = state(7, 100, "2026-12-01T22:00:00.123456789Z");
        let (bytes, modified) = (left.bytes, left.modified);
        let note = ReportNote::Left { bytes, modified, extent: ReportExtent::Whole };
        for (now, is_as_left) in [
            (left, true),
            // A copy with the same length and time counts as the same.
            (state(8, 100, "2026-12-01T22:00:00.123456789Z"), true),
            (state(7, 101, "2026-12-01T22:00:00.123456789Z"), false),
            (state(7, 100, "2026-12-01T22:00:00.123456788Z"), false),
            (state(7, 100, "2026-12-02T08:30:00Z"), false),
        ] {
            assert_eq!(note.is_of(&now), is_as_left, "{now:?}");
        }
    }

    #[test]
    fn one_that_was_being_written_is_told_by_the_time_of_the_last_commits() {
        let note = ReportNote::Unfinished {
            device: 1,
            inode: 7,
            commit_before: "2026-12-01T22:00:00Z".parse().unwrap(),
            last_commit: "2026-12-01T22:20:00Z".parse().unwrap(),
        };
        for (inode, time, is_as_left) in [
            (7, "22:20:00.1", true),
            (7, "22:20:05.9", true),
            (7, "22:20:06", false),
            // The session died after the commit and before the lines were written.
            (7, "22:00:00.1", true),
            (7, "21:59:55", true),
            // The clock was an hour ahead and was set; after that somebody wrote to the file.
            (7, "21:45:00", false),
            // An editor put another file in its place.
            (8, "22:20:00.1", false),
        ] {
            let now = state(inode, 100, &format!("2026-12-01T{time}Z"));
            assert_eq!(note.is_of(&now), is_as_left, "{inode} {time}");
        }
    }

    #[test]
    fn the_clock_may_be_put_back_between_two_commits() {
        let note = ReportNote::Unfinished {
            device: 1,
            inode: 7,
            commit_before: "2026-12-01T22:20:00Z".parse().unwrap(),
            last_commit: "2026-12-01T22:00:00Z".parse().unwrap(),
        };
        for (time, is_as_left) in [("22:00:00.1", true), ("22:20:01", true), ("22:20:06", false)] {
            let now = state(7, 100, &format!("2026-12-01T{time}Z"));
            assert_eq!(note.is_of(&now), is_as_left, "{time}");
        }
    }
}
