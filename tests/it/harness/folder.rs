//! A folder per test, and what a run leaves in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bk_launch::internals::journal::Journal;
use bk_launch::internals::store::{RunDir, RunStore};
use rusqlite::Connection;
use tempfile::TempDir;

use super::Report;

/// A folder that goes away with the test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Reads a file as text.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Makes a folder in it.
    pub fn folder(&self, name: &str) {
        fs::create_dir(self.path(name)).unwrap();
    }

    /// Says who may read and write a file.
    pub fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    #[track_caller]
    pub fn report(&self, name: &str) -> Report {
        Report::read(&self.path(name))
    }

    /// The folders of all runs, the oldest first.
    pub fn runs(&self) -> Vec<RunDir> {
        RunStore::of(&self.path("state")).all().unwrap()
    }

    /// The folder of the only run.
    #[track_caller]
    pub fn only_run(&self) -> RunDir {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "one run");
        runs.remove(0)
    }

    /// The journal of the only run.
    #[track_caller]
    pub fn journal(&self) -> Journal {
        Journal::open(&self.only_run().journal()).unwrap()
    }

    /// The journal of the only run, for statements.
    #[track_caller]
    pub fn database(&self) -> Connection {
        Connection::open(self.only_run().journal()).unwrap()
    }

    /// How many rows of the only run are settled, if it was born.
    pub fn settled(&self) -> Option<u64> {
        if self.runs().is_empty() {
            return None;
        }
        Some(self.journal().settled().unwrap().len())
    }
}
