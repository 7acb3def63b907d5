//! The folder of one run, and the names in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use crate::domain::request_id::RunId;

/// The name of the journal in a run's folder.
const JOURNAL: &str = "journal.db";

/// The name of the report in a run's folder.
const REPORT: &str = "report.csv";

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    /// The run.
    pub id: RunId,
    /// The path of the folder.
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
    pub fn remove(&self) -> Result<(), StoreError> {
        fs::remove_dir_all(&self.path)
            .map_err(|source| StoreError::Remove { path: self.path.clone(), source })
    }
}

/// Makes what was done to the entries of a folder last.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
