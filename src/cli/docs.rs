//! `bk-launch completions` and `bk-launch man`: what a package installs beside
//! the program.

use std::fs;
use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::command_error::CommandError;
use crate::args::Cli;
use crate::args::docs::ManArgs;
use crate::session::exit::Exit;

/// Writes the completions for `shell` to standard output.
pub(crate) fn completions(shell: Shell) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    match shell {
        Shell::Bash => script.extend(include_bytes!("completions/bk-launch.bash")),
        Shell::Fish => script.extend(include_bytes!("completions/bk-launch.fish")),
        Shell::Zsh => script.extend(include_bytes!("completions/bk-launch.zsh")),
        other => {
            clap_complete::generate(other, &mut Cli::command(), "bk-launch", &mut script);
        }
    }
    io::stdout().write_all(&script)?;
    Ok(Exit::Good)
}

/// Writes the manual, a page for the program and for each of its commands: to a folder, or to
/// standard output.
pub(crate) fn man(args: &ManArgs) -> Result<Exit, CommandError> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    let Some(folder) = &args.dir else {
        for Page { text, .. } in pages {
            io::stdout().write_all(&text)?;
        }
        return Ok(Exit::Good);
    };
    let failed = |path: &std::path::Path, error| {
        format!("--dir: cannot write the manual to {}: {error}", path.display())
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for Page { file, text } in pages {
        let path = folder.join(file);
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(Exit::Good)
}

/// What a page names as its source.
const SOURCE: &str = concat!("bk-launch ", env!("CARGO_PKG_VERSION"));

/// A page of the manual.
struct Page {
    file: String,
    text: Vec<u8>,
}

/// Appends the page of `command`, and then those of its commands.
fn collect(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let man = clap_mangen::Man::new(command.clone()).source(SOURCE);
    let mut text = Vec::new();
    man.render(&mut text)?;
    pages.push(Page { file: man.get_filename(), text });
    command.get_subcommands().try_for_each(|sub| collect(sub, pages))
}
