//! `bk-launch completions` and `bk-launch man`: what a package installs beside
//! the program.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::command_error::CommandError;
use crate::args::Cli;
use crate::session::exit::Exit;

/// Writes the completions for `shell` to standard output.
pub(crate) fn completions(shell: Shell) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bk-launch", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Exit::Good)
}

/// Writes the manual, a page for the program and for each of its commands, to
/// standard output.
pub(crate) fn man() -> Result<Exit, CommandError> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut manual = Vec::new();
    pages(&command, &mut manual)?;
    io::stdout().write_all(&manual)?;
    Ok(Exit::Good)
}

/// What a page names as its source.
const SOURCE: &str = concat!("bk-launch ", env!("CARGO_PKG_VERSION"));

/// Appends the page of `command`, and then those of its commands.
fn pages(command: &Command, manual: &mut Vec<u8>) -> io::Result<()> {
    clap_mangen::Man::new(command.clone()).source(SOURCE).render(manual)?;
    command.get_subcommands().try_for_each(|sub| pages(sub, manual))
}
