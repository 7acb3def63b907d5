//! The settings of a run, as they are kept for its next session: what was typed
//! and what stood in the environment, but nothing secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::run_dir::RunDir;
use crate::domain::record::AlreadyStarted;

const NAME: &str = "settings.json";

/// Flags by their long names without `--`, each with its values; a flag without a value has none.
pub(crate) type Flags = BTreeMap<String, Vec<String>>;

/// The settings of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedFlags {
    /// The version of bk-launch that wrote them.
    pub program: String,
    pub flags: Flags,
    /// Those of the flags with a secret that a profile gave: the environment of a later session
    /// beats them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub of_profile: BTreeSet<String>,
    /// Flags of single sessions that differ from those of the run: of one session alone, or typed
    /// at a resume. They are kept to be shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sessions: BTreeMap<u32, Flags>,
}

impl SavedFlags {
    /// Notes the flags that were typed for `session`, as far as they differ from those of the run.
    pub(crate) fn note_session(&mut self, session: u32, mut typed: Flags) {
        typed.retain(|name, values| self.flags.get(name) != Some(values));
        if !typed.is_empty() {
            self.sessions.insert(session, typed);
        }
    }

    /// Returns the values that a flag had in `session`.
    pub(crate) fn of_session(&self, session: u32, name: &str) -> Option<&[String]> {
        let own = self.sessions.get(&session).and_then(|flags| flags.get(name));
        own.or_else(|| self.flags.get(name)).map(Vec::as_slice)
    }

    /// Writes them into `folder`: they are there whole, or as they were before.
    pub(crate) fn write(&self, folder: &RunDir) -> Result<(), StoreError> {
        let path = folder.path.join(NAME);
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&folder.path)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| StoreError::Write { path: path.clone(), source })
    }

    /// Returns how "already started" counts in the run.
    pub(crate) fn already_started(&self) -> AlreadyStarted {
        match self.flags.get("already-started").map(Vec::as_slice) {
            Some([word]) if word == "fail" => AlreadyStarted::Fail,
            _ => AlreadyStarted::Ok,
        }
    }

    /// Reads those of the run in `folder`.
    pub(crate) fn read(folder: &RunDir) -> Result<Self, StoreError> {
        let path = folder.path.join(NAME);
        let text =
            fs::read(&path).map_err(|source| StoreError::Read { path: path.clone(), source })?;
        serde_json::from_slice(&text)
            .map_err(|error| StoreError::Settings { path, what: error.to_string() })
    }
}
