//! What is told of a journal that cannot be read or written.

use std::path::PathBuf;

use thiserror::Error;

/// A journal that cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// It is not there.
    #[error("{} is not there; this run cannot be resumed", path.display())]
    Missing {
        /// The journal.
        path: PathBuf,
    },
    /// It is empty, cut off, or something else.
    #[error(
        "{} is no journal of bk-launch, or was damaged ({what}); nothing was sent. Put it back from \
         a backup, or start the run anew after a look at what the server already started",
        path.display()
    )]
    NotOne {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// What it holds cannot be given back, though the run goes on already.
    #[error(
        "cannot read the records of earlier sessions in {} ({what}), so the reports lack them",
        path.display()
    )]
    Replay {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another version of this program wrote it.
    #[error(
        "{} has version {found} of the journal, and this bk-launch reads version {known}; nothing was \
         sent. Finish the run with the bk-launch that began it, or start it anew after a look at \
         what the server already started",
        path.display()
    )]
    Version {
        /// The journal.
        path: PathBuf,
        /// The version that it has.
        found: i64,
        /// The version that this program writes.
        known: i64,
    },
    /// It cannot be written.
    #[error("cannot write the journal {}: {source}", path.display())]
    Write {
        /// The journal.
        path: PathBuf,
        /// What happened.
        source: rusqlite::Error,
    },
    /// Somebody took it away.
    #[error("the journal {} was taken away while the run went on", path.display())]
    Gone {
        /// The journal.
        path: PathBuf,
    },
}

impl JournalError {
    /// Whether the journal could not be written, or is not there any more.
    pub(crate) const fn is_output(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Gone { .. })
    }
}

/// A stored value that this program never writes.
#[derive(Debug, Error)]
#[error("{value:?} in {column}")]
pub(super) struct Foreign {
    pub column: &'static str,
    pub value: String,
}
