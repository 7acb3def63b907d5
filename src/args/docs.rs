//! The flags of `completions` and `man`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::exit_codes::OF_AN_AID;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(bk-launch completions bash)                             in ~/.bashrc
  bk-launch completions zsh >\"${fpath[1]}/_bk-launch\"
  bk-launch completions fish >~/.config/fish/completions/bk-launch.fish

In bash, zsh and fish the program is asked while you type, so the ids and names of runs, profiles
and time zones are completed, too. elvish and powershell get commands and flags.";

const MAN_EXAMPLES: &str = "\
Examples:
  bk-launch man --dir /usr/local/share/man/man1    then: man bk-launch-run
  bk-launch man | man -l -                         all pages at once";

/// The flags of `completions`.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES, after_long_help = [COMPLETIONS_EXAMPLES, OF_AN_AID].join("\n\n"))]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// The flags of `man`.
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES, after_long_help = [MAN_EXAMPLES, OF_AN_AID].join("\n\n"))]
pub(crate) struct ManArgs {
    /// Write a page for each command to this folder, and print nothing; the folder is made if it
    /// is missing.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}
