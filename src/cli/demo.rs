//! `bk-launch demo`: the mock, a sample, a run and its report in one command.

use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use super::args::OnInvalid;
use super::credentials::{Files, Origin};
use super::ending;
use super::exit::Exit;
use super::logs::LogFormat;
use super::settings::{Input, Look, RunSettings, Settings, SummaryForm};
use super::staging::Staging;
use super::timing::Timing;
use super::watch::{Monitors, Watch};
use super::{Failure, run};
use crate::api::esb::Esb;
use crate::api::target::Target;
use crate::api::{Identity, LegacyGet, Reach};
use crate::domain::rate::Rate;
use crate::domain::record::AlreadyStarted;
use crate::input;
use crate::launch::{Certainty, Lookup, Options};
use crate::limiter::Limits;
use crate::mock::{Behaviour, FaultKind, FirstFault, Mock, MockBusiness, MockScope};
use crate::monitor::console;
use crate::monitor::progress;
use crate::report::IfExists;
use crate::rules::retry::Policy;
use crate::store::SavedFlags;

/// The sample that is launched, so that the demo runs from anywhere.
const SAMPLE: &str = include_str!("../../samples/tasks.csv");

/// Runs the command.
pub(super) fn run() -> Result<Exit, Failure> {
    let folder = tempfile::Builder::new().prefix("bk-launch-demo-").tempdir()?.keep();
    let tasks = folder.join("tasks.csv");
    std::fs::write(&tasks, SAMPLE)?;
    let report = folder.join("report.csv");
    let mock = Mock::start(behaviour()?, 0)?;

    let mut stdout = std::io::stdout();
    let rows = SAMPLE.lines().count() - 1;
    writeln!(stdout, "a bk-sops of its own listens on {}; launching {rows} rows...", mock.url())?;
    let (ended, told) = run::launch(
        settings(&mock, &tasks, &report)?,
        &SavedFlags::default(),
        None,
        Monitors::default(),
    )?;
    console::settle();
    writeln!(stdout, "{}", ending::text(&ended, &told))?;
    writeln!(stdout, "{}", next_steps(&tasks))?;
    // The sample holds bad rows on purpose; what matters is that it came to its end.
    Ok(match Exit::of(&ended) {
        Exit::Good | Exit::Bad => Exit::Good,
        other => other,
    })
}

/// What happens in life, to the rows of the sample.
fn behaviour() -> Result<Behaviour, Failure> {
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

/// The credentials of nobody, for a server that takes any.
fn demo_variable(name: &str) -> Option<String> {
    let value = match name {
        "BK_APP_CODE" => "demo",
        "BK_APP_SECRET" => "demo-secret",
        "BK_TOKEN" => "demo-token",
        _ => return None,
    };
    Some(value.into())
}

/// The demo leaves nothing behind but its folder, so no run is kept.
fn settings(mock: &Mock, tasks: &Path, report: &Path) -> Result<RunSettings, Failure> {
    let session = session_settings(mock, report)?;
    let input = Input::File(tasks.to_owned(), input::Format::Csv);
    let (runs, name, expect_rows) = (None, None, None);
    Ok(RunSettings { input, on_invalid: OnInvalid::Stop, runs, name, expect_rows, session })
}

fn session_settings(mock: &Mock, report: &Path) -> Result<Settings, Failure> {
    Ok(Settings {
        options: Options {
            limit: None,
            certainty: Certainty { confirm: None, lookup: Lookup::Nothing },
            limits: Limits {
                rate: "20/s".parse()?,
                burst: None,
                rate_per_biz: Rate::Unlimited,
                slots: NonZeroUsize::MIN.saturating_add(15),
                slots_per_biz: None,
                backoff: "200ms..5s".parse()?,
                throttle_patience: Duration::from_mins(15),
                budget: None,
            },
            lookahead: NonZeroUsize::MIN.saturating_add(9_999),
            policy: Policy { retries: 4 },
            outage_patience: Duration::from_mins(15),
            already_started: AlreadyStarted::Ok,
        },
        timing: Timing::always(),
        staging: Staging::default(),
        watch: Watch::default(),
        look: Look::None,
        legacy_get: LegacyGet::Forbidden,
        outputs: vec![report.to_owned()],
        existing: IfExists::Refuse,
        summary: SummaryForm::Text,
        target: Target::Esb(Esb::new(&mock.url())?),
        credentials: Origin::find(Files { app_secret: None, token: None }, &demo_variable)?,
        reach: Reach {
            timeout: Duration::from_secs(35),
            connect_timeout: Duration::from_secs(5),
            cacert: None,
            identity: Identity::Proven,
        },
        progress: if std::io::stderr().is_terminal() {
            progress::ProgressMode::Bar
        } else {
            progress::ProgressMode::None
        },
        verbosity: 0,
        log_format: LogFormat::Text,
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
