//! A limit that lets nothing through is waited for once, and not by every row.

use std::time::{Duration, Instant};

use bk_launch::mock::Behaviour;

use crate::fairness::throttled;
use crate::harness::{HEADER, Server, launch, list, rows, well};

const IMPATIENT: &str = "--throttle-patience 1s --backoff 20ms..100ms --rate unlimited";

/// Business 2 has one start an hour; business 3 has as many as it wants.
fn starving() -> Behaviour {
    throttled("1/h")
}

#[test]
fn the_rows_of_a_starving_business_fail_together() {
    let begun = Instant::now();
    let run = launch(format!("{HEADER}{}{}", rows(2, 1, 200), rows(3, 1001, 50)))
        .against(starving())
        .with(IMPATIENT)
        .exits(1);
    assert!(begun.elapsed() < Duration::from_secs(20), "once, and not for every row: {run}");
    let run = run.reports_all(250).reports(51, "started").reports(199, "failed");
    let report = run.report();
    let never_sent = report.count_where("attempts", "0");
    assert!(never_sent > 150, "{never_sent} rows failed without another request");
    for line in report.of("failed") {
        assert_eq!(line["error"], "throttled_biz", "{line:?}");
        assert!(line["message"].ends_with("reach the limit of starting tasks"), "{line:?}");
    }
    let scene = run.scene();
    assert!(scene.seen().starts < 51 + 49, "{:?}", scene.seen().starts);
    let again = scene.command("report").report("again.csv").exits(0);
    assert_eq!(again.row(201).fields, *report.line(201), "word for word in every report");
}

#[test]
fn rows_that_starve_fail_through_the_budget() {
    launch(list(100))
        .against(starving())
        .with(IMPATIENT)
        .with("--max-failures 3")
        .exits(3)
        .says("4 rows failed (limit 3). Fix the cause")
        .reports_all(100)
        .reports(1, "started")
        .reports(4, "failed")
        .reports(95, "pending");
}

#[test]
fn rows_that_come_later_wait_for_one_probe_a_step() {
    let run = launch(list(60))
        .against(starving())
        .with(IMPATIENT)
        .with("--lookahead 20")
        .exits(1)
        .reports_all(60)
        .reports(1, "started")
        .reports(59, "failed");
    assert!(run.scene().seen().starts < 50, "three times 20 rows, not 60 waits: {run}");
}

#[test]
fn an_app_that_starves_stops_the_run_and_the_rest_stays_pending() {
    let server = Server::always("429 Too Many Requests", "<html>429");
    launch(list(40))
        .at(&server.url)
        .with(IMPATIENT)
        .exits(3)
        .says([
            "refused for the whole of --throttle-patience",
            "HTTP 429",
            "next: bk-launch resume ",
        ])
        .reports_all(40)
        .reports(40, "pending");
    let asked = server.heard().len();
    assert!((4..60).contains(&asked), "by the backoff: {asked}");
}

#[test]
fn the_time_that_the_gateway_states_is_no_starving() {
    launch(list(40))
        .against(Behaviour { app_limit: Some("5/h".parse().unwrap()), ..well() })
        .by_gateway()
        .with(IMPATIENT)
        .with("--stop-at +4s")
        .exits(4)
        .reports(35, "pending");
}
