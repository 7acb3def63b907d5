//! The failure budget: never one failure more than was asked for.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Latency, Mock};

use crate::harness::{Folder, HEADER, rows};

/// How every task fails. Crashes would be an outage.
#[derive(Clone, Copy)]
enum Failing {
    /// It is refused.
    Denied,
    /// Its business has no starts left.
    Throttled,
    /// It is accepted, and does not run.
    Silent,
}

fn failing(how: Failing) -> Mock {
    let ours = 1..=200;
    let mut behaviour = Behaviour {
        latency: Latency::Exponential(Duration::from_millis(5)),
        ..Behaviour::default()
    };
    match how {
        Failing::Denied => behaviour.denied = ours.collect(),
        Failing::Throttled => behaviour.throttle = Some("1/h".parse().unwrap()),
        Failing::Silent => {
            let silent = |task| FirstFault { task, kind: FaultKind::Silent, times: 99 };
            behaviour.first = ours.map(silent).collect();
        }
    }
    Mock::start(behaviour, 0).unwrap()
}

fn launch(mock: &Mock, flags: &[&str]) -> (Folder, crate::harness::Finished) {
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 200)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "unlimited", "--concurrency", "64"];
    let quick = ["--backoff", "1ms..20ms", "--esb", &mock.url()];
    let run = folder.run(&[&words[..], &quick, flags].concat());
    (folder, run)
}

#[test]
fn the_budget_is_never_overshot() {
    for (how, outcome, started, flags) in [
        (Failing::Denied, "rejected", 0, &["--retries", "0"][..]),
        (Failing::Denied, "rejected", 0, &["--retries", "3"]),
        (Failing::Throttled, "failed", 1, &["--retries", "0"]),
        (Failing::Silent, "unconfirmed", 0, &["--retries", "1", "--confirm=100ms"]),
    ] {
        for (budget, failures) in [("0", 1), ("5", 6), ("5%", 11), ("0.4%", 1)] {
            let mock = failing(how);
            let (folder, run) = launch(&mock, &[flags, &["--max-failures", budget]].concat());
            let run = run.exits(3).says(&["--max-failures tolerates", "go on with"]);
            let report = folder.report("r.csv");
            report.is_complete(200);
            assert_eq!(report.counts()[outcome], failures, "{budget} {run}");
            assert_eq!(report.counts()["pending"], 200 - failures - started, "{budget} {run}");
        }
    }
}

#[test]
fn within_the_budget_a_run_goes_to_its_end() {
    let denied = [7, 50, 120].into();
    let mock = Mock::start(Behaviour { denied, ..Behaviour::default() }, 0).unwrap();
    let (folder, run) = launch(&mock, &["--max-failures", "3"]);
    run.exits(1);
    assert_eq!(folder.report("r.csv").counts()["started"], 197);
    // The budget is one of a session.
    folder.run(&["resume", "--retry-failed", "--max-failures", "1"]).exits(3);
    assert_eq!(folder.report("r.csv").counts()["rejected"], 2);
}

#[test]
fn with_none_to_spare_rows_go_one_by_one_until_the_first_failure() {
    let latency = Latency::Fixed(Duration::from_millis(10));
    let denied = [20].into();
    let mock = Mock::start(Behaviour { denied, latency, ..Behaviour::default() }, 0).unwrap();
    let (folder, run) = launch(&mock, &["--max-failures", "0"]);
    run.exits(3);
    assert_eq!(mock.counts().most_in_flight, 1);
    let report = folder.report("r.csv");
    assert_eq!((report.counts()["started"], report.counts()["rejected"]), (19, 1));
}

#[test]
fn a_task_of_somebody_else_counts_where_that_is_bad() {
    let started = (1..=9).collect();
    let mock = Mock::start(Behaviour { started, ..Behaviour::default() }, 0).unwrap();
    let (_, run) = launch(&mock, &["--max-failures", "4"]);
    run.exits(0);
    let (folder, run) = launch(&mock, &["--max-failures", "4", "--already-started", "fail"]);
    run.exits(3);
    assert_eq!(folder.report("r.csv").counts()["already_started"], 5);
}

#[test]
fn rows_that_wait_for_a_throttle_do_not_hold_the_others_up() {
    let behaviour = Behaviour { throttle: Some("2/m".parse().unwrap()), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    let list: String = (1..=10).map(|business| rows(business, business * 10, 3)).collect();
    folder.file("tasks.csv", format!("{HEADER}{list}"));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "unlimited", "--max-failures", "0"];
    let window = ["--stop-at", "+5s", "--esb", &mock.url()];
    folder.run(&[&words[..], &window].concat()).exits(4);
    assert_eq!(folder.report("r.csv").counts()["started"], 20, "two of each business");
}

#[test]
fn of_a_stream_a_share_is_of_what_is_settled() {
    let (mock, folder) = (failing(Failing::Denied), Folder::new());
    let words = ["run", "-o", "r.csv", "--retries", "0", "--max-failures", "10%"];
    let url = mock.url();
    let words = [&words[..], &["--rate", "unlimited", "--esb", &url]].concat();
    let mut run = folder.start(folder.program(&words).stdin(Stdio::piped()));
    run.child.stdin.take().unwrap().write_all(rows(2, 1, 100).as_bytes()).unwrap();
    run.wait().exits(3);
    assert_eq!(folder.report("r.csv").counts()["rejected"], 3, "10% of at least 20 are two");
}

#[test]
fn what_is_no_budget_says_how_one_is_written() {
    let mock = failing(Failing::Denied);
    for budget in ["many", "-1", "200%"] {
        let (_, run) = launch(&mock, &[&format!("--max-failures={budget}")]);
        run.exits(2).says(&["such as 5%"]);
    }
}
