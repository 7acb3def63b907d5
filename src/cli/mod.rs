//! The face: what people type, what they are told, and the exit code.
//!
//! Each command is a file or a folder. Only this room talks to a
//! terminal.

mod bench;
mod check;
mod command_error;
mod complete;
mod demo;
mod docs;
mod doctor;
mod drive;
mod end;
mod init;
mod logs;
mod mock;
mod monitoring;
mod notice;
mod outside;
mod prune;
mod reader;
mod report;
mod resume;
mod run;
mod runs;
mod screen;
mod settings;
mod stages;
mod stdout;
mod terminal;
mod warnings;
mod watch;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use command_error::{CommandError, exit_of};
use notice::notice;

pub use outside::{AtOnce, DrivenSession, NoticeSink, Outside, SessionDriver, Variables};

use crate::args::{self, Command};
use crate::monitor::console;
use crate::session::exit::Exit;

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    console::catch_panics();
    let words: Vec<_> = std::env::args_os().collect();
    if let Some(typed) = complete::asked(&words) {
        return end::end(complete::run(typed).unwrap_or(Exit::Usage)).into();
    }
    let (command, matches) = args::parse(words.clone()).unwrap_or_else(|error| error.exit());
    let done = match command {
        Command::Run(args) => in_process(words, |outside| run::run(*args, &matches, outside)),
        Command::Resume(args) => in_process(words, |outside| resume::run(&args, &matches, outside)),
        Command::Runs(args) => runs::run(args),
        Command::Report(args) => report::run(args),
        Command::Bench(args) => bench::run(*args),
        Command::Doctor(args) => doctor::run(&args, &words),
        Command::Init(args) => init::run(*args),
        Command::Mock(args) => mock::run(*args),
        Command::Demo => demo::run(),
        Command::Completions(args) => docs::completions(args.shell),
        Command::Man(args) => docs::man(&args),
    };
    end::end(done.unwrap_or_else(|error| failed(&error))).into()
}

/// Runs a command that is handed what this process reaches.
fn in_process(
    words: Vec<OsString>,
    command: impl FnOnce(Outside) -> Result<Exit, CommandError>,
) -> Result<Exit, CommandError> {
    command(Outside::of_process(words)?)
}

/// Reads the words of `outside`, and does what they say: `run` or `resume`, in what it is handed.
/// Returns the exit code; why a command did not begin is said like everything else.
#[must_use]
pub fn execute(outside: Outside) -> u8 {
    let notices = outside.notices.clone();
    let done = match args::parse(outside.words.clone()) {
        Ok((Command::Run(args), matches)) => run::run(*args, &matches, outside),
        Ok((Command::Resume(args), matches)) => resume::run(&args, &matches, outside),
        Ok(_) => Err("only run and resume can be handed what they reach".into()),
        Err(error) => Err(error.to_string().into()),
    };
    let exit = done.unwrap_or_else(|error| {
        notices.say(&format_args!("error: {error}"));
        exit_of(&error)
    });
    exit.code()
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
