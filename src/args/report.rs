//! The flags of `report`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::exit_codes::OF_KEPT_RUNS;
use super::session::StateArgs;
use super::values::RunRef;
use crate::rules::outcome_filter::OutcomeWord;

const EXAMPLES: &str = "\
Examples:
  bk-launch report -o report.csv                    of the latest unfinished run, else the latest
  bk-launch report 20261201-2200 -o report.jsonl
  bk-launch report -o - | less
  bk-launch report --only bad -o bad.csv            rows that somebody has to look at
  bk-launch report 20261201-2200 --only failed,rejected -o - | bk-launch run - -o again.csv
  bk-launch report nightly -o - --follow            what a run settles, while it goes on";

/// The flags of `report`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, OF_KEPT_RUNS].join("\n\n"))]
pub(crate) struct ReportArgs {
    /// Id of a run, its beginning, or a --name [default: the latest unfinished run, else the latest].
    pub run: Option<RunRef>,
    /// Write a report: .csv, .tsv or .jsonl, or - for CSV on standard output; repeatable.
    #[arg(short, long = "output", value_name = "FILE", required = true)]
    pub outputs: Vec<PathBuf>,
    /// Write only rows with these outcomes, such as failed,unknown; bad and good are all that count
    /// so.
    ///
    /// A report is a valid input, so its rows can be launched again by a run of their own.
    #[arg(long, value_name = "OUTCOMES", value_delimiter = ',', value_parser = outcome())]
    pub only: Vec<OutcomeWord>,
    /// Write rows in the order in which they are settled, and go on until the run ends; needs -o - or
    /// a named pipe.
    #[arg(long, conflicts_with = "json")]
    pub follow: bool,
    /// Overwrite a report that already exists.
    #[arg(long)]
    pub force: bool,
    /// Print the counts as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub state: StateArgs,
}

/// Reads an outcome, or a group of them.
fn outcome() -> impl TypedValueParser<Value = OutcomeWord> {
    PossibleValuesParser::new(OutcomeWord::words()).try_map(|word| word.parse::<OutcomeWord>())
}
