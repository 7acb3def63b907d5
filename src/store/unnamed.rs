//! A copy of an input that nobody else sees, for a run of which nothing is kept.

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::copy::Steady;
use super::error::StoreError;

/// Maximum length of a copy that is held in memory, in bytes. Most lists are shorter, and
/// are launched without a disk that can be written.
const MAX_IN_MEMORY: u64 = 1 << 20;

/// A copy of an input without a name. A file goes away when the process ends, however that
/// ends.
#[derive(Clone, Debug)]
pub(crate) enum Unnamed {
    /// A short one.
    Memory(Arc<[u8]>),
    /// A long one.
    File(Arc<File>),
}

impl Unnamed {
    /// Copies the file `from`.
    pub(crate) fn of(from: &Path) -> Result<Self, StoreError> {
        let mut steady = Steady::open(from)?;
        let mut start = Vec::new();
        let read = (&steady.file).take(MAX_IN_MEMORY).read_to_end(&mut start);
        let count = read.map_err(|source| steady.cannot_read(source))?;
        let copy = if (count as u64) < MAX_IN_MEMORY {
            Self::Memory(start.into())
        } else {
            let failed = |source| StoreError::Temporary { path: std::env::temp_dir(), source };
            let mut to = tempfile::tempfile().map_err(failed)?;
            to.write_all(&start).map_err(failed)?;
            io::copy(&mut steady.file, &mut to).map_err(failed)?;
            Self::File(Arc::new(to))
        };
        steady.check()?;
        Ok(copy)
    }

    /// Returns a reader that stands at the first byte, whatever others have read.
    #[must_use]
    pub(crate) fn reader(&self) -> Box<dyn Read + Send> {
        match self {
            Self::Memory(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Self::File(file) => Box::new(FromStart { file: Arc::clone(file), at: 0 }),
        }
    }
}

/// Reads a file at a place of its own.
struct FromStart {
    file: Arc<File>,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_inputs_are_read_again_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for (rows, is_short) in [(0, true), (3, true), (200_000, false)] {
            let text = "2,12345\n".repeat(rows);
            std::fs::write(&path, &text).unwrap();
            let copy = Unnamed::of(&path).unwrap();
            assert_eq!(matches!(copy, Unnamed::Memory(_)), is_short, "{rows}");
            std::fs::write(&path, "9,9\n").unwrap();
            let (mut one, mut other) = (copy.reader(), copy.reader());
            for reader in [&mut one, &mut other] {
                let mut read = String::new();
                reader.read_to_string(&mut read).unwrap();
                assert!(read == text, "{rows}");
            }
        }
    }
}
