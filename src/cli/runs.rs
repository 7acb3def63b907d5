//! `bk-launch runs`: list runs, show one, remove old ones.

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::command_error::CommandError;
use super::notice::notice;
use super::stdout::stdout;
use super::{prune, settings};
use crate::args::runs::{RunsArgs, What};
use crate::args::session::StateArgs;
use crate::domain::duration::roughly;
use crate::journal::{InputState, Journal};
use crate::session::exit::Exit;
use crate::session::find::{Found, FoundBy, find};
use crate::session::run_state::{RunState, RunSummary};
use crate::store::{RunDir, RunStore};
use crate::text::runs::{json, outcomes, state};
use crate::text::time::full_moment;

/// Runs the command.
pub(crate) fn run(args: RunsArgs) -> Result<Exit, CommandError> {
    let RunsArgs { what, json, state_dir } = args;
    let runs = settings::runs(StateArgs { state_dir }, &|name| std::env::var(name).ok())?;
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

/// Finds the run that is meant, and says which if it was not named.
pub(crate) fn choose(runs: &RunStore, named: Option<&str>) -> Result<RunDir, CommandError> {
    let found = find(runs, named, Timestamp::now())?;
    if let Some(text) = told(&found) {
        notice(&text);
    }
    Ok(found.folder)
}

/// Says which run was found, if it was not named.
pub(crate) fn told(found: &Found) -> Option<String> {
    let id = &found.folder.id;
    match found.by {
        FoundBy::Named => None,
        FoundBy::LatestUnfinished => Some(format!("run {id}, the latest that is not finished")),
        FoundBy::Latest => Some(format!("run {id}, the latest")),
    }
}

fn list(runs: &RunStore, form: Form) -> Result<Exit, CommandError> {
    let now = Timestamp::now();
    let all: Vec<_> = runs.all()?.iter().map(|run| RunSummary::of(run, now)).collect();
    let mut stdout = stdout();
    if let Form::Json = form {
        writeln!(stdout, "{}", Value::from(all.iter().map(json).collect::<Vec<_>>()))?;
        return Ok(Exit::Good);
    }
    if all.is_empty() {
        notice(&format_args!("no runs in {}", runs.path().display()));
        return Ok(Exit::Good);
    }
    let zone = TimeZone::system();
    let states: Vec<_> = all.iter().map(|run| state(run, &zone)).collect();
    let wide = states.iter().map(|state| state.chars().count()).max().unwrap_or_default();
    writeln!(stdout, "{:<21}  {:<wide$}  EXIT  {:>10}  ROWS", "RUN", "STATE", "AGE")?;
    for (run, state) in all.iter().zip(states) {
        let name = run.about.as_ref().and_then(|about| about.name.as_deref());
        let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
        let age = run.age().map(roughly).unwrap_or_default();
        let exit = run.exit().map(|exit| exit.to_string()).unwrap_or_default();
        let (id, rows) = (run.id.as_str(), outcomes(run));
        writeln!(stdout, "{id:<21}  {state:<wide$}  {exit:>4}  {age:>10}  {rows}{name}")?;
    }
    Ok(Exit::Good)
}

fn show(folder: &RunDir, form: Form) -> Result<Exit, CommandError> {
    let run = RunSummary::of(folder, Timestamp::now());
    if run.state == RunState::Damaged {
        // The journal says what is wrong with it.
        Journal::open(&folder.journal())?.about()?;
    }
    let mut stdout = stdout();
    if let Form::Json = form {
        writeln!(stdout, "{}", json(&run))?;
        return Ok(Exit::Good);
    }
    writeln!(stdout, "run {}\n  folder  {}", run.id, run.folder.display())?;
    if let Some(name) = run.about.as_ref().and_then(|about| about.name.as_ref()) {
        writeln!(stdout, "  name    {name}")?;
    }
    let zone = TimeZone::system();
    let more = match (run.state.pid(), run.exit()) {
        (Some(pid), _) => format!(", process {pid}"),
        (None, Some(exit)) => format!(", exit {exit}"),
        (None, None) => String::new(),
    };
    writeln!(stdout, "  state   {}{more}", state(&run, &zone))?;
    if let Some(about) = &run.about {
        let part = match about.input {
            InputState::Ended => "",
            InputState::Incomplete => " (not read to its end)",
        };
        writeln!(stdout, "  input   {}{part}", about.input_name)?;
    }
    writeln!(stdout, "  rows    {}", outcomes(&run))?;
    for (at, session) in run.sessions.iter().enumerate() {
        let retry = if session.retry_failed { ", with --retry-failed" } else { "" };
        let is_now = run.state.is_alive() && at + 1 == run.sessions.len();
        let ending = match (&session.ended, &session.ending, session.exit) {
            (Some(ended), Some(ending), Some(exit)) => {
                format!("{} ({ending}, exit {exit})", full_moment(*ended, &zone))
            }
            (Some(ended), ..) => full_moment(*ended, &zone),
            (None, ..) if is_now => "now".into(),
            (None, ..) => "?".into(),
        };
        let (number, target) = (session.number, &session.target);
        let began = full_moment(session.began, &zone);
        writeln!(stdout, "  session {number}: {began} to {ending}, at {target}{retry}")?;
    }
    Ok(Exit::Good)
}
