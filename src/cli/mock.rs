//! `bk-launch mock`: a bk-sops to try things on.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::Failure;
use super::exit::Exit;
use crate::mock::{Behaviour, EsbKind, Fault, Latency, Memory, Mock, Stall, ThrottleRule, View};
use crate::rate::Rate;

const EXAMPLES: &str = "\
Examples:
  bk-launch mock --port 8080
  bk-launch mock --port 8080 --fault 502=5% --fault hang=1% --latency exp:20ms
  bk-launch mock --port 8080 --throttle 20/s --throttle 3=2/m --denied 91 --missing 92
  curl -s http://127.0.0.1:8080/_mock/counts

Routes: /api/c/compapi/v2/sops/... for --esb http://127.0.0.1:8080, and
/api/bk-sops/{stage}/... for --gateway 'http://127.0.0.1:8080/api/{gateway_name}'.
It listens on this machine alone. Every task exists and can be started once.";

/// The flags of `mock`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct MockArgs {
    /// The port; 0 is a free one, and is printed.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// What goes wrong, and how often: 429, 500, 502, 502-after, 503-after, hang, reset-before,
    /// reset-after, broken-json or silent; repeatable. With -after the start was taken before.
    #[arg(long = "fault", value_name = "KIND=CHANCE")]
    faults: Vec<Fault>,
    /// The same for questions about a task's state or link; repeatable.
    #[arg(long = "question-fault", value_name = "KIND=CHANCE")]
    question_faults: Vec<Fault>,
    /// How long an accepted start lies in the queue before its task runs.
    #[arg(long, value_name = "TIME", value_parser = super::args::duration)]
    queue: Option<Duration>,
    /// Forbid to look at any task.
    #[arg(long)]
    no_view: bool,
    /// Refuse the credentials from the request after the N-th on.
    #[arg(long, value_name = "N")]
    auth_after: Option<u64>,
    /// Seeds the chances.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How long answers take: always 20ms, or exp:20ms on average.
    #[arg(long, value_name = "TIME|exp:TIME")]
    latency: Option<Latency>,
    /// Work off so many requests per time, one after the other; the others wait.
    #[arg(long, value_name = "RATE")]
    capacity: Option<Rate>,
    /// Answer nothing, from so long after the first request, for so long.
    #[arg(long, value_name = "FROM+DURATION")]
    stall: Option<Stall>,
    /// Starts that a business may have, as a bucket that starts full: 20/s for every one, 3=2/m
    /// or project:3=2/m for one; repeatable.
    #[arg(long = "throttle", value_name = "[BUSINESS=]RATE")]
    throttles: Vec<ThrottleRule>,
    /// Requests that the app may send.
    #[arg(long, value_name = "RATE")]
    app_limit: Option<Rate>,
    /// Be the legacy ESB: credentials in the body alone, one code for all failures.
    #[arg(long)]
    legacy_esb: bool,
    /// A task that somebody else started; repeatable.
    #[arg(long = "already-started", value_name = "TASK")]
    started: Vec<u64>,
    /// A task that the user may not start; repeatable.
    #[arg(long, value_name = "TASK")]
    denied: Vec<u64>,
    /// A task that does not exist; repeatable.
    #[arg(long, value_name = "TASK")]
    missing: Vec<u64>,
    /// Count, but do not remember each request: for millions of them.
    #[arg(long)]
    counts_only: bool,
}

/// Runs the command: until it is killed.
pub fn run(args: MockArgs) -> Result<Exit, Failure> {
    let port = args.port;
    let mock = Mock::start(behaviour(args), port)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", mock.url()).and_then(|()| stdout.flush())?;
    super::tell(&format_args!(
        "a bk-sops listens on {url}\n  --esb {url}\n  --gateway '{gateway}'\n  counts: {url}/_mock/counts",
        url = mock.url(),
        gateway = mock.gateway()
    ));
    mock.wait();
    Ok(Exit::Good)
}

fn behaviour(args: MockArgs) -> Behaviour {
    let MockArgs {
        port: _,
        faults,
        question_faults,
        queue,
        no_view,
        auth_after,
        seed,
        latency,
        capacity,
        stall,
        throttles,
        app_limit,
        legacy_esb,
        started,
        denied,
        missing,
        counts_only,
    } = args;
    let named = |rule: &ThrottleRule| rule.business.map(|business| (business, rule.rate));
    Behaviour {
        faults,
        seed,
        latency: latency.unwrap_or_default(),
        capacity,
        stall,
        throttle: throttles.iter().rfind(|rule| rule.business.is_none()).map(|rule| rule.rate),
        throttles: throttles.iter().filter_map(named).collect(),
        app_limit,
        esb: if legacy_esb { EsbKind::Legacy } else { EsbKind::Newer },
        started: started.into_iter().collect(),
        denied: denied.into_iter().collect(),
        missing: missing.into_iter().collect(),
        first: Vec::new(),
        question_faults,
        queue: queue.unwrap_or_default(),
        view: if no_view { View::Denied } else { View::Allowed },
        auth_after,
        detail_bytes: 0,
        secret: None,
        date_ahead: SignedDuration::ZERO,
        memory: if counts_only { Memory::Counts } else { Memory::Requests },
    }
}
