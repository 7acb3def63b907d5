//! The flags of `report`.

use std::path::PathBuf;

use clap::Args;

use super::session::StateArgs;

const EXAMPLES: &str = "\
Examples:
  bk-launch report -o report.csv                    of the latest unfinished run, else the latest
  bk-launch report 20261201-2200 -o report.jsonl
  bk-launch report -o - | less";

/// The flags of `report`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ReportArgs {
    /// A run's id, its beginning, or a --name [default: the latest unfinished run, else the latest].
    pub run: Option<String>,
    /// A report: .csv, .tsv or .jsonl, or - for CSV on standard output; repeatable.
    #[arg(short, long = "output", value_name = "FILE", required = true)]
    pub outputs: Vec<PathBuf>,
    /// Overwrite a report that is there already.
    #[arg(long)]
    pub force: bool,
    /// The counts as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub state: StateArgs,
}
