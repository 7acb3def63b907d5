//! `bk-launch runs`: list runs, show one, remove old ones.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use thiserror::Error;

use super::args::StateArgs;
use super::exit::Exit;
use super::plan::roughly;
use super::prune::{self, PruneArgs};
use super::stdout::stdout;
use super::{Failure, tell};
use crate::folder::{Folder, FolderError, Lock, Name, Runs};
use crate::journal::{About, FINISHED, InputState, Journal, JournalError, Session};
use crate::request_id::RunId;

const EXAMPLES: &str = "\
Examples:
  bk-launch runs                                  every run, the latest last
  bk-launch runs show 20261201-2200 --json
  bk-launch runs prune --keep 20 --older-than 30d";

/// The flags of `runs`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, args_conflicts_with_subcommands = false)]
pub struct RunsArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// As JSON on standard output.
    #[arg(long, global = true)]
    json: bool,
    /// Where runs are kept [env: `BK_LAUNCH_STATE`] [default: `$XDG_STATE_HOME/bk-launch`, else
    /// `~/.local/state/bk-launch`].
    #[arg(long, value_name = "FOLDER", global = true)]
    state_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every run, with its state, age and counts (the default).
    List,
    /// One run, with its sessions.
    Show {
        /// A run's id, its beginning, or a --name [default: the latest unfinished run, else the latest].
        run: Option<String>,
    },
    /// Remove finished runs, but never one that is alive.
    ///
    /// Both conditions must hold where both are given. What is left of runs that never began is
    /// removed in any case.
    Prune(PruneArgs),
}

/// Runs the command.
pub fn run(args: RunsArgs) -> Result<Exit, Failure> {
    let RunsArgs { what, json, state_dir } = args;
    let environment = |name: &str| std::env::var(name).ok();
    let runs = super::settings::runs(StateArgs { state_dir }, &environment)?;
    let form = if json { Form::Json } else { Form::Text };
    match what.unwrap_or(What::List) {
        What::List => list(&runs, form),
        What::Show { run } => show(&choose(&runs, run.as_deref())?, form),
        What::Prune(args) => prune::run(&runs, &args, json),
    }
}

#[derive(Clone, Copy)]
enum Form {
    Text,
    Json,
}

/// Chooses a run as [`choose_quietly`] does, and tells which if none was named.
pub fn choose(runs: &Runs, named: Option<&str>) -> Result<Folder, Failure> {
    let (folder, chosen) = choose_quietly(runs, named)?;
    if let Some(chosen) = chosen {
        tell(&chosen);
    }
    Ok(folder)
}

/// The run that is meant: the one that was named, else the latest that is not
/// finished, else the latest; with a text that says which, if its id was not named.
pub fn choose_quietly(
    runs: &Runs,
    named: Option<&str>,
) -> Result<(Folder, Option<String>), Failure> {
    let mut all = runs.all()?;
    if let Some(named) = named {
        match runs.find(named) {
            Err(FolderError::Unknown { .. }) if named.parse::<Name>().is_ok() => {}
            found => return Ok((found?, None)),
        }
        all.retain(|folder| name_of(folder).as_deref() == Some(named));
        if all.is_empty() {
            return Ok((runs.find(named)?, None));
        }
    }
    let unfinished = all.iter().rev().find(|folder| !State::of(folder).is_over());
    let chosen = unfinished.or(all.last()).ok_or(NoRun { path: runs.path().to_owned() })?;
    let kind = if unfinished.is_some() { " that is not finished" } else { "" };
    Ok((chosen.clone(), Some(format!("run {}, the latest{kind}", chosen.id))))
}

/// What people call the run in `folder`.
fn name_of(folder: &Folder) -> Option<String> {
    Journal::open(&folder.journal()).and_then(|journal| journal.about()).ok()?.name
}

#[derive(Debug, Error)]
#[error("there is no run in {}; --state-dir or BK_LAUNCH_STATE name another place", path.display())]
struct NoRun {
    path: PathBuf,
}

/// What has become of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// A process works on it.
    Running(Option<u32>),
    /// Nothing is left to do.
    Finished,
    /// Its last session stopped in order.
    Stopped(String),
    /// Its last session ended somehow.
    Interrupted,
    /// Its journal cannot be read.
    Damaged,
}

impl State {
    fn of(folder: &Folder) -> Self {
        match Journal::open(&folder.journal()).and_then(|journal| journal.sessions()) {
            Ok(sessions) => Self::after(folder, sessions.last()),
            Err(_) => Self::Damaged,
        }
    }

    fn after(folder: &Folder, last: Option<&Session>) -> Self {
        if let Ok(Some(holder)) = Lock::holder(&folder.path) {
            return Self::Running(holder.pid);
        }
        match last.and_then(|last| last.ending.as_deref()) {
            Some(FINISHED) => Self::Finished,
            Some(why) => Self::Stopped(why.to_owned()),
            None => Self::Interrupted,
        }
    }

    const fn is_over(&self) -> bool {
        matches!(self, Self::Finished | Self::Damaged)
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Running(_) => "running",
            Self::Finished => "finished",
            Self::Stopped(_) => "stopped",
            Self::Interrupted => "interrupted",
            Self::Damaged => "damaged",
        }
    }
}

/// What is told of a run.
struct Told {
    id: RunId,
    folder: PathBuf,
    state: State,
    began: Option<Timestamp>,
    about: Option<About>,
    sessions: Vec<Session>,
    counts: Vec<(String, u64)>,
}

impl Told {
    fn of(folder: &Folder) -> Self {
        let read = || -> Result<_, JournalError> {
            let journal = Journal::open(&folder.journal())?;
            Ok((journal.about()?, journal.sessions()?, journal.counts()?))
        };
        let (id, path) = (folder.id.clone(), folder.path.clone());
        match read() {
            Ok((about, sessions, counts)) => Self {
                id,
                folder: path,
                state: State::after(folder, sessions.last()),
                began: sessions.first().map(|first| first.began),
                about: Some(about),
                sessions,
                counts,
            },
            Err(_) => Self {
                id,
                folder: path,
                state: State::Damaged,
                began: None,
                about: None,
                sessions: Vec::new(),
                counts: Vec::new(),
            },
        }
    }

    fn settled(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Rows that are not settled, where all rows are counted.
    fn left(&self) -> Option<u64> {
        self.about.as_ref()?.rows.map(|rows| rows.saturating_sub(self.settled()))
    }

    fn age(&self) -> Option<Duration> {
        let age = self.began?.duration_until(Timestamp::now());
        Some(Duration::try_from(age).unwrap_or_default())
    }

    /// `12 started, 2 failed, 6 pending`
    fn outcomes(&self) -> String {
        let mut counts: Vec<_> =
            self.counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        counts.extend(self.left().filter(|left| *left > 0).map(|left| format!("{left} pending")));
        if counts.is_empty() { "no rows".into() } else { counts.join(", ") }
    }

    fn json(&self) -> Value {
        let about = self.about.as_ref();
        json!({
            "run": self.id.as_str(),
            "name": about.and_then(|about| about.name.as_ref()),
            "folder": self.folder.display().to_string(),
            "state": self.state.word(),
            "pid": match self.state { State::Running(pid) => pid, _ => None },
            "stopped": match &self.state { State::Stopped(why) => Some(why), _ => None },
            "began": self.began.map(|began| began.to_string()),
            "age_seconds": self.age().map(|age| age.as_secs()),
            "input": about.map(|about| &about.input_name),
            "input_complete": about.map(|about| about.input == InputState::Ended),
            "rows": about.and_then(|about| about.rows),
            "settled": self.settled(),
            "outcomes": self.counts.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "sessions": self.sessions.iter().map(session_json).collect::<Vec<_>>(),
            "exit": self.sessions.last().and_then(|last| last.exit),
        })
    }
}

fn session_json(session: &Session) -> Value {
    json!({
        "session": session.number,
        "began": session.began.to_string(),
        "ended": session.ended.map(|ended| ended.to_string()),
        "target": session.target,
        "retry_failed": session.retry_failed,
        "ending": session.ending,
        "exit": session.exit,
    })
}

fn list(runs: &Runs, form: Form) -> Result<Exit, Failure> {
    let all: Vec<_> = runs.all()?.iter().map(Told::of).collect();
    let mut stdout = stdout();
    if let Form::Json = form {
        writeln!(stdout, "{}", Value::from(all.iter().map(Told::json).collect::<Vec<_>>()))?;
        return Ok(Exit::Good);
    }
    if all.is_empty() {
        tell(&format_args!("no runs in {}", runs.path().display()));
        return Ok(Exit::Good);
    }
    writeln!(stdout, "{:<21}  {:<11}  {:>10}  ROWS", "RUN", "STATE", "AGE")?;
    for told in all {
        let name = told.about.as_ref().and_then(|about| about.name.as_deref());
        let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
        let age = told.age().map(roughly).unwrap_or_default();
        let (id, state, rows) = (told.id.as_str(), told.state.word(), told.outcomes());
        writeln!(stdout, "{id:<21}  {state:<11}  {age:>10}  {rows}{name}")?;
    }
    Ok(Exit::Good)
}

fn show(folder: &Folder, form: Form) -> Result<Exit, Failure> {
    let told = Told::of(folder);
    if told.state == State::Damaged {
        // The journal says what is wrong with it.
        Journal::open(&folder.journal())?.about()?;
    }
    let mut stdout = stdout();
    if let Form::Json = form {
        writeln!(stdout, "{}", told.json())?;
        return Ok(Exit::Good);
    }
    writeln!(stdout, "run {}\n  folder  {}", told.id, told.folder.display())?;
    if let Some(name) = told.about.as_ref().and_then(|about| about.name.as_ref()) {
        writeln!(stdout, "  name    {name}")?;
    }
    let state = match &told.state {
        State::Running(Some(pid)) => format!("running, process {pid}"),
        State::Stopped(why) => format!("stopped: {why}"),
        other => other.word().into(),
    };
    writeln!(stdout, "  state   {state}")?;
    if let Some(about) = &told.about {
        let part = match about.input {
            InputState::Ended => "",
            InputState::Incomplete => " (not read to its end)",
        };
        writeln!(stdout, "  input   {}{part}", about.input_name)?;
    }
    writeln!(stdout, "  rows    {}", told.outcomes())?;
    let zone = TimeZone::system();
    let time = |at: Timestamp| {
        at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    };
    for session in &told.sessions {
        let retry = if session.retry_failed { ", with --retry-failed" } else { "" };
        let ending = match (&session.ended, &session.ending, session.exit) {
            (Some(ended), Some(ending), Some(exit)) => {
                format!("{} ({ending}, exit {exit})", time(*ended))
            }
            (Some(ended), ..) => time(*ended),
            (None, ..) => "?".into(),
        };
        let (number, began, target) = (session.number, time(session.began), &session.target);
        writeln!(stdout, "  session {number}: {began} to {ending}, at {target}{retry}")?;
    }
    Ok(Exit::Good)
}

/// When a run began, by its id.
pub fn began(id: &RunId) -> Option<Timestamp> {
    let (second, _) = id.as_str().rsplit_once('-')?;
    let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", second).ok()?;
    time.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_says_when_a_run_began() {
        let id = RunId::parse("20261201-220000-00abc").unwrap();
        assert_eq!(began(&id), Some("2026-12-01T22:00:00Z".parse().unwrap()));
    }
}
