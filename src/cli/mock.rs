//! `bk-launch mock`: a bk-sops to try things on.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::Failure;
use super::exit::Exit;
use crate::domain::rate::Rate;
use crate::mock::{
    Behaviour, EsbKind, FaultChance, Gone, Latency, Memory, Mock, MockBusiness, Span, ThrottleRule,
    View,
};

const EXAMPLES: &str = "\
Examples:
  bk-launch mock --port 8080
  bk-launch mock --port 8080 --fault 502=5% --fault hang=1% --latency exp:20ms
  bk-launch mock --port 8080 --throttle 20/s --throttle 3=2/m --denied 91 --missing 92
  bk-launch mock --port 8080 --gone nginx=5s+25s --gone permission=60s+20s
  bk-launch mock --port 8080 --broker-forgets 3s+2s --unclaimed 93 --deleted 94
  curl -s http://127.0.0.1:8080/_mock/counts

Routes: /api/c/compapi/v2/sops/... for --esb http://127.0.0.1:8080, and
/api/bk-sops/{stage}/... for --gateway 'http://127.0.0.1:8080/api/{gateway_name}'.
It listens on this machine alone. Every task exists and can be started once.
FROM counts from the first request.";

/// The flags of `mock`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct MockArgs {
    /// The port; 0 is a free one, and is printed.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// Be the legacy ESB: credentials in the body alone, one code for all failures.
    #[arg(long)]
    legacy_esb: bool,
    /// Count, but do not remember each request: for millions of them.
    #[arg(long)]
    counts_only: bool,
    #[command(flatten)]
    faults: FaultArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    tasks: TaskArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
struct FaultArgs {
    /// What goes wrong, and how often: 429, 500, 502, 502-after, 503-after, hang, reset-before,
    /// reset-after, broken-json, silent or https-port; repeatable. With -after the start was taken
    /// before.
    #[arg(long = "fault", value_name = "KIND=CHANCE")]
    faults: Vec<FaultChance>,
    /// The same for questions about a task's state or link; repeatable.
    #[arg(long = "question-fault", value_name = "KIND=CHANCE")]
    question_faults: Vec<FaultChance>,
    /// Seeds the chances.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Take bk-sops away, for ever or for a time, and let something else answer: nginx (its page
    /// for 502), nginx-404 (an ingress without the route), esb (1306201, not connected), esb-502
    /// (1306201 for a 502), gateway (1650200) or permission (bk-sops' own 500 while its permission
    /// service is away); repeatable. By ESB the gateway is not on the way, nor the ESB by gateway.
    #[arg(long, value_name = "FRONT[=FROM+DURATION]")]
    gone: Vec<Gone>,
    /// Answer nothing, from so long after the first request, for so long.
    #[arg(long, value_name = "FROM+DURATION")]
    stall: Option<Span>,
    /// Lose each start that is accepted in this time: its task stays CREATED, and can be started
    /// again later.
    #[arg(long, value_name = "FROM+DURATION")]
    broker_forgets: Option<Span>,
    /// Refuse the credentials from the request after the N-th on.
    #[arg(long, value_name = "N")]
    auth_after: Option<u64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// How long answers take: always 20ms, or exp:20ms on average.
    #[arg(long, value_name = "TIME|exp:TIME")]
    latency: Option<Latency>,
    /// Work off so many requests per time, one after the other; the others wait.
    #[arg(long, value_name = "RATE")]
    capacity: Option<Rate>,
    /// Starts that a business may have, as a bucket that starts full: 20/s for every one, 3=2/m
    /// or project:3=2/m for one; repeatable.
    #[arg(long = "throttle", value_name = "[BUSINESS=]RATE")]
    throttles: Vec<ThrottleRule>,
    /// A business whose limit of starts is reached and never frees, as 3 or project:3; repeatable.
    #[arg(long, value_name = "BUSINESS")]
    limit_reached: Vec<MockBusiness>,
    /// Requests that the app may send.
    #[arg(long, value_name = "RATE")]
    app_limit: Option<Rate>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Tasks")]
struct TaskArgs {
    /// How long an accepted start lies in the queue before its task runs.
    #[arg(long, value_name = "TIME", value_parser = super::args::duration)]
    queue: Option<Duration>,
    /// How long a task runs until it is FINISHED; for ever without it.
    #[arg(long, value_name = "TIME", value_parser = super::args::duration)]
    run_time: Option<Duration>,
    /// Forbid to look at any task.
    #[arg(long)]
    no_view: bool,
    /// A task that somebody else started; repeatable.
    #[arg(long = "already-started", value_name = "TASK")]
    started: Vec<u64>,
    /// A task that the user may not start; repeatable.
    #[arg(long, value_name = "TASK")]
    denied: Vec<u64>,
    /// A task that does not exist; repeatable.
    #[arg(long, value_name = "TASK")]
    missing: Vec<u64>,
    /// A deleted task: it is started and runs, but its state cannot be asked; repeatable.
    #[arg(long, value_name = "TASK")]
    deleted: Vec<u64>,
    /// A function task that nobody claimed: starts are accepted, and it stays CREATED; repeatable.
    #[arg(long, value_name = "TASK")]
    unclaimed: Vec<u64>,
    /// A task with a plugin that is missing: it is RUNNING for ever; repeatable.
    #[arg(long, value_name = "TASK")]
    no_plugin: Vec<u64>,
}

/// Runs the command: until it is killed.
pub(super) fn run(args: MockArgs) -> Result<Exit, Failure> {
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
    let MockArgs { port: _, legacy_esb, counts_only, faults, limits, tasks } = args;
    let FaultArgs { faults, question_faults, seed, gone, stall, broker_forgets, auth_after } =
        faults;
    let LimitArgs { latency, capacity, throttles, limit_reached, app_limit } = limits;
    let TaskArgs {
        queue,
        run_time,
        no_view,
        started,
        denied,
        missing,
        deleted,
        unclaimed,
        no_plugin,
    } = tasks;
    let named = |rule: &ThrottleRule| rule.business.map(|business| (business, rule.rate));
    Behaviour {
        faults,
        seed,
        latency: latency.unwrap_or_default(),
        capacity,
        stall,
        gone,
        broker_forgets,
        throttle: throttles.iter().rfind(|rule| rule.business.is_none()).map(|rule| rule.rate),
        throttles: throttles.iter().filter_map(named).collect(),
        limit_reached: limit_reached.into_iter().collect(),
        app_limit,
        esb: if legacy_esb { EsbKind::Legacy } else { EsbKind::Newer },
        started: started.into_iter().collect(),
        denied: denied.into_iter().collect(),
        missing: missing.into_iter().collect(),
        deleted: deleted.into_iter().collect(),
        unclaimed: unclaimed.into_iter().collect(),
        no_plugin: no_plugin.into_iter().collect(),
        first: Vec::new(),
        question_faults,
        queue: queue.unwrap_or_default(),
        run_time,
        view: if no_view { View::Denied } else { View::Allowed },
        auth_after,
        detail_bytes: 0,
        secret: None,
        date_ahead: SignedDuration::ZERO,
        memory: if counts_only { Memory::Counts } else { Memory::Requests },
    }
}
