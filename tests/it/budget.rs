//! The failure budget: never one failure more than was asked for.

use std::time::Duration;

use bk_launch::mock::{Behaviour, FaultKind, Latency};

use crate::harness::{HEADER, Launch, Scene, each, launch, list, rows, scene, slow, well};

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

fn failing(how: Failing) -> Behaviour {
    let latency = Latency::Exponential(Duration::from_millis(5));
    let quick = Behaviour { latency, ..well() };
    match how {
        Failing::Denied => Behaviour { denied: (1..=200).collect(), ..quick },
        Failing::Throttled => Behaviour { throttle: Some("1/h".parse().unwrap()), ..quick },
        Failing::Silent => Behaviour { first: each(1..=200, FaultKind::Silent, 99), ..quick },
    }
}

fn of_two_hundred(scene: &Scene) -> Launch {
    scene.run().with("--rate unlimited --concurrency 64 --backoff 1ms..20ms")
}

#[test]
fn the_budget_is_never_overshot() {
    for (how, outcome, started, flags) in [
        (Failing::Denied, "rejected", 0, "--retries 0"),
        (Failing::Denied, "rejected", 0, "--retries 3"),
        (Failing::Throttled, "failed", 1, "--retries 0"),
        (Failing::Silent, "unconfirmed", 0, "--retries 1 --confirm=100ms"),
    ] {
        for (budget, failures) in [("0", 1), ("5", 6), ("5%", 11), ("0.4%", 1)] {
            let failed = if failures == 1 { "1 row".into() } else { format!("{failures} rows") };
            of_two_hundred(&scene(list(200)).against(failing(how)))
                .with(flags)
                .with(format!("--max-failures {budget}"))
                .exits(3)
                .says(format!(
                    "{failed} failed (limit {}). Fix the cause, then: bk-launch resume ",
                    failures - 1
                ))
                .never_says("next: ")
                .reports_all(200)
                .reports(failures, outcome)
                .reports(200 - failures - started, "pending");
        }
    }
}

#[test]
fn within_the_budget_a_run_goes_to_its_end() {
    let scene = scene(list(200)).against(Behaviour { denied: [7, 50, 120].into(), ..well() });
    let run = of_two_hundred(&scene).with("--max-failures 3").exits(1).reports(197, "started");
    // The budget is one of a session.
    let again = run.resume().with("--retry-failed --max-failures 1");
    again.exits(3).reports(2, "rejected");
}

#[test]
fn with_none_to_spare_rows_go_one_by_one_until_the_first_failure() {
    let scene = scene(list(200)).against(Behaviour { denied: [20].into(), ..slow(10) });
    of_two_hundred(&scene)
        .with("--max-failures 0")
        .exits(3)
        .server_saw(|seen| seen.most_in_flight, 1)
        .reports(19, "started")
        .reports(1, "rejected");
}

#[test]
fn a_task_of_somebody_else_counts_where_that_is_bad() {
    let theirs = || Behaviour { started: (1..=9).collect(), ..well() };
    let run = || of_two_hundred(&scene(list(200)).against(theirs())).with("--max-failures 4");
    run().exits(0);
    run().with("--already-started fail").exits(3).reports(5, "already_started");
}

#[test]
fn rows_that_wait_for_a_throttle_do_not_hold_the_others_up() {
    let businesses: String = (1..=10).map(|business| rows(business, business * 10, 3)).collect();
    // Two of each business are started.
    launch(format!("{HEADER}{businesses}"))
        .against(Behaviour { throttle: Some("2/m".parse().unwrap()), ..well() })
        .with("--rate unlimited --max-failures 0 --stop-at +5s")
        .exits(4)
        .reports(20, "started");
}

#[test]
fn of_a_stream_a_share_is_of_what_is_settled() {
    // 10% of at least 20 are two.
    Scene::new()
        .against(failing(Failing::Denied))
        .run()
        .piped(rows(2, 1, 100))
        .with("--retries 0 --max-failures 10% --rate unlimited")
        .exits(3)
        .reports(3, "rejected");
}

#[test]
fn what_is_no_budget_says_how_one_is_written() {
    for budget in ["many", "-1", "200%"] {
        let run = launch(list(200)).with(format!("--max-failures={budget}"));
        run.exits(2).says("such as 5%");
    }
}
