//! Maintenance windows: nothing leaves outside of one, and the next one goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bk_launch::internals::domain::clocks::{Clocks, Reading};
use bk_launch::internals::launch::{Deadline, SendWindow};
use bk_launch::internals::shutdown::StopReason;
use bk_launch::internals::system_clocks::SystemClocks;
use bk_launch::mock::{Behaviour, FaultKind, Mock, MockCounts};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::harness::{
    Folder, HEADER, bare_list, each, launch, list, mock, rows, scene, slow, sometimes, well,
};
use crate::in_process::{self, Launch, run};

/// From the first start to the last, by the mock's clock.
fn lasted(counts: &MockCounts) -> Duration {
    let times = || counts.arrivals.iter().map(|arrival| arrival.micros);
    Duration::from_micros(times().max().unwrap() - times().min().unwrap())
}

#[test]
fn a_window_that_closes_leaves_the_rest_pending_and_the_next_one_finishes_it() {
    let run = launch(list(200))
        .with("--rate 50/s --stop-at +2s")
        .exits(4)
        .says(["does not fit: about", "stopped: the window closed", "next: bk-launch resume "])
        .reports_all(200);
    let counts = run.scene().seen();
    // Without a stop it takes four seconds.
    assert!(lasted(&counts) <= Duration::from_secs(3), "{:?}", lasted(&counts));
    let run = run.reports(counts.started, "started").reports(200 - counts.starts, "pending");
    // Nothing is sent twice.
    let resumed = run.resume().with("--rate unlimited").exits(0);
    resumed.server_saw(|seen| (seen.started, seen.starts), (200, 200));
}

#[test]
fn questions_too_end_with_the_window() {
    let first = each(1..=50, FaultKind::Silent, 9);
    let scene = scene(list(50)).against(Behaviour { first, ..well() });
    let begun = Instant::now();
    // A window that was kept gives way to a stop that is typed.
    let flags = "--rate 100/s --confirm --window 00:00-23:59 --tz UTC --limit 0";
    scene.run().with(flags).exits(0);
    let stopped = scene.resume().with("--stop-at +2s").exits(4);
    stopped.says("50 rows: 50 unconfirmed");
    assert!(begun.elapsed() < Duration::from_secs(30), "and not as long as --confirm");
    let asked = scene.seen().requests;
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(scene.seen().requests, asked);
}

#[test]
fn before_the_end_no_new_row_is_begun_but_retries_may_go() {
    let run = launch(list(100))
        .against(Behaviour { first: each([1], FaultKind::Crash, 1), ..well() })
        .with("--rate 20/s --backoff 3s..3s --stop-at +5s --cutoff 4s")
        .exits(4);
    let counts = run.scene().seen();
    assert_eq!(counts.tasks["cmdb_biz/2/1"].requests, 2, "it was sent again in the last minutes");
    let mut arrivals: Vec<_> = counts.arrivals.iter().map(|arrival| arrival.micros).collect();
    arrivals.sort_unstable();
    let new = arrivals[arrivals.len() - 2] - arrivals[0];
    // The rate alone would let all go in five seconds.
    assert!(new <= 2_500_000, "the last new row came {new} µs after the first");
    run.reports(counts.started, "started").row(2).is("started", "reply");
}

#[test]
fn it_waits_for_the_start_and_says_until_when() {
    let begun = Instant::now();
    let run = launch(list(3)).with("--start-at +2s").exits(0);
    assert!(begun.elapsed() >= Duration::from_secs(2));
    run.says(["waiting until ", "\n  from "]).server_saw(|seen| seen.started, 3);
}

#[test]
fn stopped_while_it_waits_nothing_was_sent_and_a_resume_waits_no_more() {
    launch(list(3))
        .with("--start-at +1h")
        .start()
        .once_it_handles_signals()
        .signal("TERM")
        .exits(143)
        .says("3 rows: 3 pending")
        .server_saw(|seen| seen.requests, 0)
        .resume()
        .exits(0)
        .server_saw(|seen| seen.started, 3);
}

#[test]
fn a_window_that_is_over_or_too_short_starts_nothing() {
    let scene = scene(list(100));
    for (flags, code, says) in [
        ("--stop-at +1m --cutoff 5m", 4, "--cutoff begins no row in the last 300s before"),
        ("--start-at 2020-01-01T00:00 --stop-at 2020-01-01T04:00", 4, "the window ends at 2020"),
        (
            "--stop-at +2s --require-fit",
            2,
            "rows would be left, slowed by --rate; nothing was started",
        ),
        ("--cutoff 5m", 2, "--cutoff is about the end of a window, and there is none: add"),
        ("--start-at +1s --require-fit", 2, "--require-fit is about the end of a window"),
        ("--stop-at 2020-01-01T00:00", 2, "--stop-at: the stop is not after the start"),
        ("--start-at +2h --stop-at +1h", 2, "the stop is not after the start"),
        ("--window 22:00", 2, "22:00-04:00"),
        ("--stop-at soon", 2, "+90m"),
        ("--tz Mars/Olympus", 2, "Asia/Shanghai"),
        ("--window 22:00-04:00 --stop-at +1h", 2, "cannot be used with"),
    ] {
        scene.run().with(flags).exits(code).says(says);
        assert!(scene.runs().is_empty() && !scene.has("r.csv"), "{flags:?}");
    }
    assert_eq!(scene.seen().requests, 0);
    scene.run().with("--stop-at +1h --require-fit --rate 100/s").exits(0);
}

#[test]
fn what_is_said_of_a_window_needs_one_only_if_it_is_typed() {
    let scene = scene(list(10));
    // A deployment may have a cutoff for whichever launch has a window.
    scene.file("c.toml", "[profiles.p]\ncutoff = \"5m\"\nrequire_fit = true\n");
    scene.run_kept().with("--config c.toml --profile p --limit 1").exits(0);
    scene.resume().with("--limit 1").exits(0);
    scene.resume().with("--cutoff 5m").exits(2).says("add --stop-at WHEN or --window HOURS");
    scene.resume().with("--stop-at +1h --cutoff 5m --limit 1").exits(0);
    let now = Timestamp::now();
    let at = |hours| {
        let then = now + SignedDuration::from_hours(hours);
        then.to_zoned_datetime(TimeZone::UTC).strftime("%H:%M").to_string()
    };
    let window = format!("--window {}-{} --tz UTC", at(-1), at(2));
    scene.run_kept().with(window).with("--rate 100/s --limit 1").exits(0);
    scene.resume().with("--cutoff 1ms --limit 1").exits(0);
    // A begin that is typed takes the place of the window that was kept.
    scene.resume().with("--start-at +1ms --cutoff 1ms").exits(2).says("--cutoff is about");
}

#[test]
fn a_dry_run_tells_the_window_and_whether_it_fits() {
    let plan = launch(list(100)).with("--dry-run --stop-at +1h --tz Asia/Shanghai").exits(0);
    plan.prints(["+08:00: fits, done at ", "tz = Asia/Shanghai (command line)"]);
}

#[test]
fn a_plan_names_the_limit_that_slows_it_and_how_long_rows_took_before() {
    let scene = scene(list(40)).against(slow(90));
    let flags = "--rate 100/s --max-failures 2 --stop-at +1s --require-fit";
    let unknown = scene.run_kept().with(flags).exits(2);
    unknown.says([
        "fits only if a row takes at most ",
        "(slowed by --max-failures: 3 rows at a time)",
    ]);
    let first = scene.run_kept().with("--rate 100/s --max-failures 2 --limit 10").exits(0);
    first
        .says(["slowed by --max-failures: 3 rows at a time", "no earlier run of this server says"]);
    let rest = scene.resume().with("--stop-at +100ms --require-fit").exits(2);
    rest.says(["does not fit: about ", "slowed by --max-failures: 3 rows at a time; nothing was"])
        .server_saw(|seen| seen.starts, 10);
    let rest = scene.resume().with("--stop-at +1h --require-fit").exits(0);
    rest.says([": about 1 s", "until ", ": fits, done about ", "in the last run here a row took "]);
}

#[test]
fn a_cutoff_with_a_rate_for_each_business_comes_to_its_end() {
    let businesses: String = (1..=40).map(|business| rows(business, business * 100, 50)).collect();
    let run = launch(format!("{HEADER}{businesses}"))
        .against(Behaviour { faults: sometimes("500", 0.08), ..well() })
        .with("--rate unlimited --rate-per-biz 10/s --backoff 100ms..1s")
        .with("--stop-at +2500ms --cutoff 1s")
        .exits(4)
        .reports_all(2000);
    let started = run.scene().seen().started;
    let pending = run.reports(started, "started").report().count("pending");
    assert!(pending > 500, "{pending} are pending");
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
        let crash = each([1], FaultKind::Crash, 1);
        let mock = Arc::new(mock(Behaviour { first: crash, ..well() }));
        let (folder, list) = (Folder::new(), bare_list(2000));
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
