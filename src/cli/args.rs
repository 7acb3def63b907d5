//! What can be typed: the commands and their flags, as clap reads them.
//!
//! Only the form of each word is checked here; what the words mean together is
//! [`settings`](super::settings)' work.

#![expect(
    clippy::doc_markdown,
    reason = "docs of flags are help texts, where backticks would show"
)]

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::logs::LogFormat;
use crate::domain::rate::Rate;
use crate::rules::budget::Budget;
use crate::rules::retry::Backoff;
use crate::rules::stages::Stages;
use crate::rules::window::{Daily, When};
use crate::store::RunName;

/// Starts many BlueKing bk-sops tasks from a list, within limits, and reports
/// what became of every one.
#[derive(Debug, Parser)]
#[command(name = "bk-launch", version, arg_required_else_help = true, after_long_help = EXAMPLES)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bk-launch demo                               see it work, against a server inside
  bk-launch run tasks.csv -o report.csv        start every task of a file
  bk-launch resume                             finish what was interrupted
  bk-launch bench                              measure a mock; with INPUT, the endpoint
  bk-launch mock --port 8080 --fault 502=5%    a bk-sops to try things on

Run 'bk-launch COMMAND --help' for the flags of a command, with examples.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the tasks of a list, and report on each.
    Run(Box<RunArgs>),
    /// Finish a run that was interrupted or stopped.
    Resume(Box<ResumeArgs>),
    /// List runs, show one, or remove old ones.
    Runs(super::runs::RunsArgs),
    /// Write the report of a run again, in any format, in the order of its input.
    Report(super::report::ReportArgs),
    /// Measure the endpoint under load.
    Bench(Box<super::bench::args::BenchArgs>),
    /// Be a bk-sops to try things on: faults, latency, limits, its own counts.
    Mock(Box<super::mock::MockArgs>),
    /// Start the mock, launch a sample through it, and show the report.
    Demo,
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Print the manual pages.
    Man,
}

const RUN_EXAMPLES: &str = "\
Examples:
  export BK_APP_CODE=ops BK_APP_SECRET=... BK_TOKEN=...
  bk-launch run tasks.csv -o report.csv --esb https://paas.example.com --confirm
  bk-launch run tasks.csv -o report.csv --gateway 'https://bkapi.example.com/api/{gateway_name}'
  mysql -B -e 'select ...' | bk-launch run - --format tsv -o report.csv --rate 100/m

Exit codes:
  0  every row ended good          3  stopped: credentials, URL, budget, or the server is gone
  1  some rows ended bad           6  the journal or a report could not be written
  2  nothing was sent: usage, settings or input
  4  stopped: the window closed; the rest is pending
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM; a second signal stops at once";

/// The flags of `run`.
#[derive(Debug, Args)]
#[command(after_long_help = RUN_EXAMPLES)]
pub(super) struct RunArgs {
    /// What is to be started.
    #[command(flatten)]
    pub input: InputArgs,
    /// How much of it.
    #[command(flatten)]
    pub much: MuchArgs,
    /// A look before anything is sent.
    #[command(flatten)]
    pub look: LookArgs,
    /// Where the report goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How fast.
    #[command(flatten)]
    pub limiter: GateArgs,
    /// How often.
    #[command(flatten)]
    pub again: AgainArgs,
    /// What is asked beside the starts.
    #[command(flatten)]
    pub certainty: CertaintyArgs,
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// In which stages.
    #[command(flatten)]
    pub stages: StageArgs,
    /// How it is started by a timer.
    #[command(flatten)]
    pub cron: CronArgs,
    /// Who is told of it.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// What is shown.
    #[command(flatten)]
    pub looks: LooksArgs,
    /// Whose settings.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Where runs are kept.
    #[command(flatten)]
    pub state: StateArgs,
    /// Keep no run: nothing can be resumed, and a report must be named with -o.
    #[arg(long, help_heading = "State")]
    pub no_journal: bool,
}

const RESUME_EXAMPLES: &str = "\
Examples:
  bk-launch resume                        the latest run that is not finished
  bk-launch resume 20261201-2200          the run whose id begins like that
  bk-launch resume --retry-failed         its bad rows again, too
  bk-launch resume --rate 100/m           with another rate; all else is as it was

Rows that an earlier session may have started are sent again: the server starts a task at most
once. Exit codes are those of run; 5 means that the run is still alive.";

/// The flags of `resume`.
#[derive(Debug, Args)]
#[command(after_long_help = RESUME_EXAMPLES)]
pub(super) struct ResumeArgs {
    /// A run's id, its beginning, or a --name [default: the latest unfinished run, else the latest].
    #[arg(help_heading = "Arguments")]
    pub run: Option<String>,
    /// Take up rows that ended rejected, failed, unknown or unconfirmed, too.
    #[arg(long, help_heading = "Input")]
    pub retry_failed: bool,
    /// Go on at another server than the run's, though it was sent to before.
    #[arg(long, help_heading = "Server")]
    pub target_changed: bool,
    /// How much of it.
    #[command(flatten)]
    pub much: MuchArgs,
    /// A look before anything is sent.
    #[command(flatten)]
    pub look: LookArgs,
    /// Where the report goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How fast.
    #[command(flatten)]
    pub limiter: GateArgs,
    /// How often.
    #[command(flatten)]
    pub again: AgainArgs,
    /// What is asked beside the starts.
    #[command(flatten)]
    pub certainty: CertaintyArgs,
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// In which stages.
    #[command(flatten)]
    pub stages: StageArgs,
    /// Who is told of it.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// What is shown.
    #[command(flatten)]
    pub looks: LooksArgs,
    /// Whose settings.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Where runs are kept.
    #[command(flatten)]
    pub state: StateArgs,
}

/// How much of an input is launched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(super) struct MuchArgs {
    /// Launch the first N rows that can be launched; the others are pending.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// What is asked beside the starts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Certainty")]
pub(super) struct CertaintyArgs {
    /// Ask get_task_status until each started task runs, for up to TIMEOUT [default without a
    /// value: 60s].
    ///
    /// An accepted task is only queued, and the server may fail to start it silently: then it is
    /// sent again, out of --retries. A resume or a profile is told off with --confirm=off.
    #[arg(long, value_name = "TIMEOUT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "60s", value_parser = duration_or_off)]
    pub confirm: Option<Duration>,
    /// Ask get_task_detail for the link of each task whose answers had none, when nothing else is
    /// to be sent.
    #[arg(long)]
    pub lookup: bool,
    /// Where the legacy ESB refuses a GET: let it have the credentials in the query, and so in the
    /// access logs of every proxy on the way.
    #[arg(long)]
    pub esb_legacy_get: bool,
}

/// When requests may leave.
#[derive(Debug, Args)]
#[command(next_help_heading = "Window")]
pub(super) struct WindowArgs {
    /// Send nothing before: 22:00 (the next one), 2026-12-01T22:00+08:00, or +90m from now.
    #[arg(long, value_name = "WHEN", conflicts_with = "window")]
    pub start_at: Option<When>,
    /// Send nothing from then on; what is left is pending, exit 4, and can be resumed.
    #[arg(long, value_name = "WHEN", conflicts_with = "window")]
    pub stop_at: Option<When>,
    /// Send only within these hours of each day; a resume keeps that, and takes the next window.
    #[arg(long, value_name = "22:00-04:00")]
    pub window: Option<Daily>,
    /// The zone of all these times, such as Asia/Shanghai [default: the system's].
    ///
    /// A time that a change of the clocks skips is as much later; of one that occurs twice, the
    /// first is meant.
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub tz: Option<TimeZone>,
    /// Send no new row in the last minutes of the window; rows that were sent may go on.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub cutoff: Option<Duration>,
    /// Start nothing if the rows do not fit into the window.
    #[arg(long)]
    pub require_fit: bool,
    /// Wait a while before the first request, drawn at random up to TIME.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub jitter: Option<Duration>,
}

/// In which stages a launch goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stages")]
pub(super) struct StageArgs {
    /// Where stages end, in rows of the input or shares of them; each is settled before the next
    /// begins.
    #[arg(long, value_name = "1,10%,100%")]
    pub stages: Option<Stages>,
    /// Wait so long between two stages.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "stages")]
    pub stage_pause: Option<Duration>,
    /// Ask on the terminal before each further stage; any answer but yes stops the run, exit 3.
    #[arg(long, requires = "stages")]
    pub stage_ask: bool,
}

/// How a run is started by a timer.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cron")]
pub(super) struct CronArgs {
    /// Call the run so; one run of a name goes on at a time, a second one ends with exit 5.
    #[arg(long, value_name = "NAME")]
    pub name: Option<RunName>,
    /// Start nothing if the file has fewer or more rows than that, such as 100.. or 1..500.
    #[arg(long, value_name = "FROM..TO")]
    pub expect_rows: Option<RowsExpected>,
}

/// Who is told how a run goes and ends.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cron")]
#[expect(clippy::struct_field_names, reason = "each flag names a file")]
pub(super) struct WatchArgs {
    /// Write metrics for the textfile collector of node_exporter: at the start, every 15 s, and at
    /// the end.
    #[arg(long, value_name = "FILE.prom")]
    pub metrics_file: Option<PathBuf>,
    /// A file that holds the URL of a check in the convention of healthchecks.io; it is pinged at
    /// the start and at the end, with the summary [else: BK_LAUNCH_PING_URL].
    #[arg(long, value_name = "FILE")]
    pub ping_url_file: Option<PathBuf>,
    /// A file that holds a URL to which the summary is posted as JSON [else: BK_LAUNCH_NOTIFY_URL].
    #[arg(long, value_name = "FILE")]
    pub notify_url_file: Option<PathBuf>,
}

/// How many rows a file must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowsExpected {
    from: u64,
    to: Option<u64>,
}

impl RowsExpected {
    /// Whether so many are right.
    pub(super) fn holds(self, rows: u64) -> bool {
        rows >= self.from && self.to.is_none_or(|to| rows <= to)
    }
}

impl std::str::FromStr for RowsExpected {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write it as 100.., 1..500, ..500 or 42";
        let number = |text: &str| text.parse::<u64>().map_err(|_| FORM);
        let (from, to) = match text.split_once("..") {
            None => (number(text)?, Some(number(text)?)),
            Some(("", "")) => return Err(FORM),
            Some((from, "")) => (number(from)?, None),
            Some(("", to)) => (0, Some(number(to)?)),
            Some((from, to)) => (number(from)?, Some(number(to)?)),
        };
        if to.is_some_and(|to| to < from) { Err(FORM) } else { Ok(Self { from, to }) }
    }
}

impl std::fmt::Display for RowsExpected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.from, self.to) {
            (from, Some(to)) if from == to => write!(f, "{from}"),
            (from, Some(to)) => write!(f, "{from}..{to}"),
            (from, None) => write!(f, "{from}.."),
        }
    }
}

/// Whose settings are taken where a flag is not given.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct ConfigArgs {
    /// A file with profiles [default: bk-launch.toml here, if it is yours or root's and nobody else
    /// may write it, else $XDG_CONFIG_HOME/bk-launch/config.toml].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The profile of that file whose settings are taken [default: the one it names, if any].
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Read no config file.
    #[arg(long, conflicts_with_all = ["config", "profile"])]
    pub no_config: bool,
}

/// Where runs are kept.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "State")]
pub(super) struct StateArgs {
    /// Where runs are kept [env: BK_LAUNCH_STATE] [default: $XDG_STATE_HOME/bk-launch, else
    /// ~/.local/state/bk-launch].
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
}

/// What is to be started.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(super) struct InputArgs {
    /// A file of rows, or - for standard input (also without INPUT, unless that is a terminal).
    ///
    /// CSV or TSV with a header (bk_biz_id or biz_id, task_id, scope, in any order; other
    /// columns are carried through to the report) or without one, in that order; or JSON Lines.
    /// A report of this program is a valid input.
    #[arg(help_heading = "Arguments")]
    pub input: Option<PathBuf>,
    /// How the input is written [default: by its extension; csv without one].
    ///
    /// In TSV, NULL and \N in the columns of ids and scope are no value, as databases write it.
    #[arg(long, value_name = "csv|tsv|jsonl")]
    pub format: Option<crate::input::Format>,
    /// What to do if a file holds rows that cannot be used: start nothing, or the others.
    ///
    /// Standard input cannot be looked through first, so there it is always skip.
    #[arg(long, value_enum, default_value_t = OnInvalid::Stop)]
    pub on_invalid: OnInvalid,
}

/// A look before anything is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "First look")]
pub(super) struct LookArgs {
    /// Print what would happen, and send nothing.
    #[arg(long, conflicts_with = "check")]
    pub dry_run: bool,
    /// Prove URL, credentials and the right to view by get_task_status of up to five rows; start
    /// nothing.
    ///
    /// They are the first rows of different businesses, as far as there are any. A row that is not
    /// there is a warning, as long as another one proves the right to view. Exit 0, or 3 with what
    /// is wrong.
    #[arg(long)]
    pub check: bool,
}

/// What to do if a file holds rows that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OnInvalid {
    /// Start nothing.
    Stop,
    /// Start the others.
    Skip,
}

/// Where the report goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// A report: one line a row, in the order in which they were settled; .csv, .tsv or .jsonl,
    /// or - for CSV on standard output; repeatable [default: report.csv in the run's folder].
    #[arg(short, long = "output", id = "output", value_name = "FILE")]
    pub outputs: Vec<PathBuf>,
    /// Overwrite a report that is there already.
    #[arg(long)]
    pub force: bool,
    /// The summary as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Where the server is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(super) struct ServerArgs {
    /// The ESB [env: BK_COMPONENT_API_URL].
    #[arg(long, value_name = "URL", conflicts_with = "gateway")]
    pub esb: Option<String>,
    /// The API gateway, with {gateway_name} in it [env: BK_API_URL_TMPL].
    #[arg(long, value_name = "TEMPLATE")]
    pub gateway: Option<String>,
    /// The gateway's stage.
    #[arg(long, value_name = "STAGE", default_value = "prod")]
    pub gateway_stage: String,
    /// A file that holds the app secret [else: BK_APP_SECRET, or bk_app_secret in
    /// $CREDENTIALS_DIRECTORY].
    #[arg(long, value_name = "FILE")]
    pub app_secret_file: Option<PathBuf>,
    /// A file that holds the token [else: BK_TOKEN, or bk_token in $CREDENTIALS_DIRECTORY].
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted beside the system's: those of issuers, or exactly the
    /// server's own.
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Believe any certificate: whoever answers gets the credentials.
    #[arg(long)]
    pub insecure: bool,
    /// For one request and its answer [default: 35s by ESB, 125s by gateway].
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub timeout: Option<Duration>,
    /// For a connection.
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "5s")]
    pub connect_timeout: Duration,
}

/// How fast.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct GateArgs {
    /// Requests per time, retries included: 20/s, 100/m, 5000/h or unlimited.
    #[arg(long, value_name = "RATE", default_value = "20/s", allow_hyphen_values = true)]
    pub rate: Rate,
    /// How many requests may leave at once, where more than the even pace allows.
    #[arg(long, value_name = "N")]
    pub burst: Option<NonZeroU32>,
    /// Starts of one business per time.
    #[arg(long, value_name = "RATE", default_value = "unlimited", allow_hyphen_values = true)]
    pub rate_per_biz: Rate,
    /// Requests in flight.
    #[arg(long, value_name = "N", default_value = "16", value_parser = at_least_one, allow_negative_numbers = true)]
    pub concurrency: NonZeroUsize,
    /// Requests in flight of one business.
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    pub concurrency_per_biz: Option<NonZeroUsize>,
    /// Rows that may be open: waiting for their turn, a hold or a retry.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = at_least_one, allow_negative_numbers = true)]
    pub lookahead: NonZeroUsize,
}

/// How often.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retries")]
pub(super) struct AgainArgs {
    /// Sends of a row after the first; throttled answers and those of an outage do not count.
    #[arg(long, value_name = "N", default_value = "4", allow_negative_numbers = true)]
    pub retries: u32,
    /// The wait before a retry: its first value, doubled up to the last.
    #[arg(long, value_name = "FROM..TO", default_value = "500ms..30s")]
    pub backoff: Backoff,
    /// How long a limit may refuse everything of a business before its rows fail; if it is the
    /// app's own limit, the run stops.
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "15m")]
    pub throttle_patience: Duration,
    /// How long bk-sops may be gone before the run stops.
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "15m")]
    pub outage_patience: Duration,
    /// Stop after more than so many rows failed, 10 or 5% of them (exit 3).
    ///
    /// No more rows are out at a time than may fail yet, so with 0 they go one by one.
    #[arg(long, value_name = "N|P%")]
    pub max_failures: Option<Budget>,
    /// How a task counts that somebody else had started.
    #[arg(long, value_enum, default_value_t = AlreadyStartedArg::Ok)]
    pub already_started: AlreadyStartedArg,
}

/// What is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Looks")]
pub(super) struct LooksArgs {
    /// How progress is shown: auto is a bar on a terminal, else a line every ten seconds.
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto)]
    pub progress: ProgressArg,
    /// Nothing at all, unless the exit code is not 0: then everything.
    #[arg(short, long)]
    pub quiet: bool,
    /// Log each attempt; -vv each decision too, with its reason (RUST_LOG beats it).
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How logs are written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressArg {
    /// A bar on a terminal, else lines.
    Auto,
    /// A bar.
    Bar,
    /// A line every ten seconds.
    Plain,
    /// Nothing.
    None,
}

/// How a task counts that somebody else had started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlreadyStartedArg {
    /// As good.
    Ok,
    /// As bad.
    Fail,
}

/// Reads a time such as 500ms, 35s or 15m.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let form = || "write a time as 500ms, 35s, 15m or 2h".to_owned();
    let signed: SignedDuration = text.parse().map_err(|_| form())?;
    let duration = Duration::try_from(signed).map_err(|_| form())?;
    if duration.is_zero() { Err("a time of 0 leaves no time at all".into()) } else { Ok(duration) }
}

/// The same, or `off`, which is no time at all.
fn duration_or_off(text: &str) -> Result<Duration, String> {
    if text == "off" { Ok(Duration::ZERO) } else { duration(text) }
}

fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "name a zone as Asia/Shanghai, Europe/Berlin or UTC".to_owned())
}

pub(super) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<u32>() {
        Ok(number) => NonZeroUsize::new(number as usize).ok_or_else(|| "must be at least 1".into()),
        Err(_) => Err("must be a whole number from 1 to 4294967295".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn rows_are_expected_within_bounds() {
        for (text, few, many, shown) in
            [("100..", 99, 1_000_000, "100.."), ("1..500", 0, 500, "1..500"), ("42", 41, 42, "42")]
        {
            let expected: RowsExpected = text.parse().unwrap();
            assert!(!expected.holds(few) && expected.holds(many), "{text}");
            assert_eq!(expected.to_string(), shown);
        }
        let most: RowsExpected = "..500".parse().unwrap();
        assert!(most.holds(0) && !most.holds(501));
        for text in ["", "..", "5..1", "many", "-1.."] {
            assert!(text.parse::<RowsExpected>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_read_with_their_units() {
        for (text, millis) in
            [("500ms", 500), ("35s", 35_000), ("15m", 900_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "35", "-1s", "0s", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
