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
#[cfg(test)]
mod flags_page;
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
mod screen;
mod session;
mod settings;
mod staging;
mod stdout;
mod terminal;
mod timing;
mod trust;
mod warnings;
mod watch;

use std::fmt::Display;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};

use args::{Cli, Command};
use exit::Exit;

use crate::journal::JournalError;
use crate::monitor::console::{self, Release, TextKind};
use crate::report::ReportError;
use crate::store::{NameTaken, StoreError};
use session::Alive;

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    console::catch_panics();
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
        || matches!(error.downcast_ref(), Some(StoreError::Write { .. }))
        || matches!(
            error.downcast_ref(),
            Some(JournalError::Write { .. } | JournalError::Gone { .. })
        );
    let is_locked = error.is::<Alive>() || error.is::<NameTaken>();
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
    console::show(TextKind::Notice, &what.to_string());
}

/// From now on everything is held back.
fn hold_back() {
    console::defer();
}

/// The program ends with this: anything but good is told in full.
fn end(exit: Exit) -> Exit {
    if IS_ABORTED.load(Ordering::Acquire) {
        // Another thread ends the program, in a moment.
        loop {
            thread::park();
        }
    }
    close(exit, console::MAX_WAIT);
    exit
}

/// Whether a second signal ends the program.
static IS_ABORTED: AtomicBool = AtomicBool::new(false);

/// Keeps the program from ending in another way than by [`abort`].
fn begin_to_abort() {
    IS_ABORTED.store(true, Ordering::Release);
}

/// Longest wait for standard error when a second signal ends the program.
const LAST_TEXT: Duration = Duration::from_millis(200);

/// Ends the program at once, whatever its other threads do.
fn abort(exit: Exit) -> ! {
    close(exit, LAST_TEXT);
    std::process::exit(exit.code().into());
}

fn close(exit: Exit, patience: Duration) {
    let release = if exit == Exit::Good { Release::Drop } else { Release::Show };
    console::close(release, patience);
}
