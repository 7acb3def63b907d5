//! The face: what people type, what they are told, and the exit code.
//!
//! Each command is a file or a folder. Only this room talks to a
//! terminal.

mod bench;
mod check;
mod command_error;
mod config;
mod demo;
mod docs;
mod drive;
mod end;
mod logs;
mod mock;
mod monitoring;
mod notice;
mod prune;
mod report;
mod resume;
mod run;
mod runs;
mod saved_flags;
mod screen;
mod setting_list;
mod settings;
mod stages;
mod stdout;
mod terminal;
mod trust;
mod warnings;

use std::io;
use std::process::ExitCode;

use command_error::{CommandError, exit_of};
use notice::notice;

use crate::args::{self, Command};
use crate::monitor::console;
use crate::session::exit::Exit;

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    console::catch_panics();
    let words = std::env::args_os();
    let (command, matches) = args::parse(words).unwrap_or_else(|error| error.exit());
    let done = match command {
        Command::Run(args) => run::run(*args, &matches),
        Command::Resume(args) => resume::run(&args, &matches),
        Command::Runs(args) => runs::run(args),
        Command::Report(args) => report::run(args),
        Command::Bench(args) => bench::run(*args),
        Command::Mock(args) => mock::run(*args),
        Command::Demo => demo::run(),
        Command::Completions { shell } => docs::completions(shell),
        Command::Man => docs::man(),
    };
    end::end(done.unwrap_or_else(|error| failed(&error))).into()
}

/// Says why a command did not begin. If somebody closed our standard output, they have seen
/// enough, which is no error.
fn failed(error: &CommandError) -> Exit {
    if let Some(io) = error.downcast_ref::<io::Error>()
        && io.kind() == io::ErrorKind::BrokenPipe
    {
        return Exit::Good;
    }
    notice(&format_args!("error: {error}"));
    exit_of(error)
}
