//! The flags of `run`.

#![expect(
    clippy::doc_markdown,
    reason = "docs of flags are help texts, where backticks would show"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit_codes::OF_A_LAUNCH;
use super::session::SessionArgs;
use super::values::format;
use crate::input::Format;
use crate::rules::expected_rows::ExpectedRows;
use crate::rules::selection::{
    ColumnMap, ColumnMapping, Condition, LineRanges, Selection, SelectionError, TaskIds,
};
use crate::store::RunName;

const EXAMPLES: &str = "\
Examples:
  export BK_APP_CODE=ops BK_APP_SECRET=... BK_TOKEN=...
  bk-launch run tasks.csv -o report.csv --esb https://paas.example.com --confirm
  bk-launch run tasks.csv -o report.csv --gateway 'https://bkapi.example.com/api/{gateway_name}'
  bk-launch run tasks.csv --where 'owner=amy' --where 'bk_biz_id in 2,3' --dry-run
  mysql -B -e 'select ...' | bk-launch run - --format tsv -o report.csv --rate 100/m";

/// The flags of `run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, OF_A_LAUNCH].join("\n\n"))]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub rows: RowArgs,
    #[command(flatten)]
    pub cron: CronArgs,
    #[command(flatten)]
    pub session: SessionArgs,
    /// Keep no record of the run: it cannot be resumed, and a report must be named with -o.
    #[arg(long, help_heading = "Where runs are kept")]
    pub no_journal: bool,
}

/// What is to be started.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// File of rows, or - for standard input (also without INPUT, unless that is a terminal).
    ///
    /// CSV or TSV with a header (bk_biz_id or biz_id, task_id and scope in any order; other columns
    /// are copied to the report), or without one in that order; or JSON Lines. A report of this
    /// program is a valid input.
    #[arg(help_heading = None::<&str>)]
    pub input: Option<PathBuf>,
    /// Format of the input [default: by its extension; csv without one].
    ///
    /// In TSV, NULL and \N in the columns of ids and scope mean no value, as databases write it.
    #[arg(long, value_name = "csv|tsv|jsonl", value_parser = format(), hide_possible_values = true)]
    pub format: Option<Format>,
    /// What to do if a file has rows that cannot be used: start nothing, or start the others.
    ///
    /// Standard input cannot be checked first, so for it this is always skip.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnInvalidArg::Stop)]
    pub on_invalid: OnInvalidArg,
}

/// Which rows of the input are of the run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rows")]
pub(crate) struct RowArgs {
    /// Take only rows for which this holds: COLUMN=VALUE, COLUMN!=VALUE, COLUMN in A,B, COLUMN not in
    /// A,B, COLUMN prefix A or COLUMN not prefix A; repeatable: all must hold.
    ///
    /// Any column of the input can be named. Rows that are left out are no part of the run: they are
    /// in no report and no count.
    #[arg(long = "where", id = "where", value_name = "CONDITION")]
    pub conditions: Vec<Condition>,
    /// Take only these tasks, such as 2001,2002; repeatable.
    #[arg(long, value_name = "TASK_IDS", allow_hyphen_values = true)]
    pub only: Vec<TaskIds>,
    /// Leave out these tasks; repeatable.
    #[arg(long, value_name = "TASK_IDS", allow_hyphen_values = true)]
    pub skip: Vec<TaskIds>,
    /// Take only rows that begin on these lines of the file: 100-200, 100-, -200 or 7; repeatable.
    #[arg(long, value_name = "LINES", allow_hyphen_values = true)]
    pub lines: Vec<LineRanges>,
    /// Say which header (or key of JSON Lines) holds bk_biz_id, task_id or scope, if it has another
    /// name: bk_biz_id=业务ID; repeatable.
    #[arg(long, value_name = "COLUMN=HEADER")]
    pub map: Vec<ColumnMapping>,
}

impl RowArgs {
    /// Returns the selection that the flags make.
    pub(crate) fn selection(self) -> Result<Selection, SelectionError> {
        let Self { conditions, only, skip, lines, map } = self;
        let all = |lists: Vec<TaskIds>| lists.iter().flat_map(TaskIds::iter).collect();
        let selection = Selection {
            map: ColumnMap::of(map)?,
            conditions,
            only: all(only),
            skip: all(skip),
            lines: lines.into_iter().collect(),
        };
        selection.checked()
    }
}

/// What to do if a file holds rows that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInvalidArg {
    /// Start nothing.
    Stop,
    /// Start the other rows.
    Skip,
}

/// How a run is started by a timer.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cron")]
pub(crate) struct CronArgs {
    /// Name of the run, such as nightly; one run of a name goes on at a time, a second one ends with
    /// exit code 5.
    #[arg(long, value_name = "NAME")]
    pub name: Option<RunName>,
    /// Start nothing if the file has fewer or more rows than this, such as 100.. or 1..500.
    #[arg(long, value_name = "FROM..TO")]
    pub expect_rows: Option<ExpectedRows>,
}
