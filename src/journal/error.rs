//! Errors of a journal that cannot be read or written.

use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum JournalError {
    #[error("{} is missing, so this run cannot be resumed", path.display())]
    Missing { path: PathBuf },
    #[error(
        "{} is damaged, or not a journal of bk-launch ({what}); nothing was sent. Restore it from a \
         backup, or look at what the server already started, and launch the list as a new run",
        path.display()
    )]
    NotOne { path: PathBuf, what: String },
    /// A stored value cannot be read, although the run already goes on.
    #[error(
        "cannot read the records of earlier sessions in {} ({what}), so the reports lack them",
        path.display()
    )]
    Replay { path: PathBuf, what: String },
    #[error(
        "{} has version {found} of the journal, but this bk-launch reads version {known}; nothing was \
         sent. Finish the run with the bk-launch that began it, or look at what the server already \
         started, and launch the list as a new run",
        path.display()
    )]
    Version { path: PathBuf, found: i64, known: i64 },
    #[error("cannot write the journal {}: {source}", path.display())]
    Write { path: PathBuf, source: rusqlite::Error },
    #[error("the journal {} was removed while the run was active", path.display())]
    Gone { path: PathBuf },
}

impl JournalError {
    pub(crate) const fn is_output(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Gone { .. })
    }
}

/// Stored value that this program never writes.
#[derive(Debug, Error)]
#[error("{value:?} in {column}")]
pub(super) struct Foreign {
    pub column: &'static str,
    pub value: String,
}
