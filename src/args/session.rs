//! The flags that `run` and `resume` share.

#![expect(
    clippy::doc_markdown,
    reason = "docs of flags are help texts, where backticks would show"
)]

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use jiff::tz::TimeZone;

use super::display::DisplayArgs;
use super::server::ServerArgs;
use super::values::{ProfileName, at_least_one, duration, duration_or_off, whole, zone};
use crate::domain::rate::Rate;
use crate::rules::budget::Budget;
use crate::rules::retry::Backoff;
use crate::rules::stages::Stages;
use crate::rules::window::{Daily, When};

/// The flags that `run` and `resume` share.
#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// Launch only the first N rows that can be launched; the others stay pending, come last in the
    /// report, and do not count in the exit code.
    #[arg(long, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true, help_heading = "Input")]
    pub limit: Option<u64>,
    #[command(flatten)]
    pub preview: PreviewArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub retries: RetryArgs,
    #[command(flatten)]
    pub confirmation: ConfirmArgs,
    #[command(flatten)]
    pub window: WindowArgs,
    #[command(flatten)]
    pub stages: StageArgs,
    #[command(flatten)]
    pub monitors: MonitorArgs,
    #[command(flatten)]
    pub display: DisplayArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub state: StateArgs,
}

/// What to look at before anything is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Preview")]
pub(crate) struct PreviewArgs {
    /// Print what would happen, and send nothing.
    #[arg(long, conflicts_with = "check")]
    pub dry_run: bool,
    /// Check URL, credentials and the right to view with get_task_status for up to five rows; start
    /// nothing.
    ///
    /// The rows are taken from different businesses if there are several. A task that does not exist
    /// is a warning, if another one proves the right to view. Exits 0, or 3 and says what is wrong.
    #[arg(long)]
    pub check: bool,
}

/// What is done in place of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preview {
    None,
    /// Say what would happen.
    DryRun,
    /// Ask for the states of a few rows.
    Check,
}

impl PreviewArgs {
    pub(crate) const fn kind(&self) -> Preview {
        let Self { dry_run, check } = self;
        match (*dry_run, *check) {
            (true, _) => Preview::DryRun,
            (false, true) => Preview::Check,
            (false, false) => Preview::None,
        }
    }
}

/// Where the report goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write a report: one line per row, in the order in which rows were settled; .csv, .tsv or
    /// .jsonl, or - for CSV on standard output; repeatable [default: report.csv in the run's folder].
    #[arg(short, long = "output", id = "output", value_name = "FILE")]
    pub outputs: Vec<PathBuf>,
    /// Overwrite a report that already exists.
    #[arg(long)]
    pub force: bool,
    /// Print the summary as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// How fast.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Maximum rate of requests, retries included: 20/s, 100/m, 5000/h or unlimited.
    #[arg(long, value_name = "RATE", default_value = "20/s", allow_hyphen_values = true)]
    pub rate: Rate,
    /// Maximum number of requests that may leave at once, ahead of the even pace.
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroU32>, allow_negative_numbers = true)]
    pub burst: Option<NonZeroU32>,
    /// Maximum rate of starts per business.
    #[arg(long, value_name = "RATE", default_value = "unlimited", allow_hyphen_values = true)]
    pub rate_per_biz: Rate,
    /// Maximum number of requests in flight.
    #[arg(long, value_name = "N", default_value = "16", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true)]
    pub concurrency: NonZeroUsize,
    /// Maximum number of starts in flight per business.
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true)]
    pub concurrency_per_biz: Option<NonZeroUsize>,
    /// Maximum number of open rows: those that wait for a limit, a hold or a retry, or are in flight.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true)]
    pub lookahead: NonZeroUsize,
}

/// How often.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retries")]
pub(crate) struct RetryArgs {
    /// Maximum number of retries per row; throttled answers and those of an outage do not count.
    #[arg(long, value_name = "N", default_value = "4", value_parser = whole::<u32>, allow_negative_numbers = true)]
    pub retries: u32,
    /// Wait before a retry: FROM, doubled with each retry, up to TO.
    #[arg(long, value_name = "FROM..TO", default_value = "500ms..30s")]
    pub backoff: Backoff,
    /// How long a limit may refuse every request of a business before its rows fail; if it is the
    /// limit of the app, the run stops.
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "15m")]
    pub throttle_patience: Duration,
    /// How long bk-sops may be gone before the run stops.
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "15m")]
    pub outage_patience: Duration,
    /// Stop once more rows than this have failed: a number such as 10, or a share such as 5% (exit 3).
    ///
    /// No more rows are in flight than may still fail, so with 0 they go one by one.
    #[arg(long, value_name = "N|P%")]
    pub max_failures: Option<Budget>,
    /// How a task counts that somebody else has already started.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = AlreadyStartedArg::Ok)]
    pub already_started: AlreadyStartedArg,
}

/// How a task counts that somebody else had started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlreadyStartedArg {
    /// As a success.
    Ok,
    /// As a failure.
    Fail,
}

/// What is asked beside the starts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Confirmation")]
pub(crate) struct ConfirmArgs {
    /// Ask get_task_status until each started task runs, for up to TIMEOUT [default without a
    /// value: 60s].
    ///
    /// An accepted task is only queued, and the server may silently fail to start it: then it is sent
    /// again, as one of its --retries. --confirm=off overrides the run that is resumed, or a profile.
    #[arg(long, value_name = "TIMEOUT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "60s", value_parser = duration_or_off)]
    pub confirm: Option<Duration>,
    /// Ask get_task_detail for the link of each task whose answers had none, once nothing else is
    /// left to send.
    #[arg(long)]
    pub lookup: bool,
    /// If the legacy ESB refuses a GET, send the credentials in the query, where the access logs of
    /// every proxy on the way show them.
    #[arg(long)]
    pub esb_legacy_get: bool,
}

/// When requests may leave.
#[derive(Debug, Args)]
#[command(next_help_heading = "Window")]
pub(crate) struct WindowArgs {
    /// Send nothing before this time: 22:00 (the next one), 2026-12-01T22:00+08:00, or +90m from now.
    #[arg(long, value_name = "WHEN", conflicts_with = "window")]
    pub start_at: Option<When>,
    /// Send nothing from this time on; rows that are left stay pending (exit 4) and can be resumed.
    #[arg(long, value_name = "WHEN", conflicts_with = "window")]
    pub stop_at: Option<When>,
    /// Send only within these hours of each day; a resume keeps this, and takes the next window.
    #[arg(long, value_name = "22:00-04:00")]
    pub window: Option<Daily>,
    /// Time zone of all these times, such as Asia/Shanghai [default: the system's].
    ///
    /// A time that a change of the clocks skips is moved forward by as much; of a time that occurs
    /// twice, the first is taken.
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub tz: Option<TimeZone>,
    /// Send no new row in the last TIME of the window; rows that were already sent may go on.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub cutoff: Option<Duration>,
    /// Start nothing if the rows do not fit into the window.
    #[arg(long)]
    pub require_fit: bool,
    /// Wait a random time of up to TIME before the first request.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub jitter: Option<Duration>,
}

/// In which stages a launch goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stages")]
pub(crate) struct StageArgs {
    /// Launch in stages that end at these rows, or shares of all rows; each stage is settled before
    /// the next begins. Rows behind the last end are one more stage: 1,10% launches all rows, as
    /// 1,10%,100% does.
    #[arg(long, value_name = "1,10%,100%")]
    pub stages: Option<Stages>,
    /// Wait this long between two stages.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "stages")]
    pub stage_pause: Option<Duration>,
    /// Ask on the terminal before each further stage; any answer but yes stops the run (exit 3).
    #[arg(long, requires = "stages")]
    pub stage_ask: bool,
}

/// Monitors of a run.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Monitoring")]
#[expect(clippy::struct_field_names, reason = "each flag names a file")]
pub(crate) struct MonitorArgs {
    /// Write metrics for the textfile collector of node_exporter: at the start, every 15 s, and at
    /// the end.
    #[arg(long, value_name = "FILE.prom")]
    pub metrics_file: Option<PathBuf>,
    /// File with the URL of a check like those of healthchecks.io; it is pinged at the start, and at
    /// the end with the summary [else: BK_LAUNCH_PING_URL].
    #[arg(long, value_name = "FILE")]
    pub ping_url_file: Option<PathBuf>,
    /// File with a URL to which the summary is posted as JSON [else: BK_LAUNCH_NOTIFY_URL].
    #[arg(long, value_name = "FILE")]
    pub notify_url_file: Option<PathBuf>,
}

/// Whose settings are taken if a flag is not given.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Config file")]
pub(crate) struct ConfigArgs {
    /// File with profiles [default: bk-launch.toml here, if it is yours or root's and nobody else may
    /// write it, else $XDG_CONFIG_HOME/bk-launch/config.toml].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Profile of that file to use [default: the one it names, if any].
    #[arg(long, value_name = "NAME")]
    pub profile: Option<ProfileName>,
    /// Read no config file.
    #[arg(long, conflicts_with_all = ["config", "profile"])]
    pub no_config: bool,
}

/// Where runs are kept.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Where runs are kept")]
pub(crate) struct StateArgs {
    /// Folder where runs are kept [env: BK_LAUNCH_STATE] [default: $XDG_STATE_HOME/bk-launch, else
    /// ~/.local/state/bk-launch].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
}
