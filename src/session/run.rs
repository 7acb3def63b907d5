//! A run that is kept: its folder, its journal, its flags, and the copy of its input.

use super::error::SessionError;
use crate::journal::{About, Copied, InputState, Journal};
use crate::store::{Growth, RunDir, SavedFlags, check_copy};

/// A run that is kept.
pub(crate) struct Run {
    pub folder: RunDir,
    pub journal: Journal,
    pub about: About,
    pub flags: SavedFlags,
    /// What the copy of its input holds.
    pub copied: Copied,
}

impl Run {
    /// Opens the run in `folder`, unless its journal or its input are not what they were.
    pub(crate) fn open(folder: &RunDir) -> Result<Self, SessionError> {
        let journal = Journal::open(&folder.journal())?;
        let about = journal.about()?;
        let flags = SavedFlags::read(folder)?;
        let path = folder.input(&about.input_format);
        // The first session may have read more than it could note; later ones read no more.
        let growth = match about.input {
            InputState::Incomplete if journal.sessions()?.len() <= 1 => Growth::Grew,
            InputState::Incomplete | InputState::Ended => Growth::Complete,
        };
        let known = about.copy.as_ref().map(|copy| (copy.bytes, &*copy.sha256));
        let (bytes, sha256) = check_copy(&path, known, growth)?;
        let copied = Copied { bytes, sha256 };
        Ok(Self { folder: folder.clone(), journal, about, flags, copied })
    }
}
