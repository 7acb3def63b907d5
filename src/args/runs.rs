//! The flags of `runs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::age;

const EXAMPLES: &str = "\
Examples:
  bk-launch runs                                  every run, the latest last
  bk-launch runs show 20261201-2200 --json
  bk-launch runs prune --keep 20 --older-than 30d";

/// The flags of `runs`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, args_conflicts_with_subcommands = false)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub what: Option<What>,
    /// As JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Where runs are kept [env: `BK_LAUNCH_STATE`] [default: `$XDG_STATE_HOME/bk-launch`, else
    /// `~/.local/state/bk-launch`].
    #[arg(long, value_name = "FOLDER", global = true)]
    pub state_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Every run, with its state, age and counts (the default).
    List,
    /// One run, with its sessions.
    Show {
        /// A run's id, its beginning, or a --name [default: the latest unfinished run, else the latest].
        run: Option<String>,
    },
    /// Remove finished runs, but never one that is alive.
    ///
    /// Both conditions must hold where both are given. What is left of runs that never began is
    /// removed in any case.
    Prune(PruneArgs),
}

/// The flags of `runs prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Spare the latest N.
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// Remove only what began so long ago, such as 30d, 4w or 720h.
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub older_than: Option<Duration>,
    /// Remove unfinished runs, too, though a resume could still finish them.
    #[arg(long)]
    pub unfinished: bool,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
}
