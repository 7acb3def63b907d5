//! The reports of a run, which a resume overwrites if they are as the run left them.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::run::Run;
use crate::domain::count::Digits;
use crate::domain::file_state::FileState;
use crate::domain::report_note::ReportNote;
use crate::report::{self, IfExists};

/// Returns what to do with a file that is at `output`; an error if the run wrote it and
/// somebody changed it since.
pub(crate) fn existing(run: &Run, output: &Path) -> Result<IfExists, SessionError> {
    let notes = run.journal.report_notes(output)?;
    let Some(meta) = output.metadata().ok().filter(std::fs::Metadata::is_file) else {
        return Ok(IfExists::Refuse);
    };
    let now = FileState::of(&meta);
    match notes.last() {
        None => Ok(IfExists::Refuse),
        Some(_) if notes.iter().any(|note| note.is_of(&now)) => Ok(IfExists::Overwrite),
        Some(last) => Err(Edited { path: output.to_owned(), last: *last, now }.into()),
    }
}

/// Removes what crashes left beside reports of the run, except beside `outputs`, which are
/// written anew.
pub(crate) fn remove_leftovers(run: &Run, outputs: &[PathBuf]) -> Result<(), SessionError> {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    for path in run.journal.report_paths()? {
        if !outputs.iter().any(|output| absolute(output) == path) {
            report::remove_leftover(&path, &run.folder.id);
        }
    }
    Ok(())
}

/// A report of the run is not as the run left it.
#[derive(Debug, Error)]
#[error(
    "{} was changed since this run wrote it ({}), so nothing was sent; write another file with \
     -o, or overwrite this one with --force",
    path.display(),
    difference(last, now)
)]
pub(crate) struct Edited {
    path: PathBuf,
    last: ReportNote,
    now: FileState,
}

/// Says what is different.
fn difference(last: &ReportNote, now: &FileState) -> String {
    let counted = |bytes| Digits::Plain.counted(bytes, "byte", "bytes");
    let written = time(of_nanos(now.modified));
    let changed = format!("now it has {}, written at {written}", counted(now.bytes));
    match *last {
        ReportNote::Left { bytes, modified, extent: _ } => {
            let written = time(of_nanos(modified));
            format!("it had {}, written at {written}; {changed}", counted(bytes))
        }
        ReportNote::Unfinished { last_commit, .. } => {
            format!("the run last wrote to it at {}; {changed}", time(last_commit))
        }
    }
}

fn of_nanos(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanos.into()).unwrap_or_default()
}

fn time(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

impl Refusal for Edited {}
