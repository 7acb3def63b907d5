//! bk-sops is gone, and something in front of it answers: that costs time, and no rows.

use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, FaultChance, FaultKind, FirstFault, Front, Gone, Mock};

use crate::harness::{Finished, Folder, HEADER, Running, rows, until};

const ROWS: u64 = 200;
const QUICK: [&str; 4] = ["--backoff", "50ms..200ms", "--rate", "100/s"];

/// The fronts, each with the route that it is on and what is said of it.
const FRONTS: [(Front, &str, &str); 6] = [
    (Front::Nginx, "--esb", "nginx answers 502 for bk-sops"),
    (Front::Ingress, "--esb", "nginx answers 404 for bk-sops"),
    (Front::Esb, "--esb", "the ESB answers 1306201 for bk-sops"),
    (Front::EsbNginx, "--esb", "the ESB answers 1306201 for bk-sops"),
    (Front::Gateway, "--gateway", "the API gateway answers 1650200 for bk-sops"),
    (Front::Permission, "--esb", "bk-sops answers that it failed"),
];

fn start(folder: &Folder, mock: &Mock, route: &str, flags: &[&str]) -> Running {
    folder.file("tasks.csv", format!("{HEADER}{}{}", rows(2, 1, 150), rows(3, 1001, 50)));
    let url = if route == "--gateway" { mock.gateway() } else { mock.url() };
    let words = ["run", "tasks.csv", "-o", "r.csv", route, &url];
    folder.start(&mut folder.program(&[&words[..], &QUICK, flags].concat()))
}

/// Takes bk-sops away in the middle of a launch, for so long.
fn restart(mock: &Mock, front: Front, lasts: Duration) {
    until("some are started", || mock.counts().started >= 40);
    mock.site().change(|behaviour| behaviour.gone = vec![Gone::behind(front)]);
    std::thread::sleep(lasts);
    mock.site().change(|behaviour| behaviour.gone.clear());
}

fn all_are_started(folder: &Folder, mock: &Mock, run: &Finished) {
    let report = folder.report("r.csv");
    report.is_complete(ROWS);
    assert_eq!(report.counts()["started"] as u64, ROWS, "{run}");
    let counts = mock.counts();
    assert_eq!(counts.started, ROWS);
    assert!(counts.tasks.values().all(|task| task.accepted == 1), "none was started twice");
}

#[test]
fn a_restart_behind_any_front_costs_time_and_no_rows() {
    for (front, route, says) in FRONTS {
        let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
        let run = start(&folder, &mock, route, &["--retries", "3"]);
        restart(&mock, front, Duration::from_secs(2));
        let gone = mock.counts().gone;
        let run = run.wait().exits(0);
        all_are_started(&folder, &mock, &run);
        assert!(
            (9..100).contains(&gone),
            "{front:?}: it was really gone, and hardly asked: {gone}"
        );
        let run = run.says(&["bk-sops is gone: ", says, "bk-sops is back after 2 s"]);
        assert_eq!(run.stderr().matches("bk-sops is gone").count(), 1, "{front:?}: {run}");
    }
}

#[test]
fn questions_and_confirmations_do_not_pay_for_an_outage() {
    let first = vec![FirstFault { task: 3, kind: FaultKind::ResetAfter, times: 1 }];
    let queue = Duration::from_millis(300);
    let behaviour = Behaviour { queue, first, ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    // Shorter than the outage: that time is no part of it.
    let run = start(&folder, &mock, "--esb", &["--confirm=1500ms", "--retries", "0"]);
    restart(&mock, Front::Nginx, Duration::from_secs(3));
    let run = run.wait();
    let report = folder.report("r.csv");
    report.is_complete(ROWS);
    let counts = report.counts();
    // With --retries 0 an idle attempt ends its row, in an outage too.
    let unknown = counts.get("unknown").copied().unwrap_or_default();
    assert_eq!(counts["started"] + unknown, 200, "{run}");
    assert!(unknown <= 24 + 30, "eight, those in flight, and probes: {run}");
    assert_eq!(report.counts().get("unconfirmed"), None, "{run}");
}

#[test]
fn beyond_the_patience_the_run_stops_and_a_resume_takes_the_rows_that_were_out_last() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    let run = start(&folder, &mock, "--esb", &["--outage-patience", "1s"]);
    until("some are started", || mock.counts().started >= 40);
    mock.site().change(|behaviour| behaviour.gone = vec![Gone::behind(Front::Nginx)]);
    let run = run.wait().exits(3);
    run.says(&["was gone for 1 s", "nginx answers 502 for bk-sops", "go on with"]);
    let report = folder.report("r.csv");
    report.is_complete(ROWS);
    let out: Vec<u64> = (report.lines.iter())
        .filter(|line| line["outcome"] == "pending" && line["attempts"] != "0")
        .map(|line| line["line"].parse().unwrap())
        .collect();
    assert!(out.len() >= 4, "{out:?}");
    mock.site().change(|behaviour| behaviour.gone.clear());
    let resumed = folder.run(&["resume", "--concurrency", "1"]).exits(0);
    all_are_started(&folder, &mock, &resumed);
    let report = folder.report("r.csv");
    // Each business goes in its own order.
    for business in ["2", "3"] {
        let lines = report.lines.iter().rev().filter(|line| line["bk_biz_id"] == business);
        let lines = lines.map(|line| out.contains(&line["line"].parse().unwrap()));
        let were_out: Vec<bool> = lines.collect();
        assert!(were_out[0] && were_out.is_sorted_by(|a, b| a >= b), "{business}: {were_out:?}");
    }
}

#[test]
fn rows_that_bk_sops_cannot_bear_are_told_from_a_bk_sops_that_is_gone() {
    let bad: Vec<u64> = (21..=30).collect();
    let crash = |task: &u64| FirstFault { task: *task, kind: FaultKind::Crash, times: 99 };
    let behaviour = Behaviour { first: bad.iter().map(crash).collect(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    let begun = Instant::now();
    let run = start(&folder, &mock, "--gateway", &["--retries", "1"]).wait().exits(1);
    assert!(begun.elapsed() < Duration::from_secs(40), "{run}");
    let report = folder.report("r.csv");
    report.is_complete(ROWS);
    assert_eq!((report.counts()["started"], report.counts()["failed"]), (190, 10), "{run}");
    for line in report.lines.iter().filter(|line| line["outcome"] == "failed") {
        assert_eq!(line["error"], "transient", "{line:?}");
        assert!(bad.contains(&line["task_id"].parse().unwrap()));
    }
}

#[test]
fn where_only_bad_rows_are_left_they_end_by_their_class() {
    let crash = |task| FirstFault { task, kind: FaultKind::Crash, times: 999 };
    let behaviour = Behaviour { first: (1..=12).map(crash).collect(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}{}", rows(2, 1, 12), rows(2, 50, 1)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--gateway", &mock.gateway()];
    let run = folder.run(&[&words[..], &QUICK, &["--retries", "4"]].concat()).exits(1);
    let report = folder.report("r.csv");
    report.is_complete(13);
    assert_eq!((report.counts()["started"], report.counts()["failed"]), (1, 12), "{run}");
    run.says(&["bk-sops works, and fails what was sent for "]);
}

#[test]
fn single_faults_of_a_bk_sops_that_works_are_no_outage() {
    let faults = ["502", "500", "reset-before"];
    let faults =
        faults.map(|kind| FaultChance { kind: kind.parse().unwrap(), chance: 0.05 }).to_vec();
    let (mock, folder) =
        (Mock::start(Behaviour { faults, ..Behaviour::default() }, 0).unwrap(), Folder::new());
    let run = start(&folder, &mock, "--esb", &[]).wait().exits(0);
    all_are_started(&folder, &mock, &run);
    assert!(!run.stderr().contains("bk-sops is gone"), "{run}");
}

#[test]
fn questions_that_bk_sops_fails_each_time_are_given_up_and_starts_go_on() {
    let question_faults = vec![FaultChance { kind: "500".parse().unwrap(), chance: 1.0 }];
    let behaviour =
        Behaviour { question_faults, started: (1..=9).collect(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 12)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--gateway", &mock.gateway()];
    let run = |flag| folder.run(&[&words[..], &QUICK, &[flag]].concat()).exits(1);
    let begun = Instant::now();
    let confirmed = run("--confirm=1s");
    let report = folder.report("r.csv");
    report.is_complete(12);
    assert_eq!(report.counts()["unconfirmed"], 3, "{confirmed}");
    for line in report.lines.iter().filter(|line| line["outcome"] == "unconfirmed") {
        assert_eq!(line["error"], "transient", "the last question's answer: {line:?}");
        assert_ne!(line["message"], "");
    }
    let confirmed = confirmed.says(&["accepted, but their state could not be asked"]);
    assert!(!confirmed.stderr().contains("longer than --outage-patience"), "{confirmed}");
    let looked_up = run("--lookup");
    let looked_up = looked_up.says(&[
        "bk-sops works, and fails what was sent for ",
        "that ends",
        "12 links could not be asked for",
    ]);
    folder.report("r.csv").is_complete(12);
    assert!(begun.elapsed() < Duration::from_secs(50), "{looked_up}");
}
