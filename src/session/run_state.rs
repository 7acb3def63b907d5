//! What has become of a run that is kept: its state, and how many rows have each outcome.
//!
//! Read from its journal and its lock; nothing is changed, and a session may go on meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use enum_map::EnumMap;
use jiff::Timestamp;

use super::exit::Exit;
use super::input;
use crate::domain::record::{AlreadyStarted, OutcomeKind, Standing};
use crate::domain::request_id::RunId;
use crate::journal::{About, FINISHED, Journal, JournalError, PastSession};
use crate::store::{Holder, Lock, RunDir, SavedFlags};

/// What has become of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunState {
    /// A process works on it, and sends nothing before this moment.
    Waiting(Option<u32>, Timestamp),
    Running(Option<u32>),
    /// A process works on it, and sends nothing new any more; why.
    Draining(Option<u32>, String),
    Finished,
    /// Its last session stopped in order; why.
    Stopped(String),
    /// Its last session was cut off.
    Interrupted,
    Damaged,
    /// A bk-launch that keeps its journal in another version wrote it.
    OtherVersion(OtherWriter),
}

/// Which bk-launch wrote a journal of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherWriter {
    Earlier,
    Later,
}

impl RunState {
    /// Reads the state that the run in `folder` has at `now`.
    pub(crate) fn of(folder: &RunDir, now: Timestamp) -> Self {
        match Journal::open(&folder.journal()).and_then(|journal| journal.sessions()) {
            Ok(sessions) => Self::after(holder(folder).as_ref(), sessions.last(), now),
            Err(error) => Self::unreadable(&error),
        }
    }

    /// Returns the state of a run whose journal cannot be read.
    const fn unreadable(error: &JournalError) -> Self {
        match error {
            JournalError::Version { found, known, .. } if *found < *known => {
                Self::OtherVersion(OtherWriter::Earlier)
            }
            JournalError::Version { .. } => Self::OtherVersion(OtherWriter::Later),
            _ => Self::Damaged,
        }
    }

    /// Returns the state after the session `last`; `alive` is the process that works on the run.
    fn after(alive: Option<&Holder>, last: Option<&PastSession>, now: Timestamp) -> Self {
        let Some(pid) = alive.map(|holder| holder.pid) else {
            return match last.and_then(|last| last.ending.as_deref()) {
                Some(FINISHED) => Self::Finished,
                Some(why) => Self::Stopped(why.to_owned()),
                None => Self::Interrupted,
            };
        };
        // Between two sessions the last one says nothing about the present.
        let Some(now_on) = last.filter(|last| last.ended.is_none()) else {
            return Self::Running(pid);
        };
        match (&now_on.draining, now_on.waits_until) {
            (Some(why), _) => Self::Draining(pid, why.clone()),
            (None, Some(begins)) if begins > now => Self::Waiting(pid, begins),
            (None, _) => Self::Running(pid),
        }
    }

    /// Whether a resume would find nothing that it could do.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Finished | Self::Damaged | Self::OtherVersion(_))
    }

    /// Whether the run died or cannot be read.
    const fn is_broken(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Damaged | Self::OtherVersion(_))
    }

    /// Whether a process works on the run.
    pub(crate) const fn is_alive(&self) -> bool {
        matches!(self, Self::Waiting(..) | Self::Running(_) | Self::Draining(..))
    }

    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Waiting(..) => "waiting",
            Self::Running(_) => "running",
            Self::Draining(..) => "draining",
            Self::Finished => "finished",
            Self::Stopped(_) => "stopped",
            Self::Interrupted => "interrupted",
            Self::Damaged => "damaged",
            Self::OtherVersion(OtherWriter::Earlier) => "earlier_version",
            Self::OtherVersion(OtherWriter::Later) => "later_version",
        }
    }

    pub(crate) const fn pid(&self) -> Option<u32> {
        match self {
            Self::Waiting(pid, _) | Self::Running(pid) | Self::Draining(pid, _) => *pid,
            Self::Finished
            | Self::Stopped(_)
            | Self::Interrupted
            | Self::Damaged
            | Self::OtherVersion(_) => None,
        }
    }
}

/// Returns the process that works on the run in `folder`.
pub(super) fn holder(folder: &RunDir) -> Option<Holder> {
    Lock::holder(&folder.path).ok().flatten()
}

/// How many rows have each outcome.
pub(crate) type Counts = EnumMap<OutcomeKind, u64>;

/// A run, as a list of runs shows it.
pub(crate) struct RunSummary {
    pub id: RunId,
    pub folder: PathBuf,
    pub state: RunState,
    /// What it is, if that can be read.
    pub about: Option<About>,
    pub sessions: Vec<PastSession>,
    /// How "already started" counts in it.
    pub already: AlreadyStarted,
    pub counts: Counts,
    pub settled: u64,
    left: u64,
    /// When it was read.
    at: Timestamp,
}

impl RunSummary {
    /// Reads the run in `folder` at `now`, as far as that is possible.
    pub(crate) fn of(folder: &RunDir, now: Timestamp) -> Self {
        Self::read(folder, now).unwrap_or_else(|error| Self {
            id: folder.id.clone(),
            folder: folder.path.clone(),
            state: RunState::unreadable(&error),
            about: None,
            sessions: Vec::new(),
            already: AlreadyStarted::Ok,
            counts: Counts::default(),
            settled: 0,
            left: 0,
            at: now,
        })
    }

    fn read(folder: &RunDir, now: Timestamp) -> Result<Self, JournalError> {
        // Whoever works on the run may settle rows between two looks at its journal.
        let alive = holder(folder);
        let journal = Journal::open(&folder.journal())?;
        journal.freeze()?;
        let run = Self::of_journal(folder, &journal, alive.as_ref(), now)?;
        journal.thaw()?;
        Ok(run)
    }

    /// Reads the run whose `journal` is frozen; `alive` is the process that worked on it before.
    pub(super) fn of_journal(
        folder: &RunDir,
        journal: &Journal,
        alive: Option<&Holder>,
        now: Timestamp,
    ) -> Result<Self, JournalError> {
        let (about, sessions) = (journal.about()?, journal.sessions()?);
        let mut counts = journal.counts()?;
        // Rows that are being confirmed at this moment are open.
        let unconfirmed = if alive.is_some() { 0 } else { journal.unconfirmed()? };
        let settled = counts.values().sum();
        let flags = SavedFlags::read(folder).ok();
        let left = all_rows(folder, &about, flags.as_ref())
            .map_or(unconfirmed, |all| all.saturating_sub(settled));
        counts[OutcomeKind::Unconfirmed] += unconfirmed;
        counts[OutcomeKind::Pending] += left.saturating_sub(unconfirmed);
        Ok(Self {
            id: folder.id.clone(),
            folder: folder.path.clone(),
            state: RunState::after(alive, sessions.last(), now),
            about: Some(about),
            sessions,
            already: flags.map_or(AlreadyStarted::Ok, |flags| flags.already_started()),
            counts,
            settled,
            left,
            at: now,
        })
    }

    /// Returns how many rows have each outcome that counts as bad.
    pub(crate) fn bad(&self) -> impl Iterator<Item = (OutcomeKind, u64)> {
        let is_bad = |outcome: OutcomeKind| outcome.standing(self.already) == Standing::Bad;
        self.counts.into_iter().filter(move |(outcome, count)| is_bad(*outcome) && *count > 0)
    }

    /// Whether somebody has to look at the run: rows ended bad, it died or cannot be read, or it
    /// ended by a failure and not by a signal, its window or in order.
    pub(crate) fn has_failed(&self) -> bool {
        const FAILURES: [Exit; 4] = [Exit::Bad, Exit::Usage, Exit::Stopped, Exit::Output];
        let is_failure = |code| FAILURES.into_iter().any(|exit| exit.code() == code);
        self.state.is_broken() || self.bad().next().is_some() || self.exit().is_some_and(is_failure)
    }

    /// Rows that a resume would take up.
    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    /// Time since the first session began.
    pub(crate) fn age(&self) -> Option<Duration> {
        let age = self.sessions.first()?.began.duration_until(self.at);
        Some(Duration::try_from(age).unwrap_or_default())
    }

    /// The exit code of the last session, once it has ended.
    pub(crate) fn exit(&self) -> Option<u8> {
        self.sessions.last().filter(|_| !self.state.is_alive())?.exit
    }
}

/// All rows of a run, counted in the copy of its input if that did not come to its end.
fn all_rows(folder: &RunDir, about: &About, flags: Option<&SavedFlags>) -> Option<u64> {
    about.rows.or_else(|| {
        let rows = input::reopen(folder, about, flags?).ok()?.rows;
        Some(rows.flatten().count() as u64)
    })
}

#[cfg(test)]
mod tests;
