//! What the server did, in sentences for a reader.

use super::At;
use crate::history::Key;

/// Sentences with their times; without a reader none are made.
#[derive(Debug, Default)]
pub struct Story(Option<Vec<(At, String)>>);

impl Story {
    /// Begins to write down sentences.
    pub fn begin(&mut self) {
        self.0.get_or_insert_default();
    }

    pub fn tell(&mut self, at: At, sentence: impl FnOnce() -> String) {
        if let Some(told) = &mut self.0 {
            told.push((at, sentence()));
        }
    }

    /// Returns the sentences since the last call.
    pub fn take(&mut self) -> Vec<(At, String)> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// Returns a task as a story names it: `2/17`, or `project 2/17`.
pub fn name(key: &Key) -> String {
    let Key { scope, biz, task } = key;
    if scope == "cmdb_biz" { format!("{biz}/{task}") } else { format!("{scope} {biz}/{task}") }
}
