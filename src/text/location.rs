//! Where a run is kept, and the command that goes on with it.

use std::ffi::OsString;

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
            Some(folder) => format!(" --state-dir {}", quoted(&folder.to_string_lossy())),
            None => String::new(),
        };
        format!("bk-launch resume {}{state}", self.folder.id)
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_for_a_shell_only_where_it_must_be() {
        for (word, expected) in
            [("/var/lib/x-1", "/var/lib/x-1"), ("", "''"), ("a b", "'a b'"), ("a'b", r"'a'\''b'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
