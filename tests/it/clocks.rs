//! Whose start it was, when no clock can be trusted: this machine's steps between two
//! sessions, and the servers' differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bk_launch::internals::domain::clocks::{Boot, Clocks, Reading};
use bk_launch::internals::journal::{Journal, Opening};
use bk_launch::internals::launch::{Clock, Deadline, Pipeline, RunJournal, SendWindow};
use bk_launch::internals::rules::resume::{self, doubts};
use bk_launch::internals::shutdown::{Signal, StopReason};
use bk_launch::internals::system_clocks::SystemClocks;
use bk_launch::mock::{Behaviour, FaultKind, Mock};
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::harness::{Folder, Report, bare_list, each, launch, list, mock, until, well};
use crate::in_process::{self, Launch, run};

/// The system's clocks, with a wall clock that is put ahead.
struct Stepped(SignedDuration);

impl Clocks for Stepped {
    fn read(&self) -> Reading {
        let reading = SystemClocks::new(1).read();
        Reading { wall: reading.wall + self.0, ..reading }
    }
}

/// The system's clocks on a machine that sleeps for two hours, once so many tasks were sent.
struct Slept(Arc<Mock>, usize);

impl Clocks for Slept {
    fn read(&self) -> Reading {
        let reading = SystemClocks::new(1).read();
        let slept =
            SignedDuration::from_hours(if self.0.counts().tasks.len() >= self.1 { 2 } else { 0 });
        let (wall, since_boot) = (reading.wall + slept, reading.since_boot + slept);
        Reading { wall, since_boot, ..reading }
    }
}

const LIST: &str = "2,1\n2,2\n2,3\n2,4\n";

/// The journal of a first session that was stopped, and of one that crashed.
const JOURNALS: [&str; 2] = ["journal.db", "crashed.db"];

/// Every first attempt is lost, and the run is stopped while all rows wait for a retry. A crash
/// just before would leave another journal, which is kept, too.
fn first_session(mock: &Mock, folder: &Folder, ahead: SignedDuration) {
    let (report, journal) = (folder.path("first.csv"), folder.path("journal.db"));
    let client = in_process::client(mock);
    let launch = Launch { list: LIST, report: &report, journal: Some(&journal), client };
    let mut pipeline = launch.pipeline();
    pipeline.options.limits.backoff = "20s..30s".parse().unwrap();
    pipeline.clocks = Arc::new(Stepped(ahead));
    let shutdown = pipeline.shutdown.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until("every row was sent", || mock.counts().starts >= 4);
            std::thread::sleep(Duration::from_millis(100));
            keep_as_after_a_crash(folder);
            shutdown.drain(StopReason::Signal(Signal::Terminate));
        });
        let ended = run(pipeline);
        assert_eq!(ended.summary.cut_off_in_doubt, 4);
    });
}

/// Copies the journal of a session that goes on: what a crash would leave now.
fn keep_as_after_a_crash(folder: &Folder) {
    for file in ["", "-wal"] {
        let [from, to] = JOURNALS.map(|journal| folder.path(&format!("{journal}{file}")));
        std::fs::copy(from, to).unwrap();
    }
}

/// The next session by this journal, with these clocks.
fn second_session(
    mock: &Mock,
    folder: &Folder,
    journal: &str,
    clocks: impl Clocks + 'static,
) -> Report {
    let (report, path) = (folder.path("second.csv"), folder.path(journal));
    let client = in_process::client(mock);
    let launch = Launch { list: LIST, report: &report, journal: None, client };
    let pipeline = launch.pipeline();
    let mut journal = Journal::open(&path).unwrap();
    let settled = journal.settled().unwrap();
    let doubts = doubts(journal.last_session().unwrap(), &settled);
    let opening =
        Opening { at: clocks.read(), target: "the mock", reopens: None, waits_until: None };
    let session = journal.begin(&opening, &doubts).unwrap();
    let rows = LIST.as_bytes().to_vec();
    let rows = bk_launch::internals::input::open_stream(
        Box::new(std::io::Cursor::new(rows)),
        "list",
        bk_launch::internals::input::Format::Csv,
        &Arc::default(),
    );
    let rows = rows.unwrap().rows;
    run(Pipeline {
        rows: Box::new(resume::plan(rows, None, settled, doubts)),
        run_journal: Some(RunJournal { journal, copied: None }),
        session,
        clocks: Arc::new(clocks),
        ..pipeline
    });
    Report::read(&report)
}

#[test]
fn a_wall_clock_that_stepped_between_two_sessions_makes_no_start_somebody_elses() {
    let journals = JOURNALS.into_iter();
    for (journal, ahead) in journals.flat_map(|journal| [(journal, -7200), (journal, 7200)]) {
        let first = each(1..=4, FaultKind::ResetAfter, 1);
        let mock = mock(Behaviour { first, ..well() });
        let folder = Folder::new();
        first_session(&mock, &folder, SignedDuration::ZERO);
        let clocks = Stepped(SignedDuration::from_secs(ahead));
        let report = second_session(&mock, &folder, journal, clocks);
        assert_eq!(report.counts()["started"], 4, "{journal}, stepped by {ahead} s");
        assert!(report.lines.iter().all(|line| line["known_by"] == "resume"));
    }
}

#[test]
fn what_somebody_started_an_hour_before_is_told_whatever_the_wall_clock_shows() {
    for (journal, ahead) in [
        ("journal.db", -7200),
        ("journal.db", 0),
        ("journal.db", 1800),
        ("crashed.db", -7200),
        ("crashed.db", 1800),
    ] {
        // The first attempt at each never arrives; two tasks were started long ago.
        let first = each(1..=4, FaultKind::ResetBefore, 1);
        let started = [1, 2].into();
        let mock = mock(Behaviour { first, started, ..well() });
        let folder = Folder::new();
        first_session(&mock, &folder, SignedDuration::ZERO);
        let clocks = Stepped(SignedDuration::from_secs(ahead));
        let report = second_session(&mock, &folder, journal, clocks);
        let outcomes = [1, 2, 3, 4].map(|line| report.outcome(line));
        let told = ["already_started", "already_started", "started", "started"];
        assert_eq!(outcomes, told, "{journal}, stepped by {ahead} s");
    }
}

/// The clocks after the machine was started anew.
struct Restarted;

impl Clocks for Restarted {
    fn read(&self) -> Reading {
        let reading = SystemClocks::new(1).read();
        Reading { boot: Boot(!reading.boot.0), ..reading }
    }
}

#[test]
fn after_a_crash_of_the_machine_the_dates_tell_that_were_noted_before() {
    // Row 1 brings a Date, with which row 2 is noted. Whatever is sent for that is lost; whose
    // start it was is told by the Date alone, since no clock goes on.
    for (started, outcome) in [([2].into(), "already_started"), ([].into(), "started")] {
        let first = each(2..=2, FaultKind::ResetBefore, 1);
        let mock = mock(Behaviour { first, started, ..well() });
        let folder = Folder::new();
        let (report, journal) = (folder.path("first.csv"), folder.path("journal.db"));
        let client = in_process::client(&mock);
        let launch = Launch { list: LIST, report: &report, journal: Some(&journal), client };
        let mut pipeline = launch.pipeline();
        pipeline.options.limits.backoff = "20s..30s".parse().unwrap();
        pipeline.options.lookahead = std::num::NonZeroUsize::MIN;
        let shutdown = pipeline.shutdown.clone();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                until("the second row was sent", || mock.counts().starts >= 2);
                keep_as_after_a_crash(&folder);
                shutdown.drain(StopReason::Signal(Signal::Terminate));
            });
            run(pipeline);
        });
        assert_eq!(mock.counts().starts, 2);
        let report = second_session(&mock, &folder, "crashed.db", Restarted);
        assert_eq!(report.outcome(2), outcome);
        assert_eq!([1, 3, 4].map(|line| report.outcome(line)), ["started"; 3]);
    }
}

#[test]
fn a_server_whose_clocks_differ_makes_no_start_somebody_elses() {
    // The host that writes Date is ahead of the one that starts tasks.
    let date_ahead = SignedDuration::from_secs(90);
    let first = each(1..=4, FaultKind::ResetAfter, 1);
    launch(list(8))
        .against(Behaviour { first, date_ahead, ..well() })
        .exits(0)
        .reports(8, "started")
        .row(2)
        .is("started", "retry");
}

#[test]
fn a_server_whose_clock_jumps_makes_no_start_somebody_elses() {
    let run = launch(list(8))
        .against(Behaviour { first: each(1..=4, FaultKind::ResetAfter, 1), ..well() })
        .with("--backoff 1s..1s")
        .start()
        .once("every row was sent", |seen| seen.starts >= 8);
    // By what the server says now, its tasks were started an hour ago.
    run.scene.change(|behaviour| behaviour.date_ahead = SignedDuration::from_hours(1));
    run.exits(0).reports(8, "started");
}

#[test]
fn a_machine_that_sleeps_while_requests_are_out_makes_no_start_somebody_elses() {
    // Four rows are answered, so the server's time is known; the answers of four others are
    // lost, and meanwhile two hours pass, here and there.
    let first = each(5..=8, FaultKind::ResetAfter, 1);
    let mock = Arc::new(mock(Behaviour { first, ..well() }));
    let folder = Folder::new();
    let list = bare_list(8);
    let (report, client) = (folder.path("r.csv"), in_process::client(&mock));
    let launch = Launch { list: &list, report: &report, journal: None, client };
    let mut pipeline = launch.pipeline();
    pipeline.options.limits.backoff = "2s..2s".parse().unwrap();
    pipeline.clocks = Arc::new(Slept(Arc::clone(&mock), 8));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until("every row was sent", || mock.counts().tasks.len() >= 8);
            mock.site().change(|behaviour| behaviour.date_ahead = SignedDuration::from_hours(2));
        });
        run(pipeline);
    });
    let report = Report::read(&report);
    assert_eq!(report.counts()["started"], 8, "{:?}", report.counts());
    assert_eq!(report.count_where("known_by", "retry"), 4);
}

/// The system's clocks; the wall clock is put ahead by two hours once somebody says so.
struct PutAhead(AtomicBool);

impl Clocks for PutAhead {
    fn read(&self) -> Reading {
        let hours = if self.0.load(Ordering::Relaxed) { 2 } else { 0 };
        Stepped(SignedDuration::from_hours(hours)).read()
    }
}

#[test]
fn a_step_of_the_wall_clock_that_ends_a_window_is_told() {
    let (mock, folder) = (mock(well()), Folder::new());
    let list = bare_list(2_000);
    let report = folder.path("r.csv");
    let client = in_process::client(&mock);
    let mut pipeline = Launch { list: &list, report: &report, journal: None, client }.pipeline();
    // A request is due long before the look at the clocks that comes every second.
    pipeline.options.limits.rate = "200/s".parse().unwrap();
    let clocks = Arc::new(PutAhead(AtomicBool::new(false)));
    let clock = Clock { wall: clocks.read().wall, at: Instant::now() };
    let wall = clock.wall + SignedDuration::from_hours(1);
    let stop = Some(Deadline { wall, at: clock.ahead(wall) });
    pipeline.times = SendWindow { stop, ..SendWindow::default() };
    pipeline.clocks = Arc::<PutAhead>::clone(&clocks);
    let log = std::fs::File::create(folder.path("log")).unwrap();
    let log = tracing_subscriber::fmt().with_writer(log).finish();
    let (ended, before) = std::thread::scope(|scope| {
        let before = scope.spawn(|| {
            until("rows were started", || mock.counts().starts >= 20);
            clocks.0.store(true, Ordering::Relaxed);
            mock.counts().starts
        });
        let ended = tracing::subscriber::with_default(log, || run(pipeline));
        (ended, before.join().unwrap())
    });
    assert_eq!(ended.stop_reason, Some(StopReason::Window));
    // Those of four slots may be on their way; each other one looks at the clock first.
    let after = mock.counts().starts - before;
    assert!(after <= 4, "{after} requests left after the end");
    let told = std::fs::read_to_string(folder.path("log")).unwrap();
    assert!(told.contains("the wall clock was put ahead by 7200 s"), "{told}");
}

#[test]
fn the_date_of_a_question_tells_too_whose_start_it_was() {
    // The only attempt is lost, so the first Date comes with the look at the task.
    let first = each(1..=2, FaultKind::ResetBefore, 1);
    launch(bare_list(2))
        .against(Behaviour { first, started: [1].into(), ..well() })
        .with("--retries 0")
        .exits(1)
        .reports_in_order(["already_started", "unknown"]);
}
