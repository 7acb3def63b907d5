//! The face: what people type, what they are told, and the exit code.
//!
//! Each command is a file. Only this module and those in it talk to a terminal.

#![expect(clippy::print_stderr, reason = "the face tells people what happens, on stderr")]

mod args;
mod check;
mod demo;
mod ending;
mod exit;
mod files;
mod mock;
mod plan;
mod run;
mod settings;
mod terminal;

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::{Cli, Command};
use exit::Exit;

use crate::report::ReportError;

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = match cli.command {
        Command::Run(args) => {
            run::run(*args, matches.subcommand_matches("run").unwrap_or(&matches))
        }
        Command::Mock(args) => mock::run(*args),
        Command::Demo => demo::run(),
    };
    done.unwrap_or_else(|error| failed(&error)).into()
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
    match error.downcast_ref() {
        Some(ReportError::Write { .. }) => Exit::Output,
        _ => Exit::Usage,
    }
}

/// Whatever keeps a command from beginning; its text says the way out.
type Failure = Box<dyn std::error::Error>;

/// Tells people something.
fn tell(what: &dyn Display) {
    eprintln!("{what}");
}
