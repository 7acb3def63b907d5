//! `bk-launch completions` and `bk-launch man`: what a package installs beside
//! the program.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::failure::Failure;
use crate::args::Cli;
use crate::session::exit::Exit;

/// Writes the completions for `shell` to standard output.
pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bk-launch", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Exit::Good)
}

/// Writes the manual, a page for the program and for each of its commands, to
/// standard output.
pub(crate) fn man() -> Result<Exit, Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    page(&command, &mut pages)?;
    for sub in command.get_subcommands() {
        page(sub, &mut pages)?;
    }
    io::stdout().write_all(&pages)?;
    Ok(Exit::Good)
}

fn page(command: &Command, pages: &mut Vec<u8>) -> io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(pages)
}
