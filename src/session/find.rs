//! Which of the kept runs is meant.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::run_state::{RunState, RunSummary};
use crate::domain::request_id::RunId;
use crate::journal::Journal;
use crate::store::{RunDir, RunName, RunStore, StoreError};

/// A run that was found, and why it is the one.
pub(crate) struct Found {
    pub folder: RunDir,
    pub by: FoundBy,
}

/// Why a run is the one that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundBy {
    Named,
    LatestUnfinished,
    Latest,
}

/// Finds the run that is meant: the one that was named, else the latest that is not finished,
/// else the latest.
pub(crate) fn find(
    runs: &RunStore,
    named: Option<&str>,
    now: Timestamp,
) -> Result<Found, SessionError> {
    let mut all = runs.all()?;
    if let Some(named) = named {
        match runs.find(named) {
            Err(StoreError::Unknown { .. }) if named.parse::<RunName>().is_ok() => {}
            found => return Ok(Found { folder: found?, by: FoundBy::Named }),
        }
        all.retain(|folder| name_of(folder).as_deref() == Some(named));
        if all.is_empty() {
            return Ok(Found { folder: runs.find(named)?, by: FoundBy::Named });
        }
    }
    let unfinished = all.iter().rev().find(|folder| !RunState::of(folder, now).is_over());
    let chosen = unfinished.or(all.last()).ok_or(NoRun { path: runs.path().to_owned() })?;
    let by = if unfinished.is_some() { FoundBy::LatestUnfinished } else { FoundBy::Latest };
    Ok(Found { folder: chosen.clone(), by })
}

/// Returns the last run of a name if it left rows to be done.
pub(crate) fn left_behind(runs: &RunStore, name: &RunName, now: Timestamp) -> Option<RunSummary> {
    let name = name.to_string();
    let all = runs.all().ok()?;
    let last = all.iter().rev().find(|folder| name_of(folder).as_ref() == Some(&name))?;
    Some(RunSummary::of(last, now)).filter(|last| last.left() > 0 && !last.state.is_over())
}

/// Returns the name that the run in `folder` was given.
pub(super) fn name_of(folder: &RunDir) -> Option<String> {
    Journal::open(&folder.journal()).and_then(|journal| journal.about()).ok()?.name
}

/// No run is kept.
#[derive(Debug, Error)]
#[error("there is no run in {}; --state-dir or BK_LAUNCH_STATE name another place", path.display())]
pub(crate) struct NoRun {
    path: PathBuf,
}

/// Reads from its id when a run began.
pub(crate) fn began(id: &RunId) -> Option<Timestamp> {
    let (second, _) = id.as_str().rsplit_once('-')?;
    let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", second).ok()?;
    time.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

impl Refusal for NoRun {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_says_when_a_run_began() {
        let id = RunId::parse("20261201-220000-00abc").unwrap();
        assert_eq!(began(&id), Some("2026-12-01T22:00:00Z".parse().unwrap()));
    }
}
