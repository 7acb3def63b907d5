//! bk-sops is gone, and something in front of it answers: that costs time, and no rows.

use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, FaultKind, Front, Gone};

use crate::harness::{
    HEADER, Launch, Outcome, Running, Scene, each, launch, list, rows, scene, sometimes, well,
};

const ROWS: u64 = 200;
const QUICK: &str = "--backoff 50ms..200ms --rate 100/s";

/// The fronts, each with the route that it is on and what is said of it.
const FRONTS: [(Front, By, &str); 6] = [
    (Front::Nginx, By::Esb, "nginx answers 502 for bk-sops"),
    (Front::Ingress, By::Esb, "nginx answers 404 for bk-sops"),
    (Front::Esb, By::Esb, "the ESB answers 1306201 for bk-sops"),
    (Front::EsbNginx, By::Esb, "the ESB answers 1306201 for bk-sops"),
    (Front::Gateway, By::Gateway, "the API gateway answers 1650200 for bk-sops"),
    (Front::Permission, By::Esb, "bk-sops answers that it failed"),
];

/// The route of a launch.
#[derive(Clone, Copy)]
enum By {
    Esb,
    Gateway,
}

/// A launch of rows of two businesses.
fn of_two_businesses(behaviour: Behaviour, by: By) -> Launch {
    let rows = format!("{HEADER}{}{}", rows(2, 1, 150), rows(3, 1001, 50));
    let run = launch(rows).against(behaviour).with(QUICK);
    match by {
        By::Esb => run,
        By::Gateway => run.by_gateway(),
    }
}

fn goes_away(scene: &Scene, front: Front) {
    scene.change(|behaviour| behaviour.gone = vec![Gone::behind(front)]);
}

fn comes_back(scene: &Scene) {
    scene.change(|behaviour| behaviour.gone.clear());
}

/// Takes bk-sops away in the middle of a launch, for so long.
fn restart(run: Running, front: Front, lasts: Duration) -> Running {
    let run = run.once("some are started", |seen| seen.started >= 40);
    goes_away(&run.scene, front);
    std::thread::sleep(lasts);
    comes_back(&run.scene);
    run
}

/// Every row is started, and none twice.
fn all_are_started(run: Outcome) -> Outcome {
    run.reports_all(ROWS)
        .reports(ROWS, "started")
        .server_saw(|seen| seen.started, ROWS)
        .server_saw(|seen| seen.tasks.values().all(|task| task.accepted == 1), true)
}

#[test]
fn a_restart_behind_any_front_costs_time_and_no_rows() {
    for (front, by, says) in FRONTS {
        let run = of_two_businesses(well(), by).with("--retries 3").start();
        let run = restart(run, front, Duration::from_secs(2));
        let gone = run.scene.seen().gone;
        let run = all_are_started(run.exits(0));
        assert!(
            (9..100).contains(&gone),
            "{front:?}: it was really gone, and hardly asked: {gone}"
        );
        run.says(["bk-sops is gone: ", says, "bk-sops is back after 2 s"])
            .says_times(1, "bk-sops is gone");
    }
}

#[test]
fn questions_and_confirmations_do_not_pay_for_an_outage() {
    let (queue, first) = (Duration::from_millis(300), each([3], FaultKind::ResetAfter, 1));
    // Shorter than the outage: that time is no part of it.
    let run = of_two_businesses(Behaviour { queue, first, ..well() }, By::Esb)
        .with("--confirm=1500ms --retries 0")
        .start();
    let run = restart(run, Front::Nginx, Duration::from_secs(3)).ends();
    let run = run.reports_all(ROWS).reports(0, "unconfirmed");
    // With --retries 0 an idle attempt ends its row, in an outage too.
    let unknown = run.report().count("unknown");
    assert!(unknown <= 24 + 30, "eight, those in flight, and probes: {run}");
    run.reports(200 - unknown, "started");
}

#[test]
fn beyond_the_patience_the_run_stops_and_a_resume_takes_the_rows_that_were_out_last() {
    let run = of_two_businesses(well(), By::Esb).with("--outage-patience 1s").start();
    let run = run.once("some are started", |seen| seen.started >= 40);
    goes_away(&run.scene, Front::Nginx);
    let run = run
        .exits(3)
        .says(["was gone for 1 s", "nginx answers 502 for bk-sops", "next: bk-launch resume "])
        .reports_all(ROWS);
    let out: Vec<u64> = (run.report().of("pending"))
        .filter(|line| line["attempts"] != "0")
        .map(|line| line["line"].parse().unwrap())
        .collect();
    assert!(out.len() >= 4, "{out:?}");
    comes_back(&run.scene());
    let resumed = all_are_started(run.resume().with("--concurrency 1").exits(0));
    let report = resumed.report();
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
    let first = each(21..=30, FaultKind::Crash, 99);
    let begun = Instant::now();
    let run = of_two_businesses(Behaviour { first, ..well() }, By::Gateway)
        .with("--retries 1")
        .exits(1)
        .reports_all(ROWS)
        .reports(190, "started")
        .reports(10, "failed");
    assert!(begun.elapsed() < Duration::from_secs(40), "{run}");
    for line in run.report().of("failed") {
        assert_eq!(line["error"], "transient", "{line:?}");
        assert!((21..=30).contains(&line["task_id"].parse().unwrap()));
    }
}

#[test]
fn where_only_bad_rows_are_left_they_end_by_their_class() {
    launch(format!("{HEADER}{}{}", rows(2, 1, 12), rows(2, 50, 1)))
        .against(Behaviour { first: each(1..=12, FaultKind::Crash, 999), ..well() })
        .by_gateway()
        .with(QUICK)
        .with("--retries 4")
        .exits(1)
        .reports_all(13)
        .reports(1, "started")
        .reports(12, "failed")
        .says("bk-sops works, but fails each request for ");
}

#[test]
fn single_faults_of_a_bk_sops_that_works_are_no_outage() {
    let faults = sometimes("502 500 reset-before", 0.05);
    let run = of_two_businesses(Behaviour { faults, ..well() }, By::Esb).exits(0);
    all_are_started(run).never_says("bk-sops is gone");
}

#[test]
fn questions_that_bk_sops_fails_each_time_are_given_up_and_starts_go_on() {
    let scene = scene(list(12)).against(Behaviour {
        question_faults: sometimes("500", 1.0),
        started: (1..=9).collect(),
        ..well()
    });
    let run = || scene.run().by_gateway().with("--force").with(QUICK);
    let begun = Instant::now();
    let confirmed = run()
        .with("--confirm=1s")
        .exits(1)
        .reports_all(12)
        .reports(3, "unconfirmed")
        .says("accepted, but their state could not be asked")
        .never_says("longer than --outage-patience");
    for line in confirmed.report().of("unconfirmed") {
        assert_eq!(line["error"], "transient", "the last question's answer: {line:?}");
        assert_ne!(line["message"], "");
    }
    let looked_up = run().with("--lookup").exits(1).reports_all(12);
    looked_up.says([
        "bk-sops works, but fails each request for ",
        "they are not sent again",
        "12 links could not be asked for",
    ]);
    assert!(begun.elapsed() < Duration::from_secs(50));
}
