//! The flags of `runs`.

#![expect(
    clippy::doc_markdown,
    reason = "docs of flags are help texts, where backticks would show"
)]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};

use super::exit_codes::OF_KEPT_RUNS;
use super::values::{RunRef, age, whole};

const EXAMPLES: &str = "\
Examples:
  bk-launch runs                                  every run, the latest last
  bk-launch runs --unfinished --watch             what goes on, and what can be resumed
  bk-launch runs show                             the latest unfinished run, else the latest
  bk-launch runs show nightly --bad               with every row that ended bad
  bk-launch runs show 20261201-2200 --json
  bk-launch runs prune --keep 20 --older-than 30d";

const PRUNE_EXAMPLES: &str = "\
Examples:
  bk-launch runs prune --keep 20 --older-than 30d --dry-run    what would be removed
  bk-launch runs prune --keep 20";

/// The flags of `runs`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, OF_KEPT_RUNS].join("\n\n"), args_conflicts_with_subcommands = false)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub what: Option<What>,
    #[command(flatten)]
    pub list: ListArgs,
    /// Print JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Folder where runs are kept [env: BK_LAUNCH_STATE] [default: $XDG_STATE_HOME/bk-launch, else
    /// ~/.local/state/bk-launch].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, global = true, help_heading = "Where runs are kept")]
    pub state_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// List runs with their states, names, counts, ages and exit codes (the default).
    List(ListArgs),
    /// Show one run: failures with advice, bad rows, rate, expected end, window, reports, sessions.
    Show(ShowArgs),
    /// Remove finished runs, but never one that is going on.
    ///
    /// If --keep and --older-than are given, both must hold. Without either, only leftovers of runs
    /// that never began are removed.
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune(PruneArgs),
}

/// The flags of `runs list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct ListArgs {
    /// List only runs with bad rows, and those that died, cannot be read, or ended by a failure (exit
    /// 1, 2, 3 or 6); with --unfinished, runs of either kind.
    #[arg(long)]
    pub failed: bool,
    /// List only runs that go on or can be resumed.
    #[arg(long)]
    pub unfinished: bool,
    /// Renew the list every second, on a terminal, until Ctrl-C.
    #[arg(long)]
    pub watch: bool,
}

impl ListArgs {
    /// Joins the flags before and behind the word `list`.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self {
            failed: self.failed || other.failed,
            unfinished: self.unfinished || other.unfinished,
            watch: self.watch || other.watch,
        }
    }
}

/// The flags of `runs show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Id of a run, its beginning, or a --name [default: the latest unfinished run, else the latest].
    pub run: Option<RunRef>,
    /// Show all rows that ended bad, and not only the first 20.
    #[arg(long)]
    pub bad: bool,
    /// Renew the page every second, on a terminal, until the run ends.
    #[arg(long)]
    pub watch: bool,
}

/// The flags of `runs prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Keep the latest N runs.
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub keep: Option<usize>,
    /// Remove only runs that began this long ago, such as 30d, 4w or 720h.
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub older_than: Option<Duration>,
    /// Remove unfinished runs, too, though they could still be resumed.
    #[arg(long)]
    pub unfinished: bool,
    /// Print what would be removed, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
}
