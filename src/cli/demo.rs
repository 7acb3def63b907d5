//! `bk-launch demo`: the mock, a sample, a run and its report in one command.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::Path;

use super::command_error::CommandError;
use super::drive::Face;
use super::monitoring::Monitors;
use super::outside::Outside;
use super::run;
use super::settings::{self, ForWhat, Moment};
use crate::args::run::RunArgs;
use crate::args::{self, Command};
use crate::domain::rate::Rate;
use crate::mock::{Behaviour, FaultKind, FirstFault, Mock, MockBusiness, MockScope};
use crate::monitor::console;
use crate::session::exit::Exit;
use crate::store::SavedFlags;
use crate::text::summary;

/// The sample that is launched, so that the demo runs from anywhere.
const SAMPLE: &str = include_str!("../../samples/tasks.csv");

/// Runs the command. It leaves nothing behind but its folder, so no run is kept.
pub(crate) fn run() -> Result<Exit, CommandError> {
    let folder = tempfile::Builder::new().prefix("bk-launch-demo-").tempdir()?.keep();
    let tasks = folder.join("tasks.csv");
    std::fs::write(&tasks, SAMPLE)?;
    let mock = Mock::start(behaviour()?, 0)?;

    let mut stdout = std::io::stdout();
    let rows = SAMPLE.lines().count() - 1;
    writeln!(stdout, "a mock of bk-sops listens on {}; launching {rows} rows...", mock.url())?;
    let args = typed(&mock.url(), &tasks, &folder.join("report.csv"))?;
    let face = Face::of(&args.session);
    let mut outside = Outside::of_process(Vec::new())?;
    let moment = Moment::of(&mut outside.machine);
    let settings = settings::of_run(args, ForWhat::Launch, &variable, moment)?;
    let (ended, context, _lock) =
        run::launch(&settings, &SavedFlags::default(), &face, Monitors::default(), outside)?;
    console::settle();
    writeln!(stdout, "{}", summary::text(&ended, &context))?;
    writeln!(stdout, "{}", next_steps(&tasks))?;
    // The sample holds bad rows on purpose; what matters is that it came to its end.
    Ok(match Exit::of(&ended) {
        Exit::Good | Exit::Bad => Exit::Good,
        other => other,
    })
}

/// Returns the command line that somebody would type to launch the sample.
fn typed(url: &str, tasks: &Path, report: &Path) -> Result<RunArgs, CommandError> {
    let words: [&[OsString]; 3] = [
        &["bk-launch".into(), "run".into(), tasks.into(), "--output".into(), report.into()],
        &["--esb".into(), url.into(), "--rate=20/s".into(), "--backoff=200ms..5s".into()],
        &["--no-journal".into(), "--no-config".into()],
    ];
    let mut words = words.concat();
    if !std::io::stderr().is_terminal() {
        words.push("--progress=none".into());
    }
    match args::parse(words)? {
        (Command::Run(args), _) => Ok(*args),
        _ => Err("the command line of the demo is no run".into()),
    }
}

/// The credentials of nobody, for a server that takes any.
fn variable(name: &str) -> Option<String> {
    let value = match name {
        "BK_APP_CODE" => "demo",
        "BK_APP_SECRET" => "demo-secret",
        "BK_TOKEN" => "demo-token",
        _ => return None,
    };
    Some(value.into())
}

/// What happens in life, to the rows of the sample.
fn behaviour() -> Result<Behaviour, CommandError> {
    let throttled = MockBusiness { scope: MockScope::CmdbBiz, id: 3 };
    let first = |task, kind, times| FirstFault { task, kind, times };
    Ok(Behaviour {
        seed: 1,
        throttles: [(throttled, "5/s".parse::<Rate>()?)].into(),
        started: [2090].into(),
        denied: [2091].into(),
        missing: [2092].into(),
        first: vec![
            first(2005, FaultKind::BadGateway, 1),
            first(2011, FaultKind::Crash, 2),
            first(5003, FaultKind::ResetAfter, 1),
            first(7004, FaultKind::BrokenJson, 1),
            first(7008, FaultKind::ResetBefore, 1),
        ],
        ..Behaviour::default()
    })
}

fn next_steps(tasks: &Path) -> String {
    let tasks = tasks.display();
    format!(
        "
what to try next:
  a server that stays:    bk-launch mock --port 8080 --fault 502=5% --throttle 3=2/s
  the same list there:    BK_APP_CODE=demo BK_APP_SECRET=demo-secret BK_TOKEN=demo-token \\
                            bk-launch run {tasks} -o report.csv --esb http://127.0.0.1:8080
  all flags of a run:     bk-launch run --help"
    )
}
