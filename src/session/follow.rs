//! The report of a run that goes on: what is settled by now, and then each row as it is settled.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::replay::{ReplayError, replay_unsettled};
use super::rewrite::Rewrite;
use super::run::Run;
use crate::journal::Position;
use crate::store::Lock;

/// Whether anybody still reads the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Reads,
    Gone,
}

/// Writes the rows of a run in the order in which they are settled, until no process works on it
/// any more; then those that it left open, in the order of the input. Each time that all is
/// written, `wait` waits a while, and says whether anybody still reads. Returns whether somebody
/// read it to the end.
pub(crate) fn follow(
    run: &Run,
    into: &mut Rewrite,
    wait: &mut dyn FnMut() -> Reader,
) -> Result<Reader, SessionError> {
    let mut written = Position::default();
    loop {
        // A process that ends after this look has written all that it settles before the next.
        let is_live = Lock::holder(&run.folder.path)?.is_some();
        if is_live && written == Position::default() && is_between_sessions(run)? {
            // The next session may take rows up again that are settled now.
            if wait() == Reader::Gone {
                return Ok(Reader::Gone);
            }
            continue;
        }
        let last = run.journal.last_position()?;
        run.journal.replay_between((written, last), &mut |record| {
            into.write(&record).map_err(ReplayError::from)
        })?;
        written = last;
        into.flush()?;
        if !is_live {
            // The input may have ended since the run was opened.
            replay_unsettled(&Run::open(&run.folder)?, into)?;
        }
        if into.reports.is_empty() {
            return Ok(Reader::Gone);
        }
        if !is_live {
            return Ok(Reader::Reads);
        }
        if wait() == Reader::Gone {
            return Ok(Reader::Gone);
        }
    }
}

/// Whether the last session has ended, and none has begun since.
fn is_between_sessions(run: &Run) -> Result<bool, SessionError> {
    Ok(run.journal.sessions()?.last().is_none_or(|last| last.ended.is_some()))
}

/// Refuses a report that nobody would see before its end: a file appears once it is complete.
pub(crate) fn check_outputs(outputs: &[PathBuf]) -> Result<(), FollowedFile> {
    let is_stream = |path: &Path| {
        let is_special = |meta: std::fs::Metadata| !meta.is_file() && !meta.is_dir();
        path.as_os_str() == "-" || path.metadata().is_ok_and(is_special)
    };
    match outputs.iter().find(|path| !is_stream(path)) {
        Some(path) => Err(FollowedFile { path: path.clone() }),
        None => Ok(()),
    }
}

/// A report that is to grow while its run goes on is a file.
#[derive(Debug, Error)]
#[error(
    "--follow writes to standard output (-o -) or a named pipe, and not to the file {}; the report \
     that the run itself writes grows, too: runs show names it",
    path.display()
)]
pub(crate) struct FollowedFile {
    path: PathBuf,
}

impl Refusal for FollowedFile {}
