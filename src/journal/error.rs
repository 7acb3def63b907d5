//! Errors of a journal that cannot be read or written.

use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum JournalError {
    #[error("{} is not there; this run cannot be resumed", path.display())]
    Missing { path: PathBuf },
    #[error(
        "{} is no journal of bk-launch, or was damaged ({what}); nothing was sent. Put it back from \
         a backup, or start the run anew after a look at what the server already started",
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
        "{} has version {found} of the journal, and this bk-launch reads version {known}; nothing was \
         sent. Finish the run with the bk-launch that began it, or start it anew after a look at \
         what the server already started",
        path.display()
    )]
    Version { path: PathBuf, found: i64, known: i64 },
    #[error("cannot write the journal {}: {source}", path.display())]
    Write { path: PathBuf, source: rusqlite::Error },
    #[error("the journal {} was taken away while the run went on", path.display())]
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
