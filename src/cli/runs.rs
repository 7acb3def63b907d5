//! `bk-launch runs`: list runs, show one, remove old ones.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use thiserror::Error;

use super::args::StateArgs;
use super::exit::Exit;
use super::plan::roughly;
use super::prune::{self, PruneArgs};
use super::run_state::{RunState, RunSummary, shown};
use super::stdout::stdout;
use super::{Failure, tell};
use crate::domain::request_id::RunId;
use crate::journal::{InputState, Journal};
use crate::store::{RunDir, RunName, RunStore, StoreError};

const EXAMPLES: &str = "\
Examples:
  bk-launch runs                                  every run, the latest last
  bk-launch runs show 20261201-2200 --json
  bk-launch runs prune --keep 20 --older-than 30d";

/// The flags of `runs`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, args_conflicts_with_subcommands = false)]
pub(super) struct RunsArgs {
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
pub(super) fn run(args: RunsArgs) -> Result<Exit, Failure> {
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
pub(super) fn choose(runs: &RunStore, named: Option<&str>) -> Result<RunDir, Failure> {
    let (folder, chosen) = choose_quietly(runs, named)?;
    if let Some(chosen) = chosen {
        tell(&chosen);
    }
    Ok(folder)
}

/// The run that is meant: the one that was named, else the latest that is not
/// finished, else the latest; with a text that says which, if its id was not named.
pub(super) fn choose_quietly(
    runs: &RunStore,
    named: Option<&str>,
) -> Result<(RunDir, Option<String>), Failure> {
    let mut all = runs.all()?;
    if let Some(named) = named {
        match runs.find(named) {
            Err(StoreError::Unknown { .. }) if named.parse::<RunName>().is_ok() => {}
            found => return Ok((found?, None)),
        }
        all.retain(|folder| name_of(folder).as_deref() == Some(named));
        if all.is_empty() {
            return Ok((runs.find(named)?, None));
        }
    }
    let unfinished = all.iter().rev().find(|folder| !RunState::of(folder).is_over());
    let chosen = unfinished.or(all.last()).ok_or(NoRun { path: runs.path().to_owned() })?;
    let kind = if unfinished.is_some() { " that is not finished" } else { "" };
    Ok((chosen.clone(), Some(format!("run {}, the latest{kind}", chosen.id))))
}

/// The last run of a name, if it left rows to be done.
pub(super) fn left_behind(runs: &RunStore, name: &RunName) -> Option<RunSummary> {
    let name = name.to_string();
    let all = runs.all().ok()?;
    let last = all.iter().rev().find(|folder| name_of(folder).as_ref() == Some(&name))?;
    Some(RunSummary::of(last)).filter(|last| last.left() > 0 && !last.state.is_over())
}

/// What people call the run in `folder`.
fn name_of(folder: &RunDir) -> Option<String> {
    Journal::open(&folder.journal()).and_then(|journal| journal.about()).ok()?.name
}

#[derive(Debug, Error)]
#[error("there is no run in {}; --state-dir or BK_LAUNCH_STATE name another place", path.display())]
struct NoRun {
    path: PathBuf,
}

fn list(runs: &RunStore, form: Form) -> Result<Exit, Failure> {
    let all: Vec<_> = runs.all()?.iter().map(RunSummary::of).collect();
    let mut stdout = stdout();
    if let Form::Json = form {
        writeln!(stdout, "{}", Value::from(all.iter().map(RunSummary::json).collect::<Vec<_>>()))?;
        return Ok(Exit::Good);
    }
    if all.is_empty() {
        tell(&format_args!("no runs in {}", runs.path().display()));
        return Ok(Exit::Good);
    }
    let zone = TimeZone::system();
    let states: Vec<_> = all.iter().map(|run| run.state(&zone)).collect();
    let wide = states.iter().map(|state| state.chars().count()).max().unwrap_or_default();
    writeln!(stdout, "{:<21}  {:<wide$}  EXIT  {:>10}  ROWS", "RUN", "STATE", "AGE")?;
    for (run, state) in all.iter().zip(states) {
        let name = run.about.as_ref().and_then(|about| about.name.as_deref());
        let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
        let age = run.age().map(roughly).unwrap_or_default();
        let exit = run.exit().map(|exit| exit.to_string()).unwrap_or_default();
        let (id, rows) = (run.id.as_str(), run.outcomes());
        writeln!(stdout, "{id:<21}  {state:<wide$}  {exit:>4}  {age:>10}  {rows}{name}")?;
    }
    Ok(Exit::Good)
}

fn show(folder: &RunDir, form: Form) -> Result<Exit, Failure> {
    let run = RunSummary::of(folder);
    if run.state == RunState::Damaged {
        // The journal says what is wrong with it.
        Journal::open(&folder.journal())?.about()?;
    }
    let mut stdout = stdout();
    if let Form::Json = form {
        writeln!(stdout, "{}", run.json())?;
        return Ok(Exit::Good);
    }
    writeln!(stdout, "run {}\n  folder  {}", run.id, run.folder.display())?;
    if let Some(name) = run.about.as_ref().and_then(|about| about.name.as_ref()) {
        writeln!(stdout, "  name    {name}")?;
    }
    let zone = TimeZone::system();
    let more = match (run.pid(), run.exit()) {
        (Some(pid), _) => format!(", process {pid}"),
        (None, Some(exit)) => format!(", exit {exit}"),
        (None, None) => String::new(),
    };
    writeln!(stdout, "  state   {}{more}", run.state(&zone))?;
    if let Some(about) = &run.about {
        let part = match about.input {
            InputState::Ended => "",
            InputState::Incomplete => " (not read to its end)",
        };
        writeln!(stdout, "  input   {}{part}", about.input_name)?;
    }
    writeln!(stdout, "  rows    {}", run.outcomes())?;
    for (at, session) in run.sessions.iter().enumerate() {
        let retry = if session.retry_failed { ", with --retry-failed" } else { "" };
        let is_now = run.state.is_alive() && at + 1 == run.sessions.len();
        let ending = match (&session.ended, &session.ending, session.exit) {
            (Some(ended), Some(ending), Some(exit)) => {
                format!("{} ({ending}, exit {exit})", shown(*ended, &zone))
            }
            (Some(ended), ..) => shown(*ended, &zone),
            (None, ..) if is_now => "now".into(),
            (None, ..) => "?".into(),
        };
        let (number, target) = (session.number, &session.target);
        let began = shown(session.began, &zone);
        writeln!(stdout, "  session {number}: {began} to {ending}, at {target}{retry}")?;
    }
    Ok(Exit::Good)
}

/// When a run began, by its id.
pub(super) fn began(id: &RunId) -> Option<Timestamp> {
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
