//! One process works on a run, and one run of a name goes on, at a time.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::exit::Exit;
use crate::domain::request_id::RunId;
use crate::store::{Holder, Lock, NameLock, NameTaken, RunDir, RunName, RunStore};

/// Locks the run in `folder`, unless a process works on it.
pub(crate) fn lock(folder: &RunDir) -> Result<Lock, SessionError> {
    let path = folder.path.clone();
    match Lock::take(&folder.path) {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(holder)) => Err(LockError::Alive { id: folder.id.clone(), holder }.into()),
        Err(source) => Err(LockError::Failed { path, source }.into()),
    }
}

/// Takes the lock of a name, unless a run of that name goes on.
pub(crate) fn lock_name(
    runs: &RunStore,
    name: &RunName,
    now: Timestamp,
) -> Result<NameLock, SessionError> {
    match NameLock::take(runs, name, now) {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(taken)) => Err(LockError::Taken(taken).into()),
        Err(source) => {
            Err(LockError::Failed { path: runs.path().with_file_name("names"), source }.into())
        }
    }
}

/// A run or a name could not be locked.
#[derive(Debug, Error)]
pub(crate) enum LockError {
    #[error(
        "the run {id} is already active ({}); wait for it, or stop it",
        .holder.pid.map_or_else(|| "another process".into(), |pid| format!("pid {pid}"))
    )]
    Alive { id: RunId, holder: Holder },
    #[error(transparent)]
    Taken(NameTaken),
    #[error("cannot lock the run in {}: {source}", path.display())]
    Failed { path: PathBuf, source: io::Error },
}

impl Refusal for LockError {
    fn exit(&self) -> Exit {
        match self {
            Self::Alive { .. } | Self::Taken(_) => Exit::Locked,
            Self::Failed { .. } => Exit::Usage,
        }
    }
}
