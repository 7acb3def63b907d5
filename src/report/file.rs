//! The file of a report, from its first byte until it is safe on disk.
//!
//! A new run writes in place. A report that may replace an older one grows beside it, as
//! `NAME.RUN.part`, and replaces it once it is complete: until then the older one stays as
//! it is, whatever happens.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;

use super::{Existing, Name, ReportError};
use crate::file_state::FileState;
use crate::report_note::BegunReport;
use crate::request_id::RunId;

/// Where a report is written.
#[derive(Clone, Copy, Debug)]
pub enum Placement<'a> {
    /// At its path, from the first line on.
    InPlace,
    /// Beside its path until it is complete, in a file named after this run.
    Beside(&'a RunId),
}

/// A report's file that is being written.
#[derive(Debug)]
pub struct OutputFile {
    /// The report, as it was named.
    path: PathBuf,
    /// Shared with the writer, so that there is one descriptor, whose close tells all.
    shared: Arc<Shared>,
    kind: Kind,
}

#[derive(Debug)]
struct Shared {
    file: File,
    /// Whether somebody else wrote to it or cut it.
    is_changed: AtomicBool,
}

/// Writes to the file, and looks before whether that is as long as it was left: what
/// others do to it may not be seen any more at the end.
struct Writer {
    shared: Arc<Shared>,
    is_special: bool,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Shared { file, is_changed } = &*self.shared;
        let mut file = file;
        if !self.is_special && file.metadata()?.len() != file.stream_position()? {
            is_changed.store(true, Ordering::Relaxed);
        }
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
enum Kind {
    /// A pipe or a device, which holds nothing that could be lost.
    Special,
    /// A file at the report's path; if `is_new`, it was made just now.
    InPlace {
        is_new: bool,
    },
    Beside(Part),
}

/// A file that grows beside a report and replaces it at the end.
///
/// It is removed when dropped, unless it came to its place or is kept for people.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    /// Where it belongs: the report's path, links followed.
    target: PathBuf,
    /// What was there when it was made.
    before: Option<FileState>,
    /// Holds the lock that keeps other processes from writing the same file.
    lock: File,
    is_over: bool,
}

impl OutputFile {
    /// Opens the report at `path`; a pipe or a device is always written in place.
    pub fn open(
        path: &Path,
        existing: Existing,
        placement: Placement<'_>,
    ) -> Result<Self, ReportError> {
        let is_special = path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
        let (file, kind) = match placement {
            _ if is_special => {
                let file = OpenOptions::new().write(true).open(path);
                (file.map_err(|source| cannot_open(path, source))?, Kind::Special)
            }
            Placement::InPlace => {
                let mut options = OpenOptions::new();
                match existing {
                    Existing::Overwrite => options.write(true).create(true).truncate(true),
                    Existing::Refuse => options.write(true).create_new(true),
                };
                let file = options.open(path).map_err(|source| cannot_open(path, source))?;
                (file, Kind::InPlace { is_new: existing == Existing::Refuse })
            }
            Placement::Beside(run) => {
                let (file, part) = Part::make(path, existing, run)?;
                (file, Kind::Beside(part))
            }
        };
        let shared = Arc::new(Shared { file, is_changed: AtomicBool::new(false) });
        Ok(Self { path: path.to_owned(), shared, kind })
    }

    /// Returns the report, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is to be known of it before it is written to; nothing of a pipe or a
    /// device.
    pub fn begun(&self) -> Option<BegunReport> {
        let in_place = match self.kind {
            Kind::Special => return None,
            Kind::InPlace { .. } => Some(FileState::of(&self.shared.file.metadata().ok()?)),
            Kind::Beside(_) => None,
        };
        Some(BegunReport { path: self.path.clone(), in_place })
    }

    /// Returns what the report is to be written to.
    pub fn writer(&self) -> Box<dyn Write + Send> {
        let is_special = matches!(self.kind, Kind::Special);
        Box::new(Writer { shared: Arc::clone(&self.shared), is_special })
    }

    /// Notes that the folder `from` will be called `to`.
    pub fn folder_renamed(&mut self, from: &Path, to: &Path) {
        if let Ok(rest) = self.path.strip_prefix(from) {
            self.path = to.join(rest);
        }
    }

    /// Removes what was made for a report that will not be written.
    pub fn discard(self) {
        if let Kind::InPlace { is_new: true } = self.kind {
            drop(fs::remove_file(&self.path));
        }
    }

    /// Returns how the file is left that was written in place, if it is still there.
    pub fn left(self) -> Option<(PathBuf, FileState)> {
        let left = FileState::of(&self.shared.file.metadata().ok()?);
        let is_there = FileState::of_path(&self.path)? == left;
        let is_in_place = matches!(self.kind, Kind::InPlace { .. });
        (is_in_place && is_there).then_some((self.path, left))
    }

    /// Makes what was written last, and checks that it is still where it was written to.
    /// The writer must be gone by now.
    pub fn seal(self) -> Result<SealedFile, ReportError> {
        let Self { path, shared, kind } = self;
        let failed = |source| ReportError::Write { name: Name::File(path.clone()), source };
        let shared = Arc::into_inner(shared);
        let Shared { file, is_changed } =
            shared.ok_or_else(|| failed(io::Error::other("it is still being written")))?;
        let part = match kind {
            Kind::Special => {
                close(file).map_err(failed)?;
                return Ok(SealedFile { path, state: None, part: None });
            }
            Kind::InPlace { .. } => None,
            Kind::Beside(part) => Some(part),
        };
        file.sync_all().map_err(failed)?;
        let written_to = part.as_ref().map_or(&path, |part| &part.path);
        let state = still_there(&file, written_to, is_changed.into_inner()).map_err(failed)?;
        let state = state.map_err(|what| ReportError::Lost { path: written_to.clone(), what })?;
        close(file).map_err(failed)?;
        Ok(SealedFile { path, state: Some(state), part })
    }
}

/// A report's file that is complete and on disk, but perhaps not in its place yet.
#[derive(Debug)]
pub struct SealedFile {
    path: PathBuf,
    state: Option<FileState>,
    part: Option<Part>,
}

impl SealedFile {
    /// Returns the report as it was named, and the state that its file has and will keep
    /// in its place; `None` for a pipe or a device.
    pub fn state(&self) -> Option<(PathBuf, FileState)> {
        Some((self.path.clone(), self.state?))
    }

    /// Puts the report in its place, if it is not there yet.
    ///
    /// # Errors
    ///
    /// Returns an error if something else stands there by now, or the system refuses.
    pub fn put_in_place(self) -> Result<(), ReportError> {
        let Self { path, state, part } = self;
        if state.is_none() {
            return Ok(());
        }
        let target = match part {
            None => path.clone(),
            Some(part) => part.put_in_place(&path)?,
        };
        let name = Name::File(path);
        sync_folder_of(&target).map_err(|source| ReportError::Write { name, source })
    }
}

impl Part {
    fn make(path: &Path, existing: Existing, run: &RunId) -> Result<(File, Self), ReportError> {
        let is_there = path.symlink_metadata().is_ok();
        if is_there && existing == Existing::Refuse {
            return Err(ReportError::Exists { path: path.to_owned() });
        }
        let target = followed(path);
        let old = match OpenOptions::new().write(true).open(&target) {
            // A report that may not be written is not replaced either.
            Ok(old) => Some(old.metadata().map_err(|source| cannot_open(path, source))?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(cannot_open(path, error)),
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
            ErrorKind::NotFound => cannot_open(path, source),
            _ => ReportError::Part { path: path.to_owned(), part: part.clone(), source },
        })?;
        let before = old.as_ref().map(FileState::of);
        Ok((file, Self { path: part, target, before, lock, is_over: false }))
    }

    /// Replaces what is at the report's place, unless somebody changed that since.
    /// Returns the place.
    fn put_in_place(mut self, path: &Path) -> Result<PathBuf, ReportError> {
        let now = FileState::of_path(&self.target);
        if now.is_some() && now != self.before {
            return Err(self.keep(path, "somebody changed that meanwhile, so it was left alone"));
        }
        if let Err(error) = fs::rename(&self.path, &self.target) {
            // A file that is mounted, say into a container, can be written, but not replaced.
            if let Err(second) = self.copy_over() {
                let why = format!("that can be neither replaced ({error}) nor written ({second})");
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

impl Drop for Part {
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

fn cannot_open(path: &Path, source: io::Error) -> ReportError {
    match source.kind() {
        ErrorKind::AlreadyExists => ReportError::Exists { path: path.to_owned() },
        _ => ReportError::Open { path: path.to_owned(), source },
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
pub fn remove_leftover(path: &Path, run: &RunId) {
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

/// Returns the state of `file` if it is what stands at `path`, as it was written, else what
/// somebody did to it.
fn still_there(
    mut file: &File,
    path: &Path,
    is_changed: bool,
) -> io::Result<Result<FileState, &'static str>> {
    let state = FileState::of(&file.metadata()?);
    let is_changed = is_changed || state.bytes != file.stream_position()?;
    Ok(match FileState::of_path(path) {
        None => Err("removed"),
        Some(there) if !there.is_same_file(&state) => Err("replaced by another file"),
        Some(_) if is_changed => Err("changed by somebody else"),
        Some(_) => Ok(state),
    })
}

/// Closes `file`, and tells what a drop would not: some file systems write, or find that
/// there is no room, only now.
fn close(file: File) -> io::Result<()> {
    match nix::unistd::close(file) {
        // Linux has closed it even so.
        Ok(()) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes the entry of `path` in its folder last, if the file system can say so.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    synced.or_else(|error| match error.kind() {
        // A folder that may not be read, or one that cannot be synced at all.
        ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests;
