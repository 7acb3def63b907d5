//! What really started: `--confirm`, the look before "unknown", and links.

use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, EsbKind, FaultKind, Latency, View};

use crate::harness::{QUICK, each, fault, launch, list, scene, sometimes, until, well};

#[test]
fn a_task_that_runs_is_known_by_its_state() {
    let queue = Duration::from_millis(700);
    let first = each([2], FaultKind::ResetAfter, 1);
    let row = launch(list(3))
        .against(Behaviour { queue, first, started: [3].into(), ..well() })
        .with("--confirm")
        .with(QUICK)
        .exits(0)
        .says("3 rows: 2 started, 1 already_started")
        // Task 2: lost, sent again while it was queued, and accepted once more.
        .reports_known(["started status 1", "started status 2", "already_started  1"])
        .row(2)
        // The line tells of the last start_task.
        .has("result", ["true"]);
    assert!(row["elapsed_ms"].parse::<u64>().unwrap() >= 700);
}

#[test]
fn a_silent_failure_is_found_and_cured_where_a_second_start_works() {
    let first = vec![fault(1, FaultKind::Silent, 1), fault(2, FaultKind::Silent, 99)];
    let scene = scene(list(3)).against(Behaviour { first, ..well() });
    scene
        .run()
        .with("--confirm=600ms --retries 2")
        .with(QUICK)
        .exits(1)
        .says(["1 unconfirmed", "does not run them"])
        .reports_known(["started status 2", "unconfirmed  3", "started status 1"]);
    // Without --confirm nobody would know.
    scene.command("runs prune --keep 0").ends();
    scene.file("tasks.csv", "2,2\n");
    scene.run().with("--force").with(QUICK).exits(0).row(1).known_as("started reply 1");
}

#[test]
fn polls_that_fail_never_stop_the_run() {
    let question_faults = sometimes("500 502 reset-before broken-json", 0.1);
    launch(list(20))
        .against(Behaviour { question_faults, ..well() })
        .with("--confirm=20s")
        .with(QUICK)
        .exits(0)
        .reports(20, "started")
        .server_saw(|seen| seen.starts, 20);
}

#[test]
fn a_poll_that_never_gets_a_state_leaves_the_row_unconfirmed() {
    let latency = Latency::Fixed(Duration::from_millis(200));
    // The first question is answered; after that nobody may look any more.
    let run = launch("2,1\n")
        .against(Behaviour { latency, ..well() })
        .with("--confirm=1s")
        .start()
        .once("the first question was asked", |seen| seen.status == 1)
        .once("the task was started", |seen| seen.starts == 1);
    run.scene.change(|behaviour| behaviour.view = View::Denied);
    let run = run.exits(1).says([
        "unconfirmed (permission) line 1: iam authentication exception",
        "accepted, but their state could not be asked",
    ]);
    let row =
        run.row(1).known_as("unconfirmed  1").has("error result code", ["permission", "true", "0"]);
    assert!(row["message"].starts_with("iam authentication exception"), "{}", &row["message"]);
    let again = run.scene().command("report").report("again.csv").exits(0);
    assert_eq!(again.row(1).fields, row.fields, "word for word in every report");
}

#[test]
fn where_nobody_may_look_nothing_is_started() {
    for (behaviour, says) in [
        (Behaviour { view: View::Denied, ..well() }, "task_view"),
        (Behaviour { auth_after: Some(0), ..well() }, "auth"),
        (Behaviour { esb: EsbKind::Legacy, ..well() }, "--esb-legacy-get"),
    ] {
        let run = launch(list(5))
            .against(behaviour)
            .with("--confirm")
            .with(QUICK)
            .exits(3)
            .says(["the first get_task_status was refused", "nothing was started", says])
            .server_saw(|seen| seen.starts, 0)
            .reports(5, "pending");
        if says == "task_view" {
            let unseen = run.resume().with("--confirm=off").exits(0);
            unseen.server_saw(|seen| seen.started, 5);
        }
    }
}

#[test]
fn the_legacy_esb_is_asked_by_the_query_where_that_is_allowed() {
    // Only the very first was refused.
    launch(list(5))
        .against(Behaviour { esb: EsbKind::Legacy, ..well() })
        .with("--confirm --esb-legacy-get")
        .with(QUICK)
        .exits(0)
        .server_saw(|seen| (seen.refused, seen.status), (1, 6))
        .row(2)
        .known_as("started status 1");
}

#[test]
fn before_a_row_is_called_unknown_its_task_is_looked_at() {
    let first = vec![
        fault(1, FaultKind::BadGatewayAfter, 9),
        fault(2, FaultKind::BadGateway, 9),
        fault(3, FaultKind::ResetBefore, 9),
        fault(4, FaultKind::Crash, 9),
    ];
    for (view, outcomes) in [
        (View::Allowed, ["started status 1", "unknown  1", "already_started  1", "failed  1"]),
        (View::Denied, ["unknown  1", "unknown  1", "unknown  1", "failed  1"]),
    ] {
        // One question for each row in doubt.
        launch(list(4))
            .against(Behaviour { view, first: first.clone(), started: [3].into(), ..well() })
            .with("--retries 0")
            .with(QUICK)
            .exits(1)
            .reports_known(outcomes)
            .server_saw(|seen| seen.status, 3);
    }
}

#[test]
fn stopped_while_it_confirms_a_row_is_asked_for_before_it_is_sent_again() {
    for signal in ["INT", "KILL"] {
        let (first, queue) = (each([1], FaultKind::Silent, 1), Duration::from_secs(2));
        let run = launch(list(3))
            .against(Behaviour { first, queue, ..well() })
            .with("--confirm")
            .start()
            .once("all were accepted", |seen| seen.starts == 3)
            .once("they are asked for", |seen| seen.status > 3);
        let begun = Instant::now();
        let run = run.signal(signal).ends();
        assert!(begun.elapsed() < Duration::from_secs(30), "and not as long as --confirm");
        let scene = run.scene();
        if signal == "INT" {
            let run = run.exits(130).says([
                "unconfirmed",
                "3 unfinished rows may already have started; resume will check",
            ]);
            run.reports(3, "unconfirmed");
        }
        until("the queue is empty", || begun.elapsed() > Duration::from_secs(3));
        let resumed = scene.resume().exits(0).reports_all(3).reports(3, "started");
        // Two ran all along, and that is seen before they are sent.
        let tasks = scene.seen().tasks;
        let sent = [1, 2, 3].map(|task| tasks[&format!("cmdb_biz/2/{task}")].requests);
        assert_eq!(sent, [2, 1, 1], "{signal}");
        for (line, attempts) in [(2, "2"), (3, "1"), (4, "1")] {
            let row = resumed.row(line).has("result attempts", ["true", attempts]);
            assert!(!row["task_url"].is_empty() && !row["request_id"].is_empty(), "line {line}");
        }
    }
}

#[test]
fn a_link_that_no_answer_gave_is_looked_up() {
    let run = launch(list(3))
        .against(Behaviour {
            first: each([2], FaultKind::ResetAfter, 1),
            started: [1].into(),
            detail_bytes: 5 * 1024 * 1024,
            ..well()
        })
        .with("--lookup")
        .with(QUICK)
        .exits(0)
        .reports_all(3)
        .reports_known(["already_started  1", "started retry 2", "started reply 1"])
        .server_saw(|seen| seen.detail, 2);
    for line in 2..5 {
        let link = format!("instance_id={}", line - 1);
        assert!(run.row(line)["task_url"].ends_with(&link), "line {line}");
    }
    // The link is in the journal too, so a later report has the same line.
    let scene = run.scene();
    let again = scene.command("report").report("again.csv").exits(0).report();
    assert_eq!(again.lines.len(), 3);
    assert_eq!(*again.line(2), run.row(2).fields);
    // An answer of more than 32 MiB is not read to its end.
    scene.change(|behaviour| behaviour.detail_bytes = 33 * 1024 * 1024);
    scene.file("tasks.csv", "2,1\n");
    let long = scene.run().with("--lookup --force").with(QUICK).exits(0);
    long.row(1).has("task_url", [""]);
}

#[test]
fn without_a_lookup_no_link_is_asked_for_and_a_stop_does_not_wait_for_one() {
    let scene = scene(list(20)).against(Behaviour { started: (1..=20).collect(), ..well() });
    scene.run().with(QUICK).exits(0).server_saw(|seen| seen.detail, 0);
    // Every row has its last word already when the signal comes.
    scene
        .run()
        .report("s.csv")
        .with("--lookup --rate 15/s")
        .start()
        .once("the first links are asked for", |seen| seen.detail >= 2)
        .signal("INT")
        .exits(0)
        .reports_all(20)
        .reports(20, "already_started");
}
