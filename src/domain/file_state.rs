//! Identity, length and time of the last write of a file.
//!
//! Two equal [`FileState`]s of one path mean the same file, untouched in between.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    pub device: u64,
    pub inode: u64,
    pub bytes: u64,
    /// Time of the last write, in nanoseconds since 1970.
    pub modified: i64,
}

impl FileState {
    /// Returns the state of the file at `path`, or `None` if it cannot be seen.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|meta| Self::of(&meta))
    }

    #[must_use]
    pub fn of(meta: &Metadata) -> Self {
        let modified = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
        Self { device: meta.dev(), inode: meta.ino(), bytes: meta.len(), modified }
    }

    /// Ignores what was written to the file in between.
    #[must_use]
    pub const fn is_same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}
