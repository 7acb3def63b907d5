//! Where runs live: one folder each, in the state directory.
//!
//! A folder holds a copy of the run's input, its settings without secrets, its
//! journal, a lock, and its report where none was named. This module makes, finds,
//! locks and removes folders; what is in a journal it does not know.

mod copy;
mod lock;
mod name;
mod pending;
mod saved_flags;
mod unnamed;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::domain::request_id::RunId;

pub(crate) use copy::{Contents, Growth, Tee, TeeState, check_copy, copy_file};
pub(crate) use lock::Holder;
pub use lock::Lock;
pub(crate) use name::{NameLock, NameTaken, RunName};
pub(crate) use pending::PendingRun;
pub(crate) use saved_flags::SavedFlags;
pub(crate) use unnamed::Unnamed;

/// The name of the journal in a run's folder.
pub(crate) const JOURNAL: &str = "journal.db";

/// The name of the report in a run's folder.
pub(crate) const REPORT: &str = "report.csv";

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    /// The run.
    pub id: RunId,
    /// Where it is.
    pub path: PathBuf,
}

impl RunDir {
    /// The journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// The report that is written where none is named.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join(REPORT)
    }

    /// The copy of an input of this format.
    #[must_use]
    pub fn input(&self, extension: &str) -> PathBuf {
        self.path.join(format!("input.{extension}"))
    }

    /// Removes it, with all that is in it.
    ///
    /// # Errors
    ///
    /// Where it cannot be removed.
    pub fn remove(&self) -> Result<(), StoreError> {
        fs::remove_dir_all(&self.path)
            .map_err(|source| StoreError::Remove { path: self.path.clone(), source })
    }
}

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

    /// Where they are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every run, the oldest first.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read; that there is none is no error.
    pub fn all(&self) -> Result<Vec<RunDir>, StoreError> {
        let named = |name: &str, path| RunId::parse(name).map(|id| RunDir { id, path });
        let mut all = self.entries(named)?;
        all.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(all)
    }

    /// Folders of runs that were never born: a program was killed while it copied
    /// their input.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read.
    pub fn pending(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.entries(|name, path| name.strip_suffix(pending::PENDING_SUFFIX).and(Some(path)))
    }

    fn entries<T>(&self, take: impl Fn(&str, PathBuf) -> Option<T>) -> Result<Vec<T>, StoreError> {
        let failed = |source| StoreError::Read { path: self.path.clone(), source };
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir()
                && let Some(name) = entry.file_name().to_str()
            {
                found.extend(take(name, entry.path()));
            }
        }
        Ok(found)
    }

    /// The run whose id is `text`, or begins like that.
    ///
    /// # Errors
    ///
    /// Where there is none, or more than one.
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

/// Makes what was done to the entries of a folder last.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A run's folder cannot be made, found or used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be made.
    #[error(
        "cannot make the run's folder {}: {source}; name another place with --state-dir, or keep \
         nothing with --no-journal",
        path.display()
    )]
    Make {
        /// The folder.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Something in it cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Something in it cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It cannot be removed.
    #[error("cannot remove {}: {source}", path.display())]
    Remove {
        /// The folder.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The settings are not what this program writes.
    #[error("{} is not what this bk-launch wrote: {what}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The input cannot be copied to a temporary file.
    #[error(
        "cannot copy the input to a temporary file in {}: {source}; name another folder by TMPDIR",
        path.display()
    )]
    Temporary {
        /// The folder.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The input is changed while it is copied.
    #[error(
        "{} was changed while it was read, so a row may be cut in the middle; nothing was started. \
         Launch it again once nobody writes to it",
        path.display()
    )]
    ChangedMeanwhile {
        /// The input.
        path: PathBuf,
    },
    /// The copy of the input is not what it was.
    #[error(
        "{} was changed since the run began ({what}); the input of a run may not be changed. Put it \
         back, or launch the new rows as a run of their own",
        path.display()
    )]
    CopyChanged {
        /// The copy.
        path: PathBuf,
        /// What is different.
        what: String,
    },
    /// No such run.
    #[error("no run begins with {text:?} in {}; 'bk-launch runs' lists them", path.display())]
    Unknown {
        /// What was typed.
        text: String,
        /// Where runs are.
        path: PathBuf,
    },
    /// Several such runs.
    #[error("{count} runs begin with {text:?}, {example} is one of them; type more of its id")]
    Ambiguous {
        /// What was typed.
        text: String,
        /// How many runs.
        count: usize,
        /// One of them.
        example: RunId,
    },
}

impl StoreError {
    /// Whether something could not be written.
    pub(crate) const fn is_output(&self) -> bool {
        matches!(self, Self::Write { .. })
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
