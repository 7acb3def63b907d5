//! Maintenance windows: nothing leaves outside of one, and the next one goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bk_launch::internals::domain::clocks::{Clocks, Reading};
use bk_launch::internals::launch::{Deadline, SendWindow};
use bk_launch::internals::shutdown::StopReason;
use bk_launch::internals::system_clocks::SystemClocks;
use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Mock};
use jiff::{SignedDuration, Timestamp};

use crate::harness::{Folder, HEADER, rows};
use crate::in_process::{self, Launch, run};

fn mock(first: Vec<FirstFault>) -> Mock {
    Mock::start(Behaviour { first, ..Behaviour::default() }, 0).unwrap()
}

fn list(count: u64) -> Folder {
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, count)));
    folder
}

/// From the first start to the last, by the mock's clock.
fn lasted(mock: &Mock) -> Duration {
    let arrivals = mock.counts().arrivals;
    let times = || arrivals.iter().map(|arrival| arrival.micros);
    Duration::from_micros(times().max().unwrap() - times().min().unwrap())
}

fn words<'a>(url: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    [&["run", "tasks.csv", "-o", "r.csv", "--esb", url], flags].concat()
}

#[test]
fn a_window_that_closes_leaves_the_rest_pending_and_the_next_one_finishes_it() {
    let (mock, folder) = (mock(Vec::new()), list(200));
    let url = mock.url();
    let run = folder.run(&words(&url, &["--rate", "50/s", "--stop-at", "+2s"])).exits(4);
    run.says(&["does not fit: about", "stopped: the window closed", "go on with"]);
    let report = folder.report("r.csv");
    report.is_complete(200);
    let counts = mock.counts();
    // Without a stop it takes four seconds.
    assert!(lasted(&mock) <= Duration::from_secs(3), "{:?}", lasted(&mock));
    assert_eq!(report.counts()["started"] as u64, counts.started);
    assert_eq!(report.counts()["pending"] as u64, 200 - counts.starts);
    folder.run(&["resume", "--rate", "unlimited"]).exits(0);
    assert_eq!(mock.counts().started, 200);
    assert_eq!(mock.counts().starts, 200, "nothing was sent twice");
}

#[test]
fn questions_too_end_with_the_window() {
    let first =
        (1..=50).map(|task| FirstFault { task, kind: FaultKind::Silent, times: 9 }).collect();
    let (mock, folder) = (mock(first), list(50));
    let url = mock.url();
    let flags = ["--rate", "100/s", "--confirm", "--window", "00:00-23:59", "--tz", "UTC"];
    let begun = Instant::now();
    // A window that was kept gives way to a stop that is typed.
    folder.run(&words(&url, &[&flags[..], &["--limit", "0"]].concat())).exits(0);
    folder.run(&["resume", "--stop-at", "+2s"]).exits(4).says(&["50 rows: 50 unconfirmed"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "and not as long as --confirm");
    let asked = mock.counts().requests;
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(mock.counts().requests, asked);
}

#[test]
fn before_the_end_no_new_row_is_begun_but_retries_may_go() {
    let first = vec![FirstFault { task: 1, kind: FaultKind::Crash, times: 1 }];
    let (mock, folder) = (mock(first), list(100));
    let url = mock.url();
    let flags = ["--rate", "20/s", "--backoff", "3s..3s", "--stop-at", "+5s", "--cutoff", "4s"];
    folder.run(&words(&url, &flags)).exits(4);
    let counts = mock.counts();
    assert_eq!(counts.tasks["cmdb_biz/2/1"].requests, 2, "it was sent again in the last minutes");
    let mut arrivals: Vec<_> = counts.arrivals.iter().map(|arrival| arrival.micros).collect();
    arrivals.sort_unstable();
    let new = arrivals[arrivals.len() - 2] - arrivals[0];
    // The rate alone would let all go in five seconds.
    assert!(new <= 2_500_000, "the last new row came {new} µs after the first");
    let report = folder.report("r.csv");
    assert_eq!(report.outcome(2), "started");
    assert_eq!(report.counts()["started"] as u64, counts.started);
}

#[test]
fn it_waits_for_the_start_and_says_until_when() {
    let (mock, folder) = (mock(Vec::new()), list(3));
    let url = mock.url();
    let begun = Instant::now();
    let run = folder.run(&words(&url, &["--start-at", "+2s"])).exits(0);
    run.says(&["waiting until ", "; from "]);
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(mock.counts().started, 3);
}

#[test]
fn stopped_while_it_waits_nothing_was_sent_and_a_resume_waits_no_more() {
    let (mock, folder) = (mock(Vec::new()), list(3));
    let url = mock.url();
    let run = folder.start(&mut folder.program(&words(&url, &["--start-at", "+1h"])));
    run.handles_signals();
    run.signal("TERM");
    run.wait().exits(143).says(&["3 rows: 3 pending"]);
    assert_eq!(mock.counts().requests, 0);
    folder.run(&["resume"]).exits(0);
    assert_eq!(mock.counts().started, 3);
}

#[test]
fn a_window_that_is_over_or_too_short_starts_nothing() {
    let (mock, folder) = (mock(Vec::new()), list(100));
    let url = mock.url();
    for (flags, code, says) in [
        (
            &["--stop-at", "+1m", "--cutoff", "5m"][..],
            4,
            "no row is begun within the --cutoff of 300s",
        ),
        (
            &["--start-at", "2020-01-01T00:00", "--stop-at", "2020-01-01T04:00"],
            4,
            "the window ends at 2020",
        ),
        (&["--stop-at", "+2s", "--require-fit"], 2, "rows would be left; --require-fit"),
        (&["--stop-at", "2020-01-01T00:00"], 2, "--stop-at: the stop is not after the start"),
        (&["--start-at", "+2h", "--stop-at", "+1h"], 2, "the stop is not after the start"),
        (&["--window", "22:00"], 2, "22:00-04:00"),
        (&["--stop-at", "soon"], 2, "+90m"),
        (&["--tz", "Mars/Olympus"], 2, "Asia/Shanghai"),
        (&["--window", "22:00-04:00", "--stop-at", "+1h"], 2, "cannot be used with"),
    ] {
        folder.run(&words(&url, flags)).exits(code).says(&[says]);
        assert!(folder.runs().is_empty() && !folder.path("r.csv").exists(), "{flags:?}");
    }
    assert_eq!(mock.counts().requests, 0);
    folder.run(&words(&url, &["--stop-at", "+1h", "--require-fit", "--rate", "100/s"])).exits(0);
}

#[test]
fn a_dry_run_tells_the_window_and_whether_it_fits() {
    let (mock, folder) = (mock(Vec::new()), list(100));
    let url = mock.url();
    let flags = ["--dry-run", "--stop-at", "+1h", "--tz", "Asia/Shanghai"];
    let told = folder.run(&words(&url, &flags)).exits(0).stdout();
    assert!(told.contains("+08:00: fits, done about "), "{told}");
    assert!(told.contains("tz = Asia/Shanghai (command line)"), "{told}");
}

#[test]
fn a_cutoff_with_a_rate_for_each_business_comes_to_its_end() {
    let faults = vec!["500=8%".parse().unwrap()];
    let mock = Mock::start(Behaviour { faults, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    let list: String = (1..=40).map(|business| rows(business, business * 100, 50)).collect();
    folder.file("tasks.csv", format!("{HEADER}{list}"));
    let url = mock.url();
    let flags = ["--rate", "unlimited", "--rate-per-biz", "10/s", "--backoff", "100ms..1s"];
    let window = ["--stop-at", "+2500ms", "--cutoff", "1s"];
    folder.run(&words(&url, &[&flags[..], &window[..]].concat())).exits(4);
    let report = folder.report("r.csv");
    report.is_complete(2000);
    let counts = report.counts();
    assert_eq!(counts["started"] as u64, mock.counts().started, "{counts:?}");
    assert!(counts["pending"] > 500, "{counts:?}");
}

/// The system's clocks, with a wall clock that steps an hour ahead once five tasks were sent.
struct AheadAfterFive(Arc<Mock>);

impl Clocks for AheadAfterFive {
    fn read(&self) -> Reading {
        let reading = SystemClocks::new(1).read();
        let ahead = SignedDuration::from_hours(i64::from(self.0.counts().tasks.len() >= 5));
        Reading { wall: reading.wall + ahead, ..reading }
    }
}

#[test]
fn a_row_whose_turn_came_before_the_end_and_that_is_late_is_not_sent() {
    // Nothing is to be seen of the end but by a look right before each request: the other
    // looks are a second apart, and by the clock of timers the end is far.
    let end = Deadline {
        wall: Timestamp::now() + SignedDuration::from_mins(30),
        at: tokio::time::Instant::now() + Duration::from_mins(30),
    };
    let of_all = SendWindow { stop: Some(end), ..SendWindow::default() };
    let of_new_rows = SendWindow { last_row: Some(end), ..SendWindow::default() };
    for (times, backoff, first) in [(of_all, "20s..20s", 1), (of_new_rows, "200ms..200ms", 2)] {
        let crash = FirstFault { task: 1, kind: FaultKind::Crash, times: 1 };
        let (mock, folder) = (Arc::new(mock(vec![crash])), Folder::new());
        let list: String = (1..=2000).map(|task| format!("2,{task}\n")).collect();
        let (report, client) = (folder.path("r.csv"), in_process::client(&mock));
        let launch = Launch { list: &list, report: &report, journal: None, client };
        let mut pipeline = launch.pipeline();
        pipeline.options.limits.backoff = backoff.parse().unwrap();
        // One after the other, so that each looks after the one before it was sent.
        pipeline.options.limits.slots = std::num::NonZeroUsize::MIN;
        pipeline.times = times;
        pipeline.clocks = Arc::new(AheadAfterFive(Arc::clone(&mock)));
        let ended = run(pipeline);
        assert_eq!(ended.stop_reason, Some(StopReason::Window));
        let tasks = mock.counts().tasks;
        assert_eq!(tasks.keys().len(), 5, "{times:?}");
        assert_eq!(tasks["cmdb_biz/2/1"].requests, first, "a retry may go: {times:?}");
    }
}
