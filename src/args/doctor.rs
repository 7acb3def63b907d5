//! The flags of `doctor`. Each is a flag of `run`, too, and means the same.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::exit_codes::OF_A_LOOK;
use super::run::RowArgs;
use super::server::ServerArgs;
use super::session::{ConfigArgs, StateArgs};
use super::values::{at_least_one, format};
use crate::input::Format;

const EXAMPLES: &str = "\
Examples:
  bk-launch doctor                                  what a run would use here, and what is missing
  bk-launch doctor tasks.csv                        and whether the tasks of a list may be viewed
  bk-launch doctor --profile prod --json | jq .     the same for a program";

/// The flags of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, OF_A_LOOK].join("\n\n"))]
pub(crate) struct DoctorArgs {
    /// File of rows; up to five of different businesses are asked for. Without it the right to view
    /// cannot be proved.
    #[arg(help_heading = None::<&str>)]
    pub input: Option<PathBuf>,
    /// Format of the input [default: by its extension; csv without one].
    #[arg(long, value_name = "csv|tsv|jsonl", value_parser = format(), hide_possible_values = true)]
    #[arg(help_heading = "Input")]
    pub format: Option<Format>,
    #[command(flatten)]
    pub rows: RowArgs,
    #[command(flatten)]
    pub server: ServerArgs,
    /// If the legacy ESB refuses a GET, send the credentials in the query, where the access logs of
    /// every proxy on the way show them.
    #[arg(long, help_heading = "Server")]
    pub esb_legacy_get: bool,
    /// Number of requests in flight that the limit of open files must allow.
    #[arg(long, value_name = "N", default_value = "16", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true, help_heading = "Limits")]
    pub concurrency: NonZeroUsize,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub state: StateArgs,
    /// Print what was found as one JSON object on standard output.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
