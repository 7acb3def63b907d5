//! The latest runs in a line each, for completions.

use jiff::Timestamp;

use super::find::name_of;
use super::run_state::RunState;
use crate::domain::request_id::RunId;
use crate::store::RunStore;

/// Maximum number of runs of which something is said: each costs a look into its journal.
const MAX_RUNS: usize = 100;

/// A kept run.
pub(crate) struct KeptRun {
    pub id: RunId,
    pub name: Option<String>,
    pub state: RunState,
}

/// Returns the latest runs, the newest first; none if they cannot be read.
pub(crate) fn latest(runs: &RunStore, now: Timestamp) -> Vec<KeptRun> {
    let newest = runs.all().unwrap_or_default().into_iter().rev().take(MAX_RUNS);
    let kept = newest.map(|folder| {
        let (name, state) = (name_of(&folder), RunState::of(&folder, now));
        KeptRun { id: folder.id, name, state }
    });
    kept.collect()
}
