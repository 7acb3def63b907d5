//! What is told of a run that is kept: its state, and how many rows have each outcome.
//!
//! Read from its journal and its lock; nothing is changed, and a session may go on meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{files, kept};
use crate::domain::record::{AlreadyStarted, Outcome, Standing};
use crate::domain::request_id::RunId;
use crate::journal::{About, FINISHED, InputState, Journal, JournalError, PastSession};
use crate::rules::stats::OUTCOMES;
use crate::store::{Holder, Lock, RunDir, SavedFlags};

/// What has become of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RunState {
    /// A process works on it, and sends nothing before this moment.
    Waiting(Option<u32>, Timestamp),
    /// A process works on it.
    Running(Option<u32>),
    /// A process works on it, and sends nothing new any more; why.
    Draining(Option<u32>, String),
    /// Nothing is left to do.
    Finished,
    /// Its last session stopped in order; why.
    Stopped(String),
    /// Its last session ended somehow.
    Interrupted,
    /// Its journal cannot be read.
    Damaged,
}

impl RunState {
    /// The state of the run in `folder`.
    pub(super) fn of(folder: &RunDir) -> Self {
        match Journal::open(&folder.journal()).and_then(|journal| journal.sessions()) {
            Ok(sessions) => Self::after(holder(folder).as_ref(), sessions.last(), Timestamp::now()),
            Err(_) => Self::Damaged,
        }
    }

    /// The state after the session `last`; `alive` is who works on the run, if anybody does.
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

    /// Whether a resume would find nothing to do.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Finished | Self::Damaged)
    }

    /// Whether a process works on the run.
    pub(super) const fn is_alive(&self) -> bool {
        matches!(self, Self::Waiting(..) | Self::Running(_) | Self::Draining(..))
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Waiting(..) => "waiting",
            Self::Running(_) => "running",
            Self::Draining(..) => "draining",
            Self::Finished => "finished",
            Self::Stopped(_) => "stopped",
            Self::Interrupted => "interrupted",
            Self::Damaged => "damaged",
        }
    }

    const fn pid(&self) -> Option<u32> {
        match self {
            Self::Waiting(pid, _) | Self::Running(pid) | Self::Draining(pid, _) => *pid,
            Self::Finished | Self::Stopped(_) | Self::Interrupted | Self::Damaged => None,
        }
    }
}

/// The process that works on the run in `folder`, if one does.
fn holder(folder: &RunDir) -> Option<Holder> {
    Lock::holder(&folder.path).ok().flatten()
}

/// How many rows have each outcome, in the order of [`OUTCOMES`].
type Counts = [u64; OUTCOMES.len()];

/// What is told of a run.
pub(super) struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// Where it is.
    pub folder: PathBuf,
    /// What has become of it.
    pub state: RunState,
    /// What it is, if that can be read.
    pub about: Option<About>,
    /// Its sessions.
    pub sessions: Vec<PastSession>,
    already: AlreadyStarted,
    counts: Counts,
    settled: u64,
    left: u64,
}

impl RunSummary {
    /// What can be read of the run in `folder`.
    pub(super) fn of(folder: &RunDir) -> Self {
        let empty = Self {
            id: folder.id.clone(),
            folder: folder.path.clone(),
            state: RunState::Damaged,
            about: None,
            sessions: Vec::new(),
            already: AlreadyStarted::Ok,
            counts: Counts::default(),
            settled: 0,
            left: 0,
        };
        Self::read(folder, &empty).unwrap_or(empty)
    }

    fn read(folder: &RunDir, empty: &Self) -> Result<Self, JournalError> {
        // Whoever works on the run may settle rows between two looks at its journal.
        let alive = holder(folder);
        let journal = Journal::open(&folder.journal())?;
        journal.freeze()?;
        let (about, sessions) = (journal.about()?, journal.sessions()?);
        let by_outcome = journal.counts()?;
        // Rows that are being confirmed at this moment are open.
        let unconfirmed = if alive.is_some() { 0 } else { journal.unconfirmed()? };
        journal.thaw()?;
        let settled = by_outcome.iter().map(|(_, count)| count).sum();
        let left = all_rows(folder, &about).map_or(unconfirmed, |all| all.saturating_sub(settled));
        let counts = OUTCOMES.map(|outcome| {
            let of_it = by_outcome.iter().filter(|(word, _)| word == outcome);
            let settled: u64 = of_it.map(|(_, count)| count).sum();
            match outcome {
                "unconfirmed" => settled + unconfirmed,
                "pending" => settled + left.saturating_sub(unconfirmed),
                _ => settled,
            }
        });
        Ok(Self {
            id: empty.id.clone(),
            folder: empty.folder.clone(),
            state: RunState::after(alive.as_ref(), sessions.last(), Timestamp::now()),
            about: Some(about),
            sessions,
            already: SavedFlags::read(folder)
                .map_or(AlreadyStarted::Ok, |kept| kept::already(&kept)),
            counts,
            settled,
            left,
        })
    }

    /// Rows that a resume would take up.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// Time since the first session began.
    pub(super) fn age(&self) -> Option<Duration> {
        let age = self.sessions.first()?.began.duration_until(Timestamp::now());
        Some(Duration::try_from(age).unwrap_or_default())
    }

    /// The exit code of the last session, once it has ended.
    pub(super) fn exit(&self) -> Option<u8> {
        self.sessions.last().filter(|_| !self.state.is_alive())?.exit
    }

    /// `12 started, 2 failed, 6 pending`, as the summary of a session has it.
    pub(super) fn outcomes(&self) -> String {
        let counts = told(OUTCOMES.into_iter().zip(self.counts));
        if counts.is_empty() { "no rows".into() } else { counts }
    }

    /// `finished, 54 unknown` or `stopped: SIGINT`
    pub(super) fn state(&self, zone: &TimeZone) -> String {
        let word = self.state.word();
        match &self.state {
            RunState::Waiting(_, begins) => format!("{word} until {}", shown(*begins, zone)),
            RunState::Draining(_, why) | RunState::Stopped(why) => format!("{word}: {why}"),
            RunState::Finished => {
                let is_bad = |outcome| {
                    Outcome::of_words(outcome, None)
                        .is_ok_and(|outcome| outcome.standing(self.already) == Standing::Bad)
                };
                let bad = OUTCOMES.into_iter().zip(self.counts).filter(|(word, _)| is_bad(word));
                let is_part =
                    self.about.as_ref().is_some_and(|about| about.input == InputState::Incomplete);
                let part = is_part.then(|| "input incomplete".to_owned());
                let more = [Some(told(bad)).filter(|bad| !bad.is_empty()), part];
                let more: Vec<_> = more.into_iter().flatten().collect();
                if more.is_empty() { word.into() } else { format!("{word}, {}", more.join(", ")) }
            }
            RunState::Running(_) | RunState::Interrupted | RunState::Damaged => word.into(),
        }
    }

    /// The process that works on it, if it is known.
    pub(super) const fn pid(&self) -> Option<u32> {
        self.state.pid()
    }

    /// The same, for programs.
    pub(super) fn json(&self) -> Value {
        let about = self.about.as_ref();
        json!({
            "run": self.id.as_str(),
            "name": about.and_then(|about| about.name.as_ref()),
            "folder": self.folder.display().to_string(),
            "state": self.state.word(),
            "pid": self.state.pid(),
            "waits_until": match &self.state {
                RunState::Waiting(_, begins) => Some(begins.to_string()),
                _ => None,
            },
            "draining": match &self.state { RunState::Draining(_, why) => Some(why), _ => None },
            "stopped": match &self.state { RunState::Stopped(why) => Some(why), _ => None },
            "began": self.sessions.first().map(|first| first.began.to_string()),
            "age_seconds": self.age().map(|age| age.as_secs()),
            "input": about.map(|about| &about.input_name),
            "input_complete": about.map(|about| about.input == InputState::Ended),
            "rows": about.and_then(|about| about.rows),
            "settled": self.settled,
            "outcomes": OUTCOMES.into_iter().zip(self.counts)
                .collect::<std::collections::BTreeMap<_, _>>(),
            "sessions": self.sessions.iter().map(session_json).collect::<Vec<_>>(),
            "exit": self.exit(),
        })
    }
}

/// All rows of a run, counted in the copy of its input if that did not come to its end.
fn all_rows(folder: &RunDir, about: &About) -> Option<u64> {
    about.rows.or_else(|| {
        let rows = files::reopen(folder, about).ok()?.rows;
        Some(rows.flatten().count() as u64)
    })
}

/// `12 started, 2 failed`
fn told<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let counts = counts.filter(|(_, count)| *count > 0);
    counts.map(|(outcome, count)| format!("{count} {outcome}")).collect::<Vec<_>>().join(", ")
}

/// A moment in `zone`.
pub(super) fn shown(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

fn session_json(session: &PastSession) -> Value {
    json!({
        "session": session.number,
        "began": session.began.to_string(),
        "waits_until": session.waits_until.map(|begins| begins.to_string()),
        "draining": session.draining,
        "ended": session.ended.map(|ended| ended.to_string()),
        "target": session.target,
        "retry_failed": session.retry_failed,
        "ending": session.ending,
        "exit": session.exit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_says_what_a_process_waits_for_and_why_it_ended() {
        let now: Timestamp = "2026-12-01T22:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-12-01T23:00:00Z".parse().unwrap();
        let session = |waits_until, draining: Option<&str>, ending: Option<&str>| PastSession {
            number: 1,
            began: now,
            waits_until,
            target: String::new(),
            retry_failed: false,
            draining: draining.map(Into::into),
            ended: ending.map(|_| now),
            ending: ending.map(Into::into),
            exit: None,
        };
        let alive = || Some(Holder { pid: Some(7) });
        for (alive, last, state) in [
            (alive(), None, RunState::Running(Some(7))),
            (alive(), Some(session(None, None, None)), RunState::Running(Some(7))),
            (alive(), Some(session(Some(later), None, None)), RunState::Waiting(Some(7), later)),
            (alive(), Some(session(Some(now), None, None)), RunState::Running(Some(7))),
            (
                alive(),
                Some(session(Some(later), Some("SIGINT"), None)),
                RunState::Draining(Some(7), "SIGINT".into()),
            ),
            // A resume that has not begun yet.
            (
                alive(),
                Some(session(None, Some("SIGINT"), Some("SIGINT"))),
                RunState::Running(Some(7)),
            ),
            (
                None,
                Some(session(None, Some("SIGINT"), Some("SIGINT"))),
                RunState::Stopped("SIGINT".into()),
            ),
            (None, Some(session(None, Some("SIGINT"), None)), RunState::Interrupted),
            (None, Some(session(None, None, Some(FINISHED))), RunState::Finished),
            (None, None, RunState::Interrupted),
        ] {
            assert_eq!(RunState::after(alive.as_ref(), last.as_ref(), now), state, "{last:?}");
        }
    }
}
