//! A report that grows beside the older one that it will replace, as `NAME.RUN.part`.
//!
//! Until it is complete the older one stays as it is, whatever happens.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::disk::close;
use super::error::ReportError;
use super::name::IfExists;
use crate::domain::file_state::FileState;
use crate::domain::request_id::RunId;

/// A file that grows beside a report and replaces it at the end.
///
/// It is removed when dropped, unless it came to its place or is kept for people.
#[derive(Debug)]
pub(super) struct PartFile {
    path: PathBuf,
    /// Path of the report, with links followed.
    target: PathBuf,
    /// What was there when it was made.
    before: Option<FileState>,
    /// Holds the lock that keeps other processes from writing the same file.
    lock: File,
    is_over: bool,
}

impl PartFile {
    /// Returns where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it for the report at `path`, with mode and group of what is there.
    pub(super) fn make(
        path: &Path,
        existing: IfExists,
        run: &RunId,
    ) -> Result<(File, Self), ReportError> {
        let is_there = path.symlink_metadata().is_ok();
        if is_there && existing == IfExists::Refuse {
            return Err(ReportError::Exists { path: path.to_owned() });
        }
        let target = followed(path);
        let old = match OpenOptions::new().write(true).open(&target) {
            // A report that may not be written is not replaced either.
            Ok(old) => Some(old.metadata().map_err(|source| ReportError::of_open(path, source))?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(ReportError::of_open(path, error)),
        };
        let part = part_path(&target, run);
        let made = make_alone(&part, old.as_ref().map_or(0o666, |old| old.mode() & 0o777));
        let made = made.and_then(|file| {
            if let Some(old) = &old {
                // As far as the system permits: only root may give a file away.
                drop(fchown(&file, None, Some(old.gid())));
                drop(fchown(&file, Some(old.uid()), None));
                file.set_permissions(old.permissions())?;
            }
            let lock = file.try_clone()?;
            Ok((file, lock))
        });
        let (file, lock) = made.map_err(|source| match source.kind() {
            ErrorKind::ResourceBusy => ReportError::Busy { path: path.to_owned() },
            ErrorKind::NotFound => ReportError::of_open(path, source),
            _ => ReportError::Part { path: path.to_owned(), part: part.clone(), source },
        })?;
        let before = old.as_ref().map(FileState::of);
        Ok((file, Self { path: part, target, before, lock, is_over: false }))
    }

    /// Replaces what is at the report's place, unless somebody changed that since.
    /// Returns the place.
    pub(super) fn put_in_place(mut self, path: &Path) -> Result<PathBuf, ReportError> {
        let now = FileState::of_path(&self.target);
        if now.is_some() && now != self.before {
            return Err(self.keep(path, "somebody changed it meanwhile"));
        }
        if let Err(error) = fs::rename(&self.path, &self.target) {
            // A file that is mounted, say into a container, can be written, but not replaced.
            if let Err(second) = self.copy_over() {
                let why = format!("it can be neither replaced ({error}) nor written ({second})");
                return Err(self.keep(path, &why));
            }
            drop(fs::remove_file(&self.path));
        }
        self.is_over = true;
        Ok(std::mem::take(&mut self.target))
    }

    /// Writes the same bytes, with the same time, over what is at the report's place.
    fn copy_over(&self) -> io::Result<()> {
        let mut from = File::open(&self.path)?;
        let mut to = OpenOptions::new().write(true).truncate(true).open(&self.target)?;
        io::copy(&mut from, &mut to)?;
        to.set_modified(from.metadata()?.modified()?)?;
        to.sync_all()?;
        close(to)
    }

    /// Leaves it where it is, for people to find.
    fn keep(&mut self, path: &Path, why: &str) -> ReportError {
        self.is_over = true;
        let (path, part, why) = (path.to_owned(), self.path.clone(), why.to_owned());
        ReportError::Misplaced { path, part, why }
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        let is_ours = || {
            let meta = self.lock.metadata().ok()?;
            Some(FileState::of_path(&self.path)?.is_same_file(&FileState::of(&meta)))
        };
        if !self.is_over && is_ours() == Some(true) {
            // What cannot be removed now is overwritten by the next session.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Returns the file in which the report at `target` grows: `report.csv.RUN.part`.
fn part_path(target: &Path, run: &RunId) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{run}.part"));
    target.with_file_name(name)
}

/// Maximum number of symbolic links followed, as the kernel has it.
const MAX_LINKS: usize = 40;

/// Returns where the symbolic links at `path` lead, also if nothing is there.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(to) => path = path.parent().unwrap_or(&path).join(to),
            Err(_) => break,
        }
    }
    path
}

/// Makes a file that nobody else writes, and locks it. What a crash left there goes away;
/// if a process still writes that, the error is [`ErrorKind::ResourceBusy`].
fn make_alone(path: &Path, mode: u32) -> io::Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let file = match create() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if is_being_written(path) {
                return Err(ErrorKind::ResourceBusy.into());
            }
            fs::remove_file(path)?;
            create()?
        }
        created => created?,
    };
    // Some network file systems have no locks; the names differ by run all the same.
    drop(file.try_lock());
    Ok(file)
}

/// Removes what a crash of `run` left beside the report at `path`, unless that is being
/// written.
pub(crate) fn remove_leftover(path: &Path, run: &RunId) {
    let part = part_path(&followed(path), run);
    if part.is_file() && !is_being_written(&part) {
        // What cannot be removed does no harm.
        drop(fs::remove_file(part));
    }
}

fn is_being_written(path: &Path) -> bool {
    let is_file = path.symlink_metadata().is_ok_and(|meta| meta.is_file());
    let locked = || File::open(path).map(|file| file.try_lock_shared());
    is_file && matches!(locked(), Ok(Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests;
