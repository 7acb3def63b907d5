//! How a file is: which one it is, how long, and when it was last written.
//!
//! Two looks at a path that give the same [`FileState`] saw the same file, untouched.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The state of a regular file at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Device of its file system.
    pub device: u64,
    /// Number within that.
    pub inode: u64,
    pub bytes: u64,
    /// Time of the last write, in nanoseconds since 1970.
    pub modified: i64,
}

impl FileState {
    /// Returns the state of the file at `path`; `None` if nothing can be seen there.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|meta| Self::of(&meta))
    }

    /// Returns the state that `meta` tells.
    #[must_use]
    pub fn of(meta: &Metadata) -> Self {
        let modified = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
        Self { device: meta.dev(), inode: meta.ino(), bytes: meta.len(), modified }
    }

    /// Whether both are the same file, whatever was written to it in between.
    #[must_use]
    pub const fn is_same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}
