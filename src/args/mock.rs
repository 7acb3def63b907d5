//! The flags of `mock`.

use std::time::Duration;

use clap::Args;

use super::values::{duration, whole};
use crate::domain::rate::Rate;
use crate::mock::{FaultChance, Gone, Latency, MockBusiness, Span, ThrottleRule};

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
FROM is the time since the first request. The mock answers until a signal ends it; exit code 2 says
that it could not begin.";

/// The flags of `mock`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MockArgs {
    /// Port to listen on; 0 takes a free one and prints it.
    #[arg(long, value_name = "PORT", default_value_t = 8080, value_parser = whole::<u16>, allow_negative_numbers = true)]
    pub port: u16,
    /// Act as the legacy ESB: credentials in the body only, one code for all failures.
    #[arg(long)]
    pub legacy_esb: bool,
    /// Count requests without remembering each one: for millions of them.
    #[arg(long)]
    pub counts_only: bool,
    #[command(flatten)]
    pub faults: FaultArgs,
    #[command(flatten)]
    pub limits: MockLimitArgs,
    #[command(flatten)]
    pub tasks: TaskArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
pub(crate) struct FaultArgs {
    /// Make a share of the requests fail, such as 502=5%: 429, 500, 502, 502-after, 503-after, hang,
    /// reset-before, reset-after, broken-json, silent or https-port; repeatable. With -after the
    /// task is started first.
    #[arg(long = "fault", value_name = "KIND=CHANCE")]
    pub faults: Vec<FaultChance>,
    /// The same for questions about the state or the link of a task; repeatable.
    #[arg(long = "question-fault", value_name = "KIND=CHANCE")]
    pub question_faults: Vec<FaultChance>,
    /// Seed of the chances.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub seed: u64,
    /// Take bk-sops away, for ever or for a time, and let something else answer: nginx (its page
    /// for 502), nginx-404 (an ingress without the route), esb (1306201, not connected), esb-502
    /// (1306201 for a 502), gateway (1650200) or permission (bk-sops' own 500 while its permission
    /// service is away); repeatable. Requests by --esb do not pass the gateway, nor those by --gateway
    /// the ESB.
    #[arg(long, value_name = "FRONT[=FROM+DURATION]")]
    pub gone: Vec<Gone>,
    /// Answer nothing for DURATION, beginning FROM after the first request.
    #[arg(long, value_name = "FROM+DURATION")]
    pub stall: Option<Span>,
    /// Lose each start that is accepted in this time: its task stays CREATED, and can be started
    /// again later.
    #[arg(long, value_name = "FROM+DURATION")]
    pub broker_forgets: Option<Span>,
    /// Refuse the credentials after N requests.
    #[arg(long, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub auth_after: Option<u64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct MockLimitArgs {
    /// Time that an answer takes: 20ms always, or exp:20ms on average.
    #[arg(long, value_name = "TIME|exp:TIME")]
    pub latency: Option<Latency>,
    /// Handle requests one after the other at this rate; the others wait.
    #[arg(long, value_name = "RATE")]
    pub capacity: Option<Rate>,
    /// Maximum rate of starts per business, as a bucket that starts full: 20/s for every business,
    /// 3=2/m or project:3=2/m for one; repeatable.
    #[arg(long = "throttle", value_name = "[BUSINESS=]RATE")]
    pub throttles: Vec<ThrottleRule>,
    /// A business whose limit of starts is reached and never frees, as 3 or project:3; repeatable.
    #[arg(long, value_name = "BUSINESS")]
    pub limit_reached: Vec<MockBusiness>,
    /// Maximum rate of requests of the app.
    #[arg(long, value_name = "RATE")]
    pub app_limit: Option<Rate>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Tasks")]
pub(crate) struct TaskArgs {
    /// Time that an accepted start waits in the queue before its task runs.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub queue: Option<Duration>,
    /// Time that a task runs until it is FINISHED [default: for ever].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub run_time: Option<Duration>,
    /// Refuse the right to view any task.
    #[arg(long)]
    pub no_view: bool,
    /// A task that somebody else started; repeatable.
    #[arg(long = "already-started", value_name = "TASK", value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub started: Vec<u64>,
    /// A task that the user may not start; repeatable.
    #[arg(long, value_name = "TASK", value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub denied: Vec<u64>,
    /// A task that does not exist; repeatable.
    #[arg(long, value_name = "TASK", value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub missing: Vec<u64>,
    /// A deleted task: it is started and runs, but its state cannot be asked; repeatable.
    #[arg(long, value_name = "TASK", value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub deleted: Vec<u64>,
    /// A function task that nobody claimed: starts are accepted, and it stays CREATED; repeatable.
    #[arg(long, value_name = "TASK", value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub unclaimed: Vec<u64>,
    /// A task with a plugin that is missing: it is RUNNING for ever; repeatable.
    #[arg(long, value_name = "TASK", value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub no_plugin: Vec<u64>,
}
