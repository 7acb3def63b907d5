//! The report of a run that goes on: what is settled by now, and then each row as it is settled.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::replay::{ReplayError, write_unsettled};
use super::rewrite::Rewrite;
use super::run::Run;
use crate::domain::request_id::RunId;
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
    let mut followed = Followed::default();
    loop {
        // A process that ends after this look has written all that it settles before the next.
        let is_live = Lock::holder(&run.folder.path)?.is_some();
        if is_live && followed.session.is_none() && is_between_sessions(run)? {
            // The next session may take rows up again that are settled now.
            if wait() == Reader::Gone {
                return Ok(Reader::Gone);
            }
            continue;
        }
        if is_live {
            followed.write(run, into)?;
        } else {
            followed.finish(run, into)?;
        }
        into.flush()?;
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

/// Progress of a follower: what it has written.
#[derive(Default)]
struct Followed {
    written: Position,
    /// The last session when it began to write.
    session: Option<u32>,
}

impl Followed {
    /// Writes all that is settled by now.
    fn write(&mut self, run: &Run, into: &mut Rewrite) -> Result<(), SessionError> {
        loop {
            let sessions = run.journal.sessions()?;
            let first = *self.session.get_or_insert(sessions.last().map_or(0, |last| last.number));
            if sessions.iter().any(|session| session.number > first && session.retry_failed) {
                return Err(TakenUpAgain { run: run.folder.id.clone() }.into());
            }
            let (page, last) = run.journal.page_after(self.written)?;
            if page.is_empty() {
                return Ok(());
            }
            for record in page {
                into.write(&record).map_err(ReplayError::from)?;
            }
            self.written = last;
        }
    }

    /// Writes all that is left of a run that nobody works on, as it is at one moment: a session may
    /// begin meanwhile.
    fn finish(&mut self, run: &Run, into: &mut Rewrite) -> Result<(), SessionError> {
        // The input may have ended since the run was opened.
        let run = Run::open(&run.folder)?;
        run.journal.freeze()?;
        self.write(&run, into)?;
        write_unsettled(&run, into)?;
        Ok(run.journal.thaw()?)
    }
}

/// Whether the last session has ended, and none has begun since.
fn is_between_sessions(run: &Run) -> Result<bool, SessionError> {
    Ok(run.journal.sessions()?.last().is_none_or(|last| last.ended.is_some()))
}

/// Rows have a new last word, and their old one is written already.
#[derive(Debug, Error)]
#[error(
    "a resume with --retry-failed took rows up again whose lines are written already; begin anew: \
     bk-launch report {run} -o - --follow"
)]
pub(crate) struct TakenUpAgain {
    run: RunId,
}

impl Refusal for TakenUpAgain {}

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
