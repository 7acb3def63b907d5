//! What really started: `--confirm`, the look before "unknown", and links.

use std::time::{Duration, Instant};

use bk_launch::mock::{
    Behaviour, EsbKind, FaultChance, FaultKind, FirstFault, Latency, Mock, View,
};

use crate::harness::{Folder, HEADER, rows, until};

fn fault(task: u64, kind: FaultKind, times: u32) -> FirstFault {
    FirstFault { task, kind, times }
}

fn run(folder: &Folder, mock: &Mock, flags: &[&str]) -> crate::harness::Finished {
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "unlimited", "--esb", &mock.url()];
    folder.run(&[&words[..], &["--backoff", "1ms..20ms"], flags].concat())
}

fn known(folder: &Folder, line: u64) -> String {
    let report = folder.report("r.csv");
    let line = report.line(line);
    format!("{} {} {}", line["outcome"], line["known_by"], line["attempts"])
}

#[test]
fn a_task_that_runs_is_known_by_its_state() {
    let queue = Duration::from_millis(700);
    let first = vec![fault(2, FaultKind::ResetAfter, 1)];
    let behaviour = Behaviour { queue, first, started: [3].into(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 3)));
    run(&folder, &mock, &["--confirm"]).exits(0).says(&["3 rows: 2 started, 1 already_started"]);
    assert_eq!(known(&folder, 2), "started status 1");
    // Lost, sent again while it was queued, and accepted once more.
    assert_eq!(known(&folder, 3), "started status 2");
    assert_eq!(known(&folder, 4), "already_started  1");
    let report = folder.report("r.csv");
    assert_eq!(report.line(2)["result"], "true", "the line tells of the last start_task");
    assert!(report.line(2)["elapsed_ms"].parse::<u64>().unwrap() >= 700);
}

#[test]
fn a_silent_failure_is_found_and_cured_where_a_second_start_works() {
    let first = vec![fault(1, FaultKind::Silent, 1), fault(2, FaultKind::Silent, 99)];
    let behaviour = Behaviour { first, ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 3)));
    let flags = ["--confirm=600ms", "--retries", "2"];
    run(&folder, &mock, &flags).exits(1).says(&["1 unconfirmed", "does not run them"]);
    assert_eq!(known(&folder, 2), "started status 2");
    assert_eq!(known(&folder, 3), "unconfirmed  3");
    assert_eq!(known(&folder, 4), "started status 1");
    // Without --confirm nobody would know.
    folder.run(&["runs", "prune", "--keep", "0"]);
    folder.file("tasks.csv", "2,2\n");
    run(&folder, &mock, &["--force"]).exits(0);
    assert_eq!(known(&folder, 1), "started reply 1");
}

#[test]
fn polls_that_fail_never_stop_the_run() {
    let faults = ["500", "502", "reset-before", "broken-json"];
    let question_faults =
        faults.map(|kind| FaultChance { kind: kind.parse().unwrap(), chance: 0.1 }).to_vec();
    let behaviour = Behaviour { question_faults, ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 20)));
    run(&folder, &mock, &["--confirm=20s"]).exits(0);
    assert_eq!(folder.report("r.csv").counts()["started"], 20);
    assert_eq!(mock.counts().starts, 20);
}

#[test]
fn a_poll_that_never_gets_a_state_leaves_the_row_unconfirmed() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    let latency = Latency::Fixed(Duration::from_millis(200));
    mock.site().change(|behaviour| behaviour.latency = latency);
    folder.file("tasks.csv", "2,1\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--confirm=1s", "--esb", &mock.url()];
    let run = folder.start(&mut folder.program(&words));
    // The first question is answered; after that nobody may look any more.
    until("the first question was asked", || mock.counts().status == 1);
    until("the task was started", || mock.counts().starts == 1);
    mock.site().change(|behaviour| behaviour.view = View::Denied);
    run.wait().exits(1).says(&[
        "unconfirmed (permission) line 1: iam authentication exception",
        "accepted, but their state could not be asked",
    ]);
    assert_eq!(known(&folder, 1), "unconfirmed  1");
    let (report, said) = (folder.report("r.csv"), "iam authentication exception");
    let line = report.line(1);
    assert_eq!((&*line["error"], &*line["result"], &*line["code"]), ("permission", "true", "0"));
    assert!(line["message"].starts_with(said), "{line:?}");
    folder.run(&["report", "-o", "again.csv"]).exits(0);
    assert_eq!(folder.report("again.csv").line(1), line, "word for word in every report");
}

#[test]
fn where_nobody_may_look_nothing_is_started() {
    for (behaviour, says) in [
        (Behaviour { view: View::Denied, ..Behaviour::default() }, "task_view"),
        (Behaviour { auth_after: Some(0), ..Behaviour::default() }, "auth"),
        (Behaviour { esb: EsbKind::Legacy, ..Behaviour::default() }, "--esb-legacy-get"),
    ] {
        let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
        folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 5)));
        let run = run(&folder, &mock, &["--confirm"]).exits(3);
        run.says(&["the first get_task_status was refused", "nothing was started", says]);
        assert_eq!(mock.counts().starts, 0, "{says}");
        assert_eq!(folder.report("r.csv").counts()["pending"], 5);
        if says == "task_view" {
            folder.run(&["resume", "--confirm=off"]).exits(0);
            assert_eq!(mock.counts().started, 5);
        }
    }
}

#[test]
fn the_legacy_esb_is_asked_by_the_query_where_that_is_allowed() {
    let behaviour = Behaviour { esb: EsbKind::Legacy, ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 5)));
    run(&folder, &mock, &["--confirm", "--esb-legacy-get"]).exits(0);
    assert_eq!(known(&folder, 2), "started status 1");
    let counts = mock.counts();
    assert_eq!((counts.refused, counts.status), (1, 6), "only the very first was refused");
}

#[test]
fn before_a_row_is_called_unknown_its_task_is_looked_at() {
    let first = [
        (1, FaultKind::BadGatewayAfter),
        (2, FaultKind::BadGateway),
        (3, FaultKind::ResetBefore),
        (4, FaultKind::Crash),
    ];
    let first = first.map(|(task, kind)| fault(task, kind, 9)).to_vec();
    let behaviour = Behaviour { first, started: [3].into(), ..Behaviour::default() };
    for (view, outcomes, asked) in [
        (View::Allowed, ["started status 1", "unknown  1", "already_started  1", "failed  1"], 3),
        (View::Denied, ["unknown  1", "unknown  1", "unknown  1", "failed  1"], 3),
    ] {
        let behaviour = Behaviour { view, ..behaviour.clone() };
        let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
        folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 4)));
        run(&folder, &mock, &["--retries", "0"]).exits(1);
        let found = [2, 3, 4, 5].map(|line| known(&folder, line));
        assert_eq!(found, outcomes);
        assert_eq!(mock.counts().status, asked, "one question for each row in doubt");
    }
}

#[test]
fn stopped_while_it_confirms_a_row_is_asked_for_before_it_is_sent_again() {
    for signal in ["INT", "KILL"] {
        let first = vec![fault(1, FaultKind::Silent, 1)];
        let queue = Duration::from_secs(2);
        let behaviour = Behaviour { first, queue, ..Behaviour::default() };
        let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
        folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 3)));
        let words = ["run", "tasks.csv", "-o", "r.csv", "--confirm", "--esb", &mock.url()];
        let run = folder.start(&mut folder.program(&words));
        until("all were accepted", || mock.counts().starts == 3);
        until("they are asked for", || mock.counts().status > 3);
        let begun = Instant::now();
        run.signal(signal);
        let run = run.wait();
        assert!(begun.elapsed() < Duration::from_secs(30), "and not as long as --confirm");
        if signal == "INT" {
            let run = run.exits(130).says(&["unconfirmed", "may have been started"]);
            assert_eq!(folder.report("r.csv").counts()["unconfirmed"], 3, "{run}");
        }
        until("the queue is empty", || begun.elapsed() > Duration::from_secs(3));
        folder.run(&["resume"]).exits(0);
        let report = folder.report("r.csv");
        report.is_complete(3);
        assert_eq!(report.counts()["started"], 3, "{signal}");
        // Two ran all along, and that is seen before they are sent.
        let sent =
            [1, 2, 3].map(|task| mock.counts().tasks[&format!("cmdb_biz/2/{task}")].requests);
        assert_eq!(sent, [2, 1, 1], "{signal}");
        for line in &report.lines {
            let words = ["result", "attempts"].map(|column| line[column].as_str());
            let attempts = if line["task_id"] == "1" { "2" } else { "1" };
            assert_eq!(words, ["true", attempts], "{signal} {line:?}");
            assert!(!line["task_url"].is_empty() && !line["request_id"].is_empty(), "{line:?}");
        }
    }
}

#[test]
fn a_link_that_no_answer_gave_is_looked_up() {
    let first = vec![fault(2, FaultKind::ResetAfter, 1)];
    let behaviour = Behaviour {
        first,
        started: [1].into(),
        detail_bytes: 5 * 1024 * 1024,
        ..Behaviour::default()
    };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 3)));
    run(&folder, &mock, &["--lookup"]).exits(0);
    let report = folder.report("r.csv");
    report.is_complete(3);
    for line in 2..5 {
        let link = format!("instance_id={}", line - 1);
        assert!(report.line(line)["task_url"].ends_with(&link), "{:?}", report.line(line));
    }
    assert_eq!(
        (known(&folder, 2), known(&folder, 3)),
        ("already_started  1".into(), "started retry 2".into())
    );
    assert_eq!(mock.counts().detail, 2);
    // The link is in the journal too, so a later report has the same line.
    folder.run(&["report", "-o", "again.csv"]).exits(0);
    assert_eq!(folder.report("again.csv").lines.len(), 3);
    assert_eq!(folder.report("again.csv").line(2), report.line(2));
    // An answer of more than 32 MiB is not read to its end.
    mock.site().change(|behaviour| behaviour.detail_bytes = 33 * 1024 * 1024);
    folder.file("tasks.csv", "2,1\n");
    run(&folder, &mock, &["--lookup", "--force"]).exits(0);
    assert_eq!(folder.report("r.csv").line(1)["task_url"], "");
}

#[test]
fn without_a_lookup_no_link_is_asked_for_and_a_stop_does_not_wait_for_one() {
    let behaviour = Behaviour { started: (1..=20).collect(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 20)));
    run(&folder, &mock, &[]).exits(0);
    assert_eq!(mock.counts().detail, 0);
    let words = ["run", "tasks.csv", "-o", "s.csv", "--lookup", "--rate", "15/s"];
    let run = folder.start(&mut folder.program(&[&words[..], &["--esb", &mock.url()]].concat()));
    until("the first links are asked for", || mock.counts().detail >= 2);
    run.signal("INT");
    // Every row had its last word already.
    run.wait().exits(0);
    let report = folder.report("s.csv");
    report.is_complete(20);
    assert_eq!(report.counts()["already_started"], 20);
}
