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
use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Mock};
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::harness::{Folder, HEADER, Report, rows, until};
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

fn faults(tasks: std::ops::RangeInclusive<u64>, kind: FaultKind) -> Vec<FirstFault> {
    tasks.map(|task| FirstFault { task, kind, times: 1 }).collect()
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
        let first = faults(1..=4, FaultKind::ResetAfter);
        let mock = Mock::start(Behaviour { first, ..Behaviour::default() }, 0).unwrap();
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
        let first = faults(1..=4, FaultKind::ResetBefore);
        let started = [1, 2].into();
        let mock = Mock::start(Behaviour { first, started, ..Behaviour::default() }, 0).unwrap();
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
        let first = faults(2..=2, FaultKind::ResetBefore);
        let mock = Mock::start(Behaviour { first, started, ..Behaviour::default() }, 0).unwrap();
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
    let first = faults(1..=4, FaultKind::ResetAfter);
    let mock = Mock::start(Behaviour { first, date_ahead, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 8)));
    folder.run(&["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()]).exits(0);
    let report = folder.report("r.csv");
    assert_eq!(report.counts()["started"], 8);
    assert_eq!(report.line(2)["known_by"], "retry");
}

#[test]
fn a_server_whose_clock_jumps_makes_no_start_somebody_elses() {
    let first = faults(1..=4, FaultKind::ResetAfter);
    let mock = Mock::start(Behaviour { first, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 8)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--backoff", "1s..1s", "--esb", &mock.url()];
    let running = folder.start(&mut folder.program(&words));
    until("every row was sent", || mock.counts().starts >= 8);
    // By what the server says now, its tasks were started an hour ago.
    mock.site().change(|behaviour| behaviour.date_ahead = SignedDuration::from_hours(1));
    running.wait().exits(0);
    assert_eq!(folder.report("r.csv").counts()["started"], 8);
}

#[test]
fn a_machine_that_sleeps_while_requests_are_out_makes_no_start_somebody_elses() {
    // Four rows are answered, so the server's time is known; the answers of four others are
    // lost, and meanwhile two hours pass, here and there.
    let first = faults(5..=8, FaultKind::ResetAfter);
    let mock = Arc::new(Mock::start(Behaviour { first, ..Behaviour::default() }, 0).unwrap());
    let folder = Folder::new();
    let list: String = (1..=8).map(|task| format!("2,{task}\n")).collect();
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
    assert_eq!(report.lines.iter().filter(|line| line["known_by"] == "retry").count(), 4);
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
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    let list: String = (1..=2_000).map(|task| format!("2,{task}\n")).collect();
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
    let first = faults(1..=2, FaultKind::ResetBefore);
    let started = [1].into();
    let mock = Mock::start(Behaviour { first, started, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", LIST.lines().take(2).collect::<Vec<_>>().join("\n"));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--retries", "0", "--esb", &mock.url()];
    folder.run(&words).exits(1);
    let report = folder.report("r.csv");
    assert_eq!([1, 2].map(|line| report.outcome(line)), ["already_started", "unknown"]);
}
