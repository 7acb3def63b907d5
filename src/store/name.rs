//! The name of a run, such as `nightly`: one run of a name at a time.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::str::FromStr;

use jiff::Timestamp;
use thiserror::Error;

use super::run_store::RunStore;
use crate::domain::request_id::RunId;

/// The name of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunName(Box<str>);

impl FromStr for RunName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name = (1..=64).contains(&text.len())
            && text.bytes().all(fits)
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && RunId::parse(text).is_none();
        if is_name { Ok(Self(text.into())) } else { Err(NameError) }
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a name begins with a letter, and has up to 64 letters, digits, '-', '_' and '.'")]
pub(crate) struct NameError;

/// The right to run under a name, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct NameLock {
    #[expect(dead_code, reason = "it is held, not read")]
    file: File,
}

/// Who runs under a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the run \"{name}\" is already active ({who}); wait for it, or stop it")]
pub(crate) struct NameTaken {
    name: RunName,
    who: String,
}

impl NameLock {
    /// Takes the lock of `name`, or says who has it since when.
    pub(crate) fn take(
        runs: &RunStore,
        name: &RunName,
        now: Timestamp,
    ) -> io::Result<Result<Self, NameTaken>> {
        let folder = runs.path().with_file_name("names");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.lock"));
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut who = String::new();
                drop(file.read_to_string(&mut who));
                let who = match who.trim() {
                    "" => "another process".into(),
                    who => who.to_owned(),
                };
                return Ok(Err(NameTaken { name: name.clone(), who }));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "pid {}, since {now:.0}", std::process::id())?;
        Ok(Ok(Self { file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_by_one_at_a_time() {
        let state = tempfile::tempdir().unwrap();
        let runs = RunStore::of(state.path());
        let name: RunName = "nightly".parse().unwrap();
        let now = "2026-12-01T22:00:00Z".parse().unwrap();
        let lock = NameLock::take(&runs, &name, now).unwrap().unwrap();
        let taken = NameLock::take(&runs, &name, now).unwrap().unwrap_err().to_string();
        let pid = std::process::id();
        assert_eq!(
            taken,
            format!(
                "the run \"nightly\" is already active (pid {pid}, since 2026-12-01T22:00:00Z); wait for \
                 it, or stop it"
            )
        );
        let other = "weekly".parse().unwrap();
        assert!(NameLock::take(&runs, &other, now).unwrap().is_ok());
        drop(lock);
        assert!(NameLock::take(&runs, &name, now).unwrap().is_ok());
    }

    #[test]
    fn a_name_is_no_path_and_no_id() {
        for (text, is_name) in [
            ("nightly", true),
            ("a.b-c_2", true),
            ("", false),
            ("../x", false),
            ("2026", false),
            ("20261201-220000-00abc", false),
            ("a b", false),
        ] {
            assert_eq!(text.parse::<RunName>().is_ok(), is_name, "{text}");
        }
    }
}
