//! Who works on a run: one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// A lock that is held longer is held by somebody who works.
const MAX_LOCK_WAIT: Duration = Duration::from_millis(200);

/// The right to work on a run, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    #[expect(dead_code, reason = "it is held, not read")]
    file: File,
}

/// The process that works on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its id, if it has written it down.
    pub pid: Option<u32>,
}

impl Lock {
    /// Takes the lock of the run in `folder`, or says who has it.
    pub(crate) fn take(folder: &Path) -> io::Result<Result<Self, Holder>> {
        let path = folder.join("lock");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Whoever asks for the holder holds it too, for a moment.
                Err(TryLockError::WouldBlock) if begun.elapsed() < MAX_LOCK_WAIT => {
                    std::thread::sleep(MAX_LOCK_WAIT / 20);
                }
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    drop(file.read_to_string(&mut text));
                    return Ok(Err(Holder { pid: text.trim().parse().ok() }));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Ok(Self { file }))
    }

    /// Who works on the run in `folder` now, without taking anything.
    pub(crate) fn holder(folder: &Path) -> io::Result<Option<Holder>> {
        let mut file = match File::open(folder.join("lock")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text)?;
                Ok(Some(Holder { pid: text.trim().parse().ok() }))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_second_is_told_who_was_first() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder(folder.path()).unwrap(), None);
        let lock = Lock::take(folder.path()).unwrap().unwrap();
        let me = Holder { pid: Some(std::process::id()) };
        assert_eq!(Lock::take(folder.path()).unwrap().unwrap_err(), me);
        assert_eq!(Lock::holder(folder.path()).unwrap(), Some(me));
        drop(lock);
        assert_eq!(Lock::holder(folder.path()).unwrap(), None);
        assert!(Lock::take(folder.path()).unwrap().is_ok());
    }
}
