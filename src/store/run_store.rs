//! The folders of all runs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::run_dir::RunDir;
use crate::domain::request_id::RunId;

/// What follows the id in the name of a run that has not begun yet.
pub(super) const PENDING_SUFFIX: &str = ".new";

/// The folders of all runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStore {
    path: PathBuf,
}

impl RunStore {
    /// The runs in the state directory `state`.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Self { path: state.join("runs") }
    }

    /// The runs among which `run` is.
    #[must_use]
    pub fn around(run: &RunDir) -> Option<Self> {
        run.path.parent().map(|path| Self { path: path.to_owned() })
    }

    /// Where they are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every run, the oldest first.
    pub fn all(&self) -> Result<Vec<RunDir>, StoreError> {
        let named = |name: &str, path| RunId::parse(name).map(|id| RunDir { id, path });
        self.entries(named)
    }

    /// Folders of runs that were never began, the oldest first: a program was killed while it
    /// copied their input.
    pub fn pending(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.entries(|name, path| name.strip_suffix(PENDING_SUFFIX).and(Some(path)))
    }

    /// Returns what `take` makes of each folder, in the order of their names: a disk lists them in
    /// any order.
    fn entries<T>(&self, take: impl Fn(&str, PathBuf) -> Option<T>) -> Result<Vec<T>, StoreError> {
        let failed = |source| StoreError::Read { path: self.path.clone(), source };
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir()
                && let Some(name) = entry.file_name().to_str()
            {
                found.insert(name.to_owned(), entry.path());
            }
        }
        Ok(found.into_iter().filter_map(|(name, path)| take(&name, path)).collect())
    }

    /// The run whose id is `text`, or begins like that.
    pub fn find(&self, text: &str) -> Result<RunDir, StoreError> {
        let mut found: Vec<_> =
            self.all()?.into_iter().filter(|folder| folder.id.as_str().starts_with(text)).collect();
        match (found.pop(), found.len()) {
            (Some(only), 0) => Ok(only),
            (Some(last), more) => Err(StoreError::Ambiguous {
                text: text.to_owned(),
                count: more + 1,
                example: last.id,
            }),
            (None, _) => {
                Err(StoreError::Unknown { text: text.to_owned(), path: self.path.clone() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_the_beginning_of_its_id() {
        let state = tempfile::tempdir().unwrap();
        let runs = RunStore::of(state.path());
        assert!(runs.all().unwrap().is_empty() && runs.pending().unwrap().is_empty());
        for name in
            ["20261202-000000-00002", "20261201-000000-00001", "20261203-000000-00003.new", "other"]
        {
            fs::create_dir_all(runs.path().join(name)).unwrap();
        }
        let all: Vec<_> = runs.all().unwrap().into_iter().map(|run| run.id.to_string()).collect();
        assert_eq!(all, ["20261201-000000-00001", "20261202-000000-00002"]);
        assert_eq!(runs.pending().unwrap().len(), 1);
        assert_eq!(runs.find("20261202").unwrap().id.as_str(), all[1]);
        assert!(matches!(runs.find("202612"), Err(StoreError::Ambiguous { count: 2, .. })));
        assert!(matches!(runs.find("20261203"), Err(StoreError::Unknown { .. })));
    }
}
