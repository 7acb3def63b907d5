//! Stopping in order: what is in flight is waited for, and the report is true.

use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, FaultKind};

use crate::harness::{Scene, each, fault, launch, list, scene, slow, until, well};

#[test]
fn each_signal_drains_and_the_report_is_complete_and_true() {
    for (signal, code, told) in [
        ("INT", 130, ["Stopping: waiting for ", " requests (up to 35 s). Ctrl-C again to abort."]),
        (
            "TERM",
            143,
            ["SIGTERM: stopping; waiting for ", " (up to 35 s). SIGTERM again to abort."],
        ),
        ("HUP", 129, ["SIGHUP: stopping; waiting for ", " (up to 35 s). SIGTERM to abort."]),
    ] {
        let run = launch(list(400))
            .against(slow(300))
            .with("--rate 100/s")
            .start()
            .once("some rows are in flight", |seen| seen.starts >= 20)
            .signal(signal)
            .exits(code)
            .says(told)
            .says(format!("stopped: by SIG{signal}"))
            .reports_all(400);
        let started = run.scene().seen().started;
        run.reports(started, "started")
            .reports(400 - started, "pending")
            .server_saw(|seen| seen.starts, started);
    }
}

#[test]
fn a_row_that_waits_for_a_retry_is_cut_off_by_what_is_known_of_it() {
    let first = vec![fault(1, FaultKind::ResetAfter, 1), fault(2, FaultKind::Crash, 1)];
    let scene = scene(list(3)).against(Behaviour { first, ..well() });
    let run = scene.run().with("--backoff 20s..30s --no-journal").start();
    let run = run.once("all were sent", |seen| seen.starts == 3);
    until("the third is done", || !scene.report("r.csv").lines.is_empty());
    let begun = Instant::now();
    let run = run.signal("INT").exits(130);
    assert!(begun.elapsed() < Duration::from_secs(15), "a wait for a retry ends at once");
    run.reports_in_order(["unknown", "pending", "started"])
        .row(2)
        .has("error", ["ambiguous"])
        .row(3)
        .has("attempts", ["1"]);
}

#[test]
fn a_second_signal_stops_at_once() {
    let first = each([1], FaultKind::Hang, 9);
    let scene = scene(list(2)).against(Behaviour { first, ..slow(300) });
    let run = scene.run().with("--no-journal").start();
    let run = run.once("both were sent", |seen| seen.starts == 2);
    until("the second is done", || !scene.report("r.csv").lines.is_empty());
    let run = run.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    let run = run.signal("TERM").exits(143);
    let run = run.says(["Aborted by SIGTERM: ", "may have been started"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "and not as long as --timeout");
    // What was settled is written.
    run.row(3).is("started", "reply");
}

#[test]
fn of_a_stream_what_was_read_is_pending_and_nothing_more_is_read() {
    // The pipe stays open: nobody knows whether more will come.
    let run = Scene::new().against(slow(300)).run().typing(list(5)).with("--rate 1/s").start();
    run.once("the first was sent", |seen| seen.starts == 1)
        .signal("INT")
        .exits(130)
        .reports_all(5)
        .reports(1, "started")
        .reports(4, "pending");
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let scene = scene(list(12)).against(slow(300));
    let line = "trap '' HUP; exec PROGRAM run tasks.csv -o r.csv --esb URL --rate 10/s";
    let run = scene.start(&mut scene.shell_command(line)).once_sent(3).signal("HUP");
    run.exits(0).server_saw(|seen| seen.started, 12);
}
