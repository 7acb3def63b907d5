//! The face: what people type, what they are told, and the exit code.
//!
//! Each command is a file. Only this module and those in it talk to a terminal.

mod args;
mod bench;
mod check;
mod config;
mod credentials;
mod demo;
mod docs;
mod ending;
mod exit;
mod files;
mod kept;
mod logs;
mod mock;
mod own_report;
mod plan;
mod prune;
mod report;
mod resume;
mod run;
mod run_state;
mod runs;
mod session;
mod settings;
mod staging;
mod stdout;
mod terminal;
mod timing;
mod trust;
mod watch;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::{CommandFactory, FromArgMatches};

use args::{Cli, Command};
use exit::Exit;

use crate::folder::{FolderError, Taken};
use crate::journal::JournalError;
use crate::progress::aside;
use crate::report::ReportError;
use session::Alive;

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = match cli.command {
        Command::Run(args) => {
            run::run(*args, matches.subcommand_matches("run").unwrap_or(&matches))
        }
        Command::Resume(args) => {
            resume::run(&args, matches.subcommand_matches("resume").unwrap_or(&matches))
        }
        Command::Runs(args) => runs::run(args),
        Command::Report(args) => report::run(args),
        Command::Bench(args) => bench::run(*args),
        Command::Mock(args) => mock::run(*args),
        Command::Demo => demo::run(),
        Command::Completions { shell } => docs::completions(shell),
        Command::Man => docs::man(),
    };
    end(done.unwrap_or_else(|error| failed(&error))).into()
}

/// Tells why a command did not begin. Whoever closed our standard output has
/// seen enough, which is no error.
fn failed(error: &Failure) -> Exit {
    if let Some(io) = error.downcast_ref::<io::Error>()
        && io.kind() == io::ErrorKind::BrokenPipe
    {
        return Exit::Good;
    }
    tell(&format_args!("error: {error}"));
    exit_of(error)
}

/// The exit code of a command that did not begin.
fn exit_of(error: &Failure) -> Exit {
    let is_output = error.downcast_ref::<io::Error>().is_some_and(stdout::is_of_stdout)
        || error.downcast_ref().is_some_and(ReportError::is_output)
        || matches!(error.downcast_ref(), Some(FolderError::Write { .. }))
        || matches!(
            error.downcast_ref(),
            Some(JournalError::Write { .. } | JournalError::Gone { .. })
        );
    let is_locked = error.is::<Alive>() || error.is::<Taken>();
    match (is_locked, is_output) {
        (true, _) => Exit::Locked,
        (false, true) => Exit::Output,
        (false, false) => Exit::Usage,
    }
}

/// Whatever keeps a command from beginning; its text says the way out.
type Failure = Box<dyn std::error::Error>;

/// Tells people something, beside a bar if there is one, or later.
fn tell(what: &dyn Display) {
    let mut held = HELD_BACK.lock().unwrap_or_else(PoisonError::into_inner);
    match held.as_mut() {
        Some(held) => held.push(what.to_string()),
        None => aside(|| write_line(what)),
    }
}

/// Whoever closed standard error does not want to know.
fn write_line(what: &dyn Display) {
    drop(writeln!(io::stderr(), "{what}"));
}

/// What was told while everything is held back.
static HELD_BACK: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// From now on everything is held back.
fn hold_back() {
    *HELD_BACK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
}

/// The program ends with this: anything but good is told in full.
fn end(exit: Exit) -> Exit {
    let held = HELD_BACK.lock().unwrap_or_else(PoisonError::into_inner).take();
    if exit != Exit::Good {
        held.into_iter().flatten().for_each(|what| write_line(&what));
    }
    exit
}
