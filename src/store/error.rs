//! What can go wrong with the folders of runs.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::domain::request_id::RunId;

/// A run's folder cannot be made, found or used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be made.
    #[error(
        "cannot create the run's folder {}: {source}; name another place with --state-dir, or keep \
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
         Launch it once nobody writes to it any more",
        path.display()
    )]
    ChangedMeanwhile {
        /// The input.
        path: PathBuf,
    },
    /// The copy of the input is not what it was.
    #[error(
        "{} was changed since the run began ({what}); the input of a run may not be changed. Restore \
         it, or launch the new rows as a run of their own",
        path.display()
    )]
    CopyChanged {
        /// The copy.
        path: PathBuf,
        /// What is different.
        what: String,
    },
    /// No such run.
    #[error("no run is called {text:?} or has an id that begins so, in {}; 'bk-launch runs' lists them", path.display())]
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
