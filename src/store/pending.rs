//! How a run's folder comes to be: under the name `<id>.new`, until all that it
//! needs is in it. A folder of that name is no run.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::lock::Lock;
use super::run_dir::{RunDir, sync_folder};
use super::run_store::{PENDING_SUFFIX, RunStore};
use crate::domain::request_id::RunId;

/// A run that is about to be. Unless it is [committed](Self::commit), its folder goes away.
pub(crate) struct PendingRun {
    id: RunId,
    /// The folder under its name for now.
    folder: RunDir,
    named: PathBuf,
    lock: Option<Lock>,
    over: bool,
}

impl PendingRun {
    /// Makes the folder, readable by nobody else, and locks it.
    pub(crate) fn begin(runs: &RunStore, id: RunId) -> Result<Self, StoreError> {
        let named = runs.path().join(id.as_str());
        let path = runs.path().join(format!("{id}{PENDING_SUFFIX}"));
        let make = |path: &Path| {
            make_all(runs.path())?;
            // Nobody prunes between the making and the locking.
            let all = File::open(runs.path())?;
            all.lock_shared()?;
            DirBuilder::new().mode(0o700).create(path)?;
            // The umask may have taken away even what the owner needs.
            fs::set_permissions(path, Permissions::from_mode(0o700))?;
            let lock = Lock::take(path);
            all.unlock()?;
            lock
        };
        match make(&path) {
            Ok(lock) => {
                let lock = lock.ok();
                let folder = RunDir { id: id.clone(), path };
                Ok(Self { id, folder, named, lock, over: false })
            }
            Err(source) => Err(StoreError::Make { path, source }),
        }
    }

    /// Returns the folder under its name for now.
    #[must_use]
    pub(crate) const fn folder(&self) -> &RunDir {
        &self.folder
    }

    /// Returns the folder as it will be called.
    #[must_use]
    pub(crate) fn future(&self) -> RunDir {
        RunDir { id: self.id.clone(), path: self.named.clone() }
    }

    /// All is there: the folder gets its name, and is a run from now on.
    pub(crate) fn commit(mut self) -> Result<(RunDir, Option<Lock>), StoreError> {
        let path = &self.folder.path;
        let renamed = sync_folder(path).and_then(|()| fs::rename(path, &self.named));
        let parent = self.named.parent().unwrap_or(&self.named);
        renamed
            .and_then(|()| sync_folder(parent))
            .map_err(|source| StoreError::Make { path: self.named.clone(), source })?;
        self.over = true;
        Ok((self.future(), self.lock.take()))
    }
}

impl Drop for PendingRun {
    fn drop(&mut self) {
        if !self.over {
            // What cannot be removed now is left to `prune`.
            drop(self.folder.remove());
        }
    }
}

/// Makes `path` and the folders above it that are missing. The entry of each is synced, so
/// that a loss of power takes none away, with every run in it.
fn make_all(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    make_all(above)?;
    match fs::create_dir(path) {
        // Another run was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    match sync_folder(above) {
        // It may be written and not read, or its file system cannot sync a folder.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> RunId {
        RunId::parse("20261201-220000-00001").unwrap()
    }

    #[test]
    fn a_folder_that_is_not_born_goes_away() {
        let state = tempfile::tempdir().unwrap();
        let runs = RunStore::of(state.path());
        let pending = PendingRun::begin(&runs, id()).unwrap();
        assert_eq!(runs.pending().unwrap().len(), 1);
        assert!(runs.all().unwrap().is_empty());
        let mode = pending.folder().path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(pending);
        assert!(runs.pending().unwrap().is_empty());
    }

    #[test]
    fn a_folder_that_is_born_is_a_run_and_locked() {
        let state = tempfile::tempdir().unwrap();
        let runs = RunStore::of(state.path());
        let (folder, lock) = PendingRun::begin(&runs, id()).unwrap().commit().unwrap();
        assert_eq!(runs.all().unwrap(), std::slice::from_ref(&folder));
        assert!(Lock::take(&folder.path).unwrap().is_err());
        drop(lock);
        assert!(Lock::take(&folder.path).unwrap().is_ok());
    }
}
