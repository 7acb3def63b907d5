//! Cost of a row from its line to its record: whole launches of a thousand rows, against the mock
//! in a thread of its own.

#![expect(clippy::unwrap_used, reason = "a benchmark may end by a panic")]

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bk_launch::internals::api::credentials::{Credentials, User};
use bk_launch::internals::api::esb::Esb;
use bk_launch::internals::api::target::Target;
use bk_launch::internals::api::{Client, HttpOptions, Identity, TransportKind};
use bk_launch::internals::domain::lines::Lines;
use bk_launch::internals::domain::rate::Rate;
use bk_launch::internals::domain::record::AlreadyStarted;
use bk_launch::internals::domain::request_id::RunId;
use bk_launch::internals::domain::secret::Secret;
use bk_launch::internals::input::{Format, open_stream};
use bk_launch::internals::launch::{
    Audience, Certainty, Clock, Lookup, Options, Pipeline, RowSource, SendWindow, Staged, Systemd,
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
use bk_launch::mock::{Behaviour, Memory, Mock};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;

const ROWS: u64 = 1_000;

fn client(mock: &Mock) -> Client {
    let target = Target::Esb(Esb::new(&mock.url()).unwrap());
    let credentials = Credentials {
        app_code: "app".into(),
        app_secret: Secret::new("a secret"),
        user: User::Token(Secret::new("a token")),
    };
    let http_options = HttpOptions {
        timeout: Duration::from_secs(35),
        connect_timeout: Duration::from_secs(5),
        cacert: None,
        identity: Identity::Proven,
        transport: TransportKind::Direct,
    };
    Client::new(target, credentials, &http_options, 64).unwrap()
}

fn pipeline(mock: &Mock, list: &str) -> Pipeline {
    let list = std::io::Cursor::new(list.to_owned().into_bytes());
    let opened = open_stream(Box::new(list), "list", Format::Csv, &Arc::default()).unwrap();
    let report = Path::new("/dev/null");
    let report = Destination::file(report, IfExists::Refuse, Placement::InPlace).unwrap();
    let slots = NonZeroUsize::new(64).unwrap();
    let goal = ProgressGoal { rows: None, wanted: Rate::Unlimited };
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
                slots,
                slots_per_biz: None,
                backoff: "500ms..30s".parse().unwrap(),
                throttle_patience: Duration::from_mins(15),
                budget: None,
            },
            policy: Policy { retries: 4 },
            outage_patience: Duration::from_mins(15),
            certainty: Certainty { confirm: None, lookup: Lookup::Nothing },
            already_started: AlreadyStarted::Ok,
        },
        client: client(mock),
        times: SendWindow::default(),
        staged: Staged {
            ends: Vec::new(),
            pause: None,
            tell: Arc::new(|_| {}),
            ask: None,
            agreed_to: None,
        },
        run_journal: None,
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
        run: RunId::new(Timestamp::now(), 1),
        session: 1,
        clock: Clock { wall: Timestamp::now(), at: Instant::now() },
        clocks: Arc::new(SystemClocks::new(1)),
        executor: Arc::new(SystemExecutor),
        seed: 1,
    }
}

fn launch(c: &mut Criterion) {
    let behaviour = Behaviour { memory: Memory::Counts, ..Behaviour::default() };
    let mock = Mock::start(behaviour, 0).unwrap();
    let rows: Vec<_> = (1..=ROWS).map(|task| format!("{},{task}", task % 50 + 1)).collect();
    let list = rows.join("\n");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut group = c.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    group.bench_function("launch", |b| {
        b.iter(|| {
            let ended = runtime.block_on(async { pipeline(&mock, &list).run().await });
            assert_eq!(ended.summary.rows(), ROWS);
        });
    });
    group.finish();
}

criterion_group!(benches, launch);
criterion_main!(benches);
