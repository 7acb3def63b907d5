//! A launch inside the test, for what no command line can bring about: clocks that
//! step, and parts that fail.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bk_launch::internals::api::credentials::{Credentials, User};
use bk_launch::internals::api::esb::Esb;
use bk_launch::internals::api::target::Target;
use bk_launch::internals::api::{Client, HttpOptions, Identity, TransportKind};
use bk_launch::internals::domain::clocks::Clocks;
use bk_launch::internals::domain::lines::Lines;
use bk_launch::internals::domain::rate::Rate;
use bk_launch::internals::domain::record::AlreadyStarted;
use bk_launch::internals::domain::request_id::RunId;
use bk_launch::internals::domain::secret::Secret;
use bk_launch::internals::input::{Format, open_stream};
use bk_launch::internals::journal::{About, InputSource, InputState, Journal, Opening};
use bk_launch::internals::launch::{
    Audience, Certainty, Clock, Ended, Lookup, Options, Pipeline, RowSource, RunJournal,
    SendWindow, Staged, Systemd,
};
use bk_launch::internals::limiter::Limits;
use bk_launch::internals::monitor::progress::{Progress, ProgressGoal, ProgressMode};
use bk_launch::internals::report::{Destination, IfExists, Placement};
use bk_launch::internals::rules::forecast::Estimator;
use bk_launch::internals::rules::resume::{self, Doubts};
use bk_launch::internals::rules::retry::Policy;
use bk_launch::internals::shutdown::Shutdown;
use bk_launch::internals::system_clocks::SystemClocks;
use bk_launch::internals::system_executor::SystemExecutor;
use bk_launch::mock::Mock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;

/// A client with the credentials of nobody.
pub fn client(mock: &Mock) -> Client {
    let target = Target::Esb(Esb::new(&mock.url()).unwrap());
    let http_options = HttpOptions {
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        cacert: None,
        identity: Identity::Proven,
        transport: TransportKind::Direct,
    };
    Client::new(target, credentials("a secret"), &http_options, 16).unwrap()
}

pub fn credentials(secret: &str) -> Credentials {
    Credentials {
        app_code: "app".into(),
        app_secret: Secret::new(secret),
        user: User::Token(Secret::new("a token")),
    }
}

/// Runs it to its end, on a thread of its own as the program does.
pub fn run(pipeline: Pipeline) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), pipeline.run()).await.expect("it ends")
    });
    runtime.shutdown_background();
    ended
}

/// Launches a list, without a header, with a report and, where `folder` is to keep it,
/// with a journal.
pub struct Launch<'a> {
    pub list: &'a str,
    pub report: &'a Path,
    pub journal: Option<&'a Path>,
    pub client: Client,
}

impl Launch<'_> {
    pub fn pipeline(self) -> Pipeline {
        let Self { list, report, journal, client } = self;
        let list = std::io::Cursor::new(list.to_owned().into_bytes());
        let opened = open_stream(Box::new(list), "list", Format::Csv, &Arc::default()).unwrap();
        let report = Destination::file(report, IfExists::Refuse, Placement::InPlace).unwrap();
        let goal = ProgressGoal { rows: None, wanted: Rate::Unlimited };
        let run = RunId::new(Timestamp::now(), 1);
        Pipeline {
            rows: Box::new(resume::plan(opened.rows, None, Lines::default(), Doubts::new())),
            source: RowSource::File,
            options: Options {
                lookahead: NonZeroUsize::new(10_000).unwrap(),
                limit: None,
                limits: Limits {
                    rate: Rate::Unlimited,
                    burst: None,
                    rate_per_biz: Rate::Unlimited,
                    slots: NonZeroUsize::new(4).unwrap(),
                    slots_per_biz: None,
                    backoff: "10ms..100ms".parse().unwrap(),
                    throttle_patience: Duration::from_mins(15),
                    budget: None,
                },
                policy: Policy { retries: 4 },
                outage_patience: Duration::from_mins(15),
                certainty: Certainty { confirm: None, lookup: Lookup::Nothing },
                already_started: AlreadyStarted::Ok,
            },
            client,
            times: SendWindow::default(),
            staged: Staged {
                ends: Vec::new(),
                pause: None,
                tell: Arc::new(|_| {}),
                ask: None,
                agreed_to: None,
            },
            run_journal: journal.map(|path| keeping(path, &run)),
            audience: Audience {
                progress: Progress::begin(ProgressMode::None, goal, Box::new(())),
                goal,
                estimator: Estimator::new(None, Instant::now(), None),
                metrics: None,
                systemd: Systemd::Absent,
                draining: Box::new(|_| {}),
            },
            reports: vec![report.begin(&opened.columns, &TimeZone::UTC).unwrap()],
            shutdown: Shutdown::default(),
            run,
            session: 1,
            clock: Clock { wall: Timestamp::now(), at: Instant::now() },
            clocks: Arc::new(SystemClocks::new(1)),
            executor: Arc::new(SystemExecutor),
            seed: 1,
        }
    }
}

fn keeping(path: &Path, run: &RunId) -> RunJournal {
    let about = About {
        id: run.clone(),
        name: None,
        input_name: "list".into(),
        input_format: "csv".into(),
        source: InputSource::File,
        columns: bk_launch::internals::domain::row::Columns::from([]),
        zone: "UTC".into(),
        rows: None,
        copy: None,
        input: InputState::Ended,
        agreed_to: None,
    };
    Journal::create(path, &about).unwrap();
    let mut journal = Journal::open(path).unwrap();
    let opening = Opening {
        at: SystemClocks::new(1).read(),
        target: "the mock",
        reopens: None,
        waits_until: None,
    };
    journal.begin(&opening, &Doubts::new()).unwrap();
    RunJournal { journal, copied: None }
}
