//! Flags of `bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::display::DisplayArgs;
use super::exit_codes::OF_A_MEASUREMENT;
use super::run::RowArgs;
use super::server::ServerArgs;
use super::values::{at_least_one, duration, duration_or_off, format, number_form, whole};
use crate::bench::schedule::{MAX_DURATION, Schedule};
use crate::bench::slo::Slo;
use crate::bench::wake_ups::MAX_SLACK;
use crate::domain::rate::Rate;

const EXAMPLES: &str = "\
Examples:
  bk-launch bench                                          a mock inside, to see what it shows
  bk-launch bench tasks.csv --rate 200/s --duration 30s    one real start a row
  bk-launch bench tasks.csv --load 50/s:30s,50..500/s:2m --slo 'p99<500ms' --slo 'errors<1%'
  bk-launch bench tasks.csv --find-max --slo 'p99<500ms'   the highest rate that holds
  bk-launch bench tasks.csv -o now.json --baseline base.json
  bk-launch bench --compare base.json now.json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, OF_A_MEASUREMENT].join("\n\n"))]
pub(crate) struct BenchArgs {
    /// File of rows to start, each once; without it, a mock inside is measured.
    pub input: Option<PathBuf>,
    /// Format of the input [default: by its extension; csv without one].
    #[arg(long, value_name = "csv|tsv|jsonl", value_parser = format(), hide_possible_values = true, help_heading = "Input")]
    pub format: Option<crate::input::Format>,
    #[command(flatten)]
    pub rows: RowArgs,
    /// Go on with the first row after the last; then most answers are "already started".
    #[arg(long, help_heading = "Input")]
    pub reuse: bool,
    /// Start N tasks without asking; N must be the number that would be started.
    #[arg(long, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true, help_heading = "Input")]
    pub yes_start: Option<u64>,
    #[command(flatten)]
    pub load: LoadArgs,
    #[command(flatten)]
    pub expect: ExpectArgs,
    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub output: ResultArgs,
    #[command(flatten)]
    pub display: DisplayArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Requests per unit of time: 20/s, 100/m or 5000/h; with --find-max, the first rate to try.
    #[arg(long, value_name = "RATE", default_value = "20/s", allow_hyphen_values = true)]
    pub rate: Rate,
    /// Duration of the load [default: 30s; with --find-max 10s, of each step].
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "requests")]
    pub duration: Option<Duration>,
    /// Number of requests, in place of --duration.
    #[arg(long, value_name = "N", value_parser = requests, allow_negative_numbers = true)]
    pub requests: Option<u64>,
    /// Steps and ramps in place of --rate and --duration: 50/s:30s,50..500/s:2m,500/s:30s.
    #[arg(long, value_name = "STEPS", conflicts_with_all = ["rate", "duration", "requests", "closed", "find_max"])]
    pub load: Option<Schedule>,
    /// Gaps between requests: even, or random as of many independent senders (poisson).
    #[arg(long, value_name = "HOW", value_enum, default_value_t = ArrivalsArg::Even, conflicts_with = "closed")]
    pub arrivals: ArrivalsArg,
    /// Seed of poisson arrivals; the same seed gives the same arrivals.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub seed: u64,
    /// Send requests that are due within this time of each other in one go, when the last of them
    /// is due; off sends each by itself. More slack saves CPU time, and delays sends by up to that
    /// much.
    #[arg(long, value_name = "TIME", default_value = "100us", value_parser = slack, conflicts_with = "closed")]
    pub slack: Duration,
    /// Send in a closed loop: each of --concurrency senders waits for an answer before it goes on.
    #[arg(long, conflicts_with_all = ["rate", "find_max"])]
    pub closed: bool,
    /// Number of senders of a closed loop.
    #[arg(long, value_name = "N", default_value = "16", value_parser = at_least_one::<NonZeroUsize>, requires = "closed", allow_negative_numbers = true)]
    pub concurrency: NonZeroUsize,
    /// Maximum number of requests in flight; what is due beyond it is not sent, and fails the
    /// measurement.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true)]
    pub max_in_flight: NonZeroUsize,
    /// Time to send before anything is measured.
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "find_max")]
    pub warmup: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrivalsArg {
    /// Constant gaps.
    Even,
    /// Random gaps.
    Poisson,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Expectations")]
pub(crate) struct ExpectArgs {
    /// Exit 1 unless this holds: 'p99<500ms', 'mean<80ms', 'max<5s', 'errors<1%' or 'rate>=195/s';
    /// repeatable. Times are response times; errors are all answers but accepted and already
    /// started.
    #[arg(long = "slo", value_name = "EXPECTATION")]
    pub slos: Vec<Slo>,
    /// Stop as soon as an expectation is missed (a rate is judged at the end alone).
    #[arg(long, requires = "slos", conflicts_with = "find_max")]
    pub abort_on_slo: bool,
    /// Find the highest rate at which all --slo hold (without --slo: errors<1%) and the server keeps up.
    #[arg(long, conflicts_with = "requests")]
    pub find_max: bool,
    /// Compare with an earlier result; exit 1 if a figure became worse than --tolerance allows.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Compare two results, and send nothing.
    #[arg(long, num_args = 2, value_names = ["BASE", "NOW"], conflicts_with_all = ["input", "baseline", "find_max"])]
    pub compare: Option<Vec<PathBuf>>,
    /// Maximum deterioration of a figure that is tolerated.
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = percent)]
    pub tolerance: f64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ResultArgs {
    /// File for the result: .json (all of it), .csv (one line a second) or .hgrm (percentiles of
    /// the response time); repeatable.
    #[arg(short, long = "output", id = "output", value_name = "FILE")]
    pub outputs: Vec<PathBuf>,
    /// Overwrite a result that exists.
    #[arg(long)]
    pub force: bool,
    /// Print the result as JSON on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Maximum number of requests of a load.
const MAX_REQUESTS: u64 = 1_000_000_000_000;

fn requests(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_REQUESTS).contains(number));
    number.ok_or_else(|| number_form(1, MAX_REQUESTS))
}

fn time(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time <= MAX_DURATION { Ok(time) } else { Err("no load lasts longer than 1000h".into()) }
}

fn slack(text: &str) -> Result<Duration, String> {
    let slack = duration_or_off(text)?;
    // Beyond, a request would count as late although this machine was in time.
    if slack <= MAX_SLACK { Ok(slack) } else { Err(format!("must be at most {MAX_SLACK:?}")) }
}

fn percent(text: &str) -> Result<f64, &'static str> {
    let number = text.trim_end_matches('%').parse::<f64>().ok();
    let percent = number.filter(|percent| (0.0..1e6).contains(percent));
    percent.map(|percent| percent / 100.0).ok_or("write it as 10%")
}
