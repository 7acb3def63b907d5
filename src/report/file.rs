//! The file of a report, from its first byte until it is safe on disk.
//!
//! A new run writes in place; a report that may replace an older one is a [`PartFile`] beside
//! it until it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::disk::{close, sync_folder_of};
use super::error::ReportError;
use super::name::{IfExists, ReportName};
use super::part::PartFile;
use crate::domain::file_state::FileState;
use crate::domain::report_note::{BegunReport, LeftReport, ReportExtent};
use crate::domain::request_id::RunId;

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
pub(super) struct OutputFile {
    /// The report, as it was named.
    path: PathBuf,
    /// Shared with the writer, so that there is one descriptor, whose close tells all.
    shared: Arc<SharedFile>,
    kind: OutputKind,
}

#[derive(Debug)]
struct SharedFile {
    file: File,
    /// Whether somebody else wrote to it or cut it.
    is_changed: AtomicBool,
}

/// Writes to the file, and looks before whether that is as long as it was left: what
/// others do to it may not be seen any more at the end.
struct Writer {
    shared: Arc<SharedFile>,
    is_special: bool,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let SharedFile { file, is_changed } = &*self.shared;
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
enum OutputKind {
    /// A pipe or a device, which holds nothing that could be lost.
    Special,
    /// A file at the report's path; if `is_new`, it was made just now.
    InPlace {
        is_new: bool,
    },
    Beside(PartFile),
}

impl OutputFile {
    /// Opens the report at `path`; a pipe or a device is always written in place.
    pub(super) fn open(
        path: &Path,
        existing: IfExists,
        placement: Placement<'_>,
    ) -> Result<Self, ReportError> {
        let is_special = path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
        let (file, kind) = match placement {
            _ if is_special => {
                let file = OpenOptions::new().write(true).open(path);
                (file.map_err(|source| ReportError::of_open(path, source))?, OutputKind::Special)
            }
            Placement::InPlace => {
                let mut options = OpenOptions::new();
                match existing {
                    IfExists::Overwrite => options.write(true).create(true).truncate(true),
                    IfExists::Refuse => options.write(true).create_new(true),
                };
                let file =
                    options.open(path).map_err(|source| ReportError::of_open(path, source))?;
                (file, OutputKind::InPlace { is_new: existing == IfExists::Refuse })
            }
            Placement::Beside(run) => {
                let (file, part) = PartFile::make(path, existing, run)?;
                (file, OutputKind::Beside(part))
            }
        };
        let shared = Arc::new(SharedFile { file, is_changed: AtomicBool::new(false) });
        Ok(Self { path: path.to_owned(), shared, kind })
    }

    /// Returns the report, as it was named.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is to be known of it before it is written to; nothing of a pipe or a
    /// device.
    pub(super) fn begun(&self) -> Option<BegunReport> {
        let in_place = match self.kind {
            OutputKind::Special => return None,
            OutputKind::InPlace { .. } => Some(FileState::of(&self.shared.file.metadata().ok()?)),
            OutputKind::Beside(_) => None,
        };
        Some(BegunReport { path: self.path.clone(), in_place })
    }

    /// Returns what the report is to be written to.
    pub(super) fn writer(&self) -> Box<dyn Write + Send> {
        let is_special = matches!(self.kind, OutputKind::Special);
        Box::new(Writer { shared: Arc::clone(&self.shared), is_special })
    }

    /// Notes that the folder `from` will be called `to`.
    pub(super) fn folder_renamed(&mut self, from: &Path, to: &Path) {
        if let Ok(rest) = self.path.strip_prefix(from) {
            self.path = to.join(rest);
        }
    }

    /// Removes what was made for a report that will not be written.
    pub(super) fn discard(self) {
        if let OutputKind::InPlace { is_new: true } = self.kind {
            drop(fs::remove_file(&self.path));
        }
    }

    /// Returns how the file is left that was written in place and given up, if it is still there.
    pub(super) fn torn(self) -> Option<LeftReport> {
        let file = FileState::of(&self.shared.file.metadata().ok()?);
        let is_there = FileState::of_path(&self.path)? == file;
        let is_in_place = matches!(self.kind, OutputKind::InPlace { .. });
        let left = LeftReport { path: self.path, file, extent: ReportExtent::Torn };
        (is_in_place && is_there).then_some(left)
    }

    /// Makes what was written last, and checks that it is still where it was written to.
    /// The writer must be gone by now.
    pub(super) fn seal(self) -> Result<SealedFile, ReportError> {
        let Self { path, shared, kind } = self;
        let failed = |source| ReportError::Write { name: ReportName::File(path.clone()), source };
        let shared = Arc::into_inner(shared);
        let SharedFile { file, is_changed } =
            shared.ok_or_else(|| failed(io::Error::other("it is still being written")))?;
        let part = match kind {
            OutputKind::Special => {
                close(file).map_err(failed)?;
                return Ok(SealedFile { path, state: None, part: None });
            }
            OutputKind::InPlace { .. } => None,
            OutputKind::Beside(part) => Some(part),
        };
        file.sync_all().map_err(failed)?;
        let written_to = part.as_ref().map_or(&*path, PartFile::path);
        let state = still_there(&file, written_to, is_changed.into_inner()).map_err(failed)?;
        let state =
            state.map_err(|what| ReportError::Lost { path: written_to.to_owned(), what })?;
        close(file).map_err(failed)?;
        Ok(SealedFile { path, state: Some(state), part })
    }
}

/// A report's file that is complete and on disk, but perhaps not in its place yet.
#[derive(Debug)]
pub(super) struct SealedFile {
    path: PathBuf,
    state: Option<FileState>,
    part: Option<PartFile>,
}

impl SealedFile {
    /// Returns the report as it is, and will stay in its place; `None` for a pipe or a device.
    pub(super) fn left(&self) -> Option<LeftReport> {
        let (path, file) = (self.path.clone(), self.state?);
        Some(LeftReport { path, file, extent: ReportExtent::Whole })
    }

    /// Puts the report in its place, if it is not there yet.
    pub(super) fn put_in_place(self) -> Result<(), ReportError> {
        let Self { path, state, part } = self;
        if state.is_none() {
            return Ok(());
        }
        let target = match part {
            None => path.clone(),
            Some(part) => part.put_in_place(&path)?,
        };
        let name = ReportName::File(path);
        sync_folder_of(&target).map_err(|source| ReportError::Write { name, source })
    }
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

#[cfg(test)]
mod tests;
