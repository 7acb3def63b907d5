//! Where a run is kept, and the command that goes on with it.

use std::ffi::OsString;

use crate::domain::shell_word::shell_word;
use crate::store::RunDir;

/// Folder of a run, and how it was named.
pub(crate) struct RunLocation {
    pub folder: RunDir,
    /// What was said by `--state-dir`.
    pub state_dir: Option<OsString>,
}

impl RunLocation {
    /// Says where the run is, in a line.
    pub(crate) fn where_it_is(&self) -> String {
        format!("run {} in {}", self.folder.id, self.folder.path.display())
    }

    /// Returns the command that goes on with the run.
    pub(crate) fn resume(&self) -> String {
        let state = match &self.state_dir {
            Some(folder) => format!(" --state-dir {}", shell_word(&folder.to_string_lossy())),
            None => String::new(),
        };
        format!("bk-launch resume {}{state}", self.folder.id)
    }
}
