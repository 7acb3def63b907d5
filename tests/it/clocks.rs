//! Whose start it was, when no clock can be trusted: this machine's steps between two
//! sessions, and the servers' differ.

use std::sync::Arc;
use std::time::Duration;

use bk_launch::clocks::{Clocks, Reading};
use bk_launch::journal::{Journal, Opening};
use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Mock};
use bk_launch::pipeline::{Ended, Keeping, Pipeline};
use bk_launch::resume::{self, doubts};
use bk_launch::shutdown::{Cause, Signal};
use bk_launch::system_clocks::SystemClocks;
use jiff::SignedDuration;

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

fn faults(tasks: std::ops::RangeInclusive<u64>, kind: FaultKind) -> Vec<FirstFault> {
    tasks.map(|task| FirstFault { task, kind, times: 1 }).collect()
}

const LIST: &str = "2,1\n2,2\n2,3\n2,4\n";

/// Every first attempt is lost, and the run is stopped while all rows wait for a retry.
fn first_session(mock: &Mock, folder: &Folder, ahead: SignedDuration) {
    let (report, journal) = (folder.path("first.csv"), folder.path("journal.db"));
    let client = in_process::client(mock);
    let launch = Launch { list: LIST, report: &report, journal: Some(&journal), client };
    let mut pipeline = launch.pipeline();
    pipeline.limits.backoff = "20s..30s".parse().unwrap();
    pipeline.clocks = Arc::new(Stepped(ahead));
    let shutdown = pipeline.shutdown.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until("every row was sent", || mock.counts().starts >= 4);
            std::thread::sleep(Duration::from_millis(100));
            shutdown.drain(Cause::Signal(Signal::Terminate));
        });
        let ended = run(pipeline);
        assert_eq!(ended.summary.cut_off_in_doubt, 4);
    });
}

/// The next session, with a wall clock that is put ahead by so much.
fn second_session(mock: &Mock, folder: &Folder, ahead: SignedDuration) -> (Ended, Report) {
    let (report, path) = (folder.path("second.csv"), folder.path("journal.db"));
    let client = in_process::client(mock);
    let launch = Launch { list: LIST, report: &report, journal: None, client };
    let pipeline = launch.pipeline();
    let mut journal = Journal::open(&path).unwrap();
    let settled = journal.settled().unwrap();
    let doubts = doubts(journal.last_session().unwrap(), &settled);
    let clocks = Stepped(ahead);
    let opening =
        Opening { at: clocks.read(), target: "the mock", reopens: None, waits_until: None };
    let session = journal.begin(&opening, &doubts).unwrap();
    let rows = LIST.as_bytes().to_vec();
    let rows = bk_launch::input::open_stream(
        Box::new(std::io::Cursor::new(rows)),
        "list",
        bk_launch::input::Format::Csv,
    );
    let rows = rows.unwrap().rows;
    let ended = run(Pipeline {
        rows: Box::new(resume::plan(rows, None, settled, doubts)),
        keeping: Some(Keeping { journal, copied: None }),
        session,
        clocks: Arc::new(clocks),
        ..pipeline
    });
    (ended, Report::read(&report))
}

#[test]
fn a_wall_clock_that_stepped_between_two_sessions_makes_no_start_somebody_elses() {
    for ahead in [-7200, 7200] {
        let first = faults(1..=4, FaultKind::ResetAfter);
        let mock = Mock::start(Behaviour { first, ..Behaviour::default() }, 0).unwrap();
        let folder = Folder::new();
        first_session(&mock, &folder, SignedDuration::ZERO);
        let (_, report) = second_session(&mock, &folder, SignedDuration::from_secs(ahead));
        assert_eq!(report.counts()["started"], 4, "stepped by {ahead} s");
        assert!(report.lines.iter().all(|line| line["known_by"] == "resume"));
    }
}

#[test]
fn what_somebody_started_an_hour_before_is_told_whatever_the_wall_clock_shows() {
    for ahead in [-7200, 0, 1800] {
        // The first attempt at each never arrives; two tasks were started long ago.
        let first = faults(1..=4, FaultKind::ResetBefore);
        let started = [1, 2].into();
        let mock = Mock::start(Behaviour { first, started, ..Behaviour::default() }, 0).unwrap();
        let folder = Folder::new();
        first_session(&mock, &folder, SignedDuration::ZERO);
        let (_, report) = second_session(&mock, &folder, SignedDuration::from_secs(ahead));
        let outcomes = [1, 2, 3, 4].map(|line| report.outcome(line));
        let told = ["already_started", "already_started", "started", "started"];
        assert_eq!(outcomes, told, "stepped by {ahead} s");
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
