//! `bk-launch runs prune`: remove old runs that nobody needs any more.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::command_error::CommandError;
use super::notice::notice;
use super::stdout::stdout;
use crate::args::runs::PruneArgs;
use crate::journal::{FINISHED, Journal};
use crate::session::exit::Exit;
use crate::session::find::began;
use crate::store::{Lock, RunDir, RunStore, StoreError};

/// Runs that were removed, and those that were kept.
#[derive(Default)]
struct Pruned {
    removed: Vec<PathBuf>,
    /// Old enough to be removed, but not finished.
    spared: Vec<PathBuf>,
}

/// Runs the command; with `as_json` the result is one JSON object.
pub(crate) fn run(runs: &RunStore, args: &PruneArgs, as_json: bool) -> Result<Exit, CommandError> {
    let mut pruned = Pruned::default();
    if runs.path().is_dir() {
        // Nobody is about to lock a folder that was just made.
        let all = File::open(runs.path())?;
        all.lock()?;
        for path in runs.pending()? {
            pruned.prune(path, args, |_| true)?;
        }
        if args.keep.is_some() || args.older_than.is_some() {
            for folder in old_runs(runs, args)? {
                let is_removable = |_: &Path| args.unfinished || is_finished(&folder);
                pruned.prune(folder.path.clone(), args, is_removable)?;
            }
        }
    }
    pruned.tell(args, as_json)
}

impl Pruned {
    /// Removes the folder at `path`, unless a process works on it, or it is to be spared.
    fn prune(
        &mut self,
        path: PathBuf,
        args: &PruneArgs,
        is_removable: impl Fn(&Path) -> bool,
    ) -> Result<(), StoreError> {
        // The lock is held while it is looked whether the run is finished.
        let Ok(Ok(_lock)) = Lock::take(&path) else { return Ok(()) };
        if !is_removable(&path) {
            self.spared.push(path);
            return Ok(());
        }
        if !args.dry_run {
            let removed = fs::remove_dir_all(&path);
            removed.map_err(|source| StoreError::Remove { path: path.clone(), source })?;
        }
        self.removed.push(path);
        Ok(())
    }

    fn tell(&self, args: &PruneArgs, as_json: bool) -> Result<Exit, CommandError> {
        let Self { removed, spared } = self;
        if as_json {
            let texts = |paths: &[PathBuf]| -> Vec<_> {
                paths.iter().map(|path| path.display().to_string()).collect()
            };
            let done = if args.dry_run { "would_remove" } else { "removed" };
            writeln!(stdout(), "{}", json!({ done: texts(removed), "spared": texts(spared) }))?;
            return Ok(Exit::Good);
        }
        let done = if args.dry_run { "would remove" } else { "removed" };
        for path in removed {
            writeln!(stdout(), "{done} {}", path.display())?;
        }
        for path in spared {
            let path = path.display();
            notice(&format_args!("spared {path}: not finished; --unfinished removes it, too"));
        }
        if removed.is_empty() && spared.is_empty() {
            let is_asked = args.keep.is_some() || args.older_than.is_some();
            let hint = if is_asked { "" } else { "; say --keep N, --older-than TIME, or both" };
            notice(&format_args!("nothing to remove{hint}"));
        }
        Ok(Exit::Good)
    }
}

/// Returns the runs that are neither among the latest nor too young.
fn old_runs(runs: &RunStore, args: &PruneArgs) -> Result<Vec<RunDir>, StoreError> {
    let mut all = runs.all()?;
    all.truncate(all.len().saturating_sub(args.keep.unwrap_or(0)));
    all.retain(|folder| {
        args.older_than.is_none_or(|limit| {
            // The id is the time of the beginning, whatever has become of the journal.
            let age = began(&folder.id).map(|began| began.duration_until(Timestamp::now()));
            age.and_then(|age| Duration::try_from(age).ok()).is_some_and(|age| age >= limit)
        })
    });
    Ok(all)
}

/// Whether nothing is left to do. A journal that cannot be read, say one of another version,
/// does not say so.
fn is_finished(folder: &RunDir) -> bool {
    let sessions = Journal::open(&folder.journal()).and_then(|journal| journal.sessions());
    let last = sessions.ok().and_then(|sessions| sessions.last()?.ending.clone());
    last.as_deref() == Some(FINISHED)
}
