//! `bk-launch mock`: a bk-sops to try things on.

use std::io::Write;

use jiff::SignedDuration;

use super::command_error::CommandError;
use super::notice::notice;
use crate::args::mock::{FaultArgs, MockArgs, MockLimitArgs, TaskArgs};
use crate::mock::{Behaviour, EsbKind, Memory, Mock, ThrottleRule, View};
use crate::session::exit::Exit;

/// Runs the command: until it is killed.
pub(crate) fn run(args: MockArgs) -> Result<Exit, CommandError> {
    let port = args.port;
    let mock = Mock::start(behaviour(args), port)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", mock.url()).and_then(|()| stdout.flush())?;
    notice(&format_args!(
        "a mock of bk-sops listens on {url}\n  --esb {url}\n  --gateway '{gateway}'\n  counts: {url}/_mock/counts",
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
    let MockLimitArgs { latency, capacity, throttles, limit_reached, app_limit } = limits;
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
