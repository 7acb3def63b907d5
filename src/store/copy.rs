//! The copy of a run's input: made from a file at once, or of a stream as it is
//! read.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::error::StoreError;
use crate::domain::count::Digits;
use crate::domain::file_state::FileState;

/// What a copy holds: its length, and its SHA-256 in hexadecimal digits.
pub(crate) type Contents = (u64, String);

/// What failed while a file was copied.
enum Failed {
    Read(io::Error),
    Write(io::Error),
}

/// Copies `from` to a new file, and makes it last.
fn copy(from: &mut dyn Read, to: &Path) -> Result<Contents, Failed> {
    let mut file = File::create_new(to).map_err(Failed::Write)?;
    let (mut bytes, mut hash) = (0, Sha256::new());
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failed::Read(error)),
        };
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(Failed::Write)?;
        bytes += count as u64;
    }
    file.sync_all().map_err(Failed::Write)?;
    Ok((bytes, hexadecimal(&hash)))
}

/// Copies the file `from`.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<Contents, StoreError> {
    let mut steady = Steady::open(from)?;
    let contents = copy(&mut steady.file, to).map_err(|failed| match failed {
        Failed::Read(source) => steady.cannot_read(source),
        Failed::Write(source) => StoreError::Write { path: to.to_owned(), source },
    })?;
    steady.check()?;
    Ok(contents)
}

/// A file that is to be copied, and may not be changed meanwhile: a row could be cut in the
/// middle, and what is left of `12345` is a valid other task.
pub(super) struct Steady<'a> {
    path: &'a Path,
    /// The file, at the place up to which it was read.
    pub file: File,
    before: FileState,
}

impl<'a> Steady<'a> {
    /// Opens it.
    pub(super) fn open(path: &'a Path) -> Result<Self, StoreError> {
        let read = |source| StoreError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        let meta = file.metadata().map_err(read)?;
        if meta.is_dir() {
            return Err(read(io::ErrorKind::IsADirectory.into()));
        }
        Ok(Self { path, file, before: FileState::of(&meta) })
    }

    /// Returns the error of a read that failed.
    pub(super) fn cannot_read(&self, source: io::Error) -> StoreError {
        StoreError::Read { path: self.path.to_owned(), source }
    }

    /// Returns an error if the file was changed since it was opened.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let meta = self.file.metadata().map_err(|source| self.cannot_read(source))?;
        if FileState::of(&meta) == self.before {
            return Ok(());
        }
        Err(StoreError::ChangedMeanwhile { path: self.path.to_owned() })
    }
}

/// Whether a copy may hold more than what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// It may not.
    Complete,
    /// It may: it grew until a crash, and more was read than could be noted.
    Grew,
}

/// Checks whether a copy still begins with what it held, as far as that is `known`, and
/// returns what it holds now.
pub(crate) fn check_copy(
    path: &Path,
    known: Option<(u64, &str)>,
    growth: Growth,
) -> Result<Contents, StoreError> {
    let bytes = known.map_or(0, |(bytes, _)| bytes);
    let failed = |source| StoreError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let changed = |what| Err(StoreError::CopyChanged { path: path.to_owned(), what });
    let found = file.metadata().map_err(failed)?.len();
    let may_be_more = growth == Growth::Grew || known.is_none();
    if found < bytes || (found > bytes && !may_be_more) {
        let had = Digits::Plain.counted(bytes, "byte", "bytes");
        return changed(format!("it had {had}, and now has {found}"));
    }
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut hash = Sha256::new();
    io::copy(&mut reader.by_ref().take(bytes), &mut Hashing(&mut hash)).map_err(failed)?;
    if known.is_some_and(|(_, sha256)| hexadecimal(&hash) != sha256) {
        return changed("its content is another".into());
    }
    let more = io::copy(&mut reader, &mut Hashing(&mut hash)).map_err(failed)?;
    Ok((bytes + more, hexadecimal(&hash)))
}

struct Hashing<'a>(&'a mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hexadecimal(hash: &Sha256) -> String {
    use std::fmt::Write as _;
    hash.clone().finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A stream that is copied while it is read. A row is handed out only after all of
/// it was read, so it is in the copy by then, and the copy is on disk.
pub(crate) struct Tee {
    source: Box<dyn Read + Send>,
    copy: File,
    last: u8,
    state: Arc<TeeState>,
}

/// What is known of a [`Tee`], for those who do not read it.
#[derive(Debug, Default)]
pub struct TeeState {
    contents: Mutex<(u64, Sha256)>,
    /// Length at the last call of [`news`](Self::news).
    known: AtomicU64,
}

impl TeeState {
    /// What the copy holds by now.
    #[must_use]
    pub fn contents(&self) -> Contents {
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        (contents.0, hexadecimal(&contents.1))
    }

    /// Returns what the copy holds, if it has grown since the last call.
    #[must_use]
    pub fn news(&self) -> Option<Contents> {
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known.swap(contents.0, Ordering::Relaxed);
        (contents.0 > known).then(|| (contents.0, hexadecimal(&contents.1)))
    }
}

impl Tee {
    /// Copies `source` to a new file at `to`.
    pub(crate) fn new(source: Box<dyn Read + Send>, to: &Path) -> Result<Self, StoreError> {
        let made = File::create_new(to);
        let copy = made.map_err(|source| StoreError::Write { path: to.to_owned(), source })?;
        Ok(Self { source, copy, last: b'\n', state: Arc::default() })
    }

    /// What is known of it, also while it is read.
    #[must_use]
    pub(crate) fn state(&self) -> Arc<TeeState> {
        Arc::clone(&self.state)
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(last) = bytes.last() else { return Ok(()) };
        self.last = *last;
        let kept = self.copy.write_all(bytes).and_then(|()| self.copy.sync_data());
        kept.map_err(|error| {
            io::Error::new(error.kind(), format!("the copy in the run's folder: {error}"))
        })?;
        let mut contents = self.state.contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents.0 += bytes.len() as u64;
        contents.1.update(bytes);
        Ok(())
    }
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if count > 0 {
            self.keep(&buffer[..count])?;
        } else if !buffer.is_empty() && self.last != b'\n' {
            // Without it, the last row of a whole input would look like a torn one.
            self.keep(b"\n")?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Unnamed;
    use std::io::Cursor;

    #[test]
    fn a_changed_copy_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&from, "2,3\n").unwrap();
        let (bytes, sha256) = copy_file(&from, &to).unwrap();
        assert_eq!(bytes, 4);
        let check = |growth| check_copy(&to, Some((bytes, &sha256)), growth);
        assert_eq!(check(Growth::Complete).unwrap(), (bytes, sha256.clone()));
        let other = "its content is another";
        for (text, complete, grew) in [
            ("2,4\n", Some(other), Some(other)),
            ("2,3\n2,4\n", Some("had 4 bytes, and now has 8"), None),
            ("2,4\n2,3\n", Some("had 4 bytes, and now has 8"), Some(other)),
            ("2,3", Some("had 4 bytes, and now has 3"), Some("had 4 bytes, and now has 3")),
        ] {
            std::fs::write(&to, text).unwrap();
            for (growth, what) in [(Growth::Complete, complete), (Growth::Grew, grew)] {
                let error = check(growth).err().map(|error| error.to_string());
                let says = error.as_ref().zip(what).is_some_and(|(e, what)| e.contains(what));
                assert!(says || (error.is_none() && what.is_none()), "{text} {growth:?} {error:?}");
            }
        }
    }

    #[test]
    fn a_file_that_grows_while_it_is_copied_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("a");
        std::fs::write(&from, "2,12345\n").unwrap();
        let steady = Steady::open(&from).unwrap();
        steady.check().unwrap();
        let mut file = File::options().append(true).open(&from).unwrap();
        file.write_all(b"2,12346\n").unwrap();
        let error = steady.check().unwrap_err();
        assert!(matches!(error, StoreError::ChangedMeanwhile { .. }), "{error}");
        Unnamed::of(&from).unwrap();
        copy_file(&from, &folder.path().join("b")).unwrap();
    }

    #[test]
    fn what_is_read_is_in_the_copy_with_a_last_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("copy");
        let mut tee = Tee::new(Box::new(Cursor::new("2,3\n2,4")), &to).unwrap();
        let mut part = [0; 5];
        tee.read_exact(&mut part).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"2,3\n2");
        let mut rest = String::new();
        tee.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, ",4");
        assert_eq!(std::fs::read(&to).unwrap(), b"2,3\n2,4\n");
        let (bytes, sha256) = tee.state().contents();
        check_copy(&to, Some((bytes, &sha256)), Growth::Complete).unwrap();
        assert_eq!(tee.state().news(), Some((bytes, sha256)));
        assert_eq!(tee.state().news(), None, "it has not grown since");
    }
}
