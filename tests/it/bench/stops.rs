//! Stopped early: what was measured is reported, and the rows are named.

use std::time::{Duration, Instant};

use bk_launch::mock::Behaviour;
use serde_json::Value;

use super::{field, is_quiet};
use crate::harness::{slow, well};

#[test]
fn a_credential_that_is_refused_stops_it() {
    let scene = field(500).against(Behaviour { auth_after: Some(20), ..well() });
    let stopped = scene.bench().with("--rate 100/s").exits(3);
    let found = stopped.says("stopped: the server refuses the credentials").json();
    assert_eq!((&found["rows"]["started"], &found["exit"]), (&20.into(), &3.into()));
    assert!(scene.seen().requests < 250, "and not all 500");
}

#[test]
fn a_signal_stops_sending_and_what_was_measured_is_reported() {
    let scene = field(5_000).against(slow(200));
    scene
        .command("bench tasks.csv --rate 100/s -o r.json")
        .by_esb()
        .start()
        .once("some were answered", |seen| seen.starts > 50)
        .signal("INT")
        .exits(130)
        .says([
            "Stopping: waiting for ",
            " (up to 35 s). Ctrl-C again to abort.",
            "stopped: by SIGINT",
        ]);
    let found: Value = serde_json::from_str(&scene.read("r.json")).unwrap();
    assert_eq!(found["answered"], scene.seen().starts, "what was in flight is waited for");
    assert_eq!(found["rows"]["started"], scene.seen().started);
    let rate = found["sent_per_second"].as_f64().unwrap();
    assert!(!is_quiet(&found) || (rate / 100.0 - 1.0).abs() < 0.1, "{rate}");
}

#[test]
fn after_a_signal_nothing_waits_for_a_connection_any_more() {
    // Nobody accepts, so after the first few every connection waits.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = field(5_000).bench().at(format!("http://{}", listener.local_addr().unwrap()));
    let run = bench.with("--rate 400/s --timeout 2s --connect-timeout 2s").start();
    let run = run.once_it_handles_signals();
    std::thread::sleep(Duration::from_secs(1));
    let signalled = Instant::now();
    let finished = run.signal("INT").exits(130);
    // 400 that wait for their connections, 64 at a time and for two seconds each, take twelve.
    assert!(signalled.elapsed() < Duration::from_secs(10), "{finished}");
    let found = finished.json();
    assert!(found["sent"].as_u64().unwrap() < 350, "what had no connection was not sent");
    assert_eq!(found["sent"], found["answered"]);
}

#[test]
fn a_second_signal_names_the_rows_at_least() {
    let run = field(100).against(slow(20_000)).command("bench tasks.csv --rate 50/s").by_esb();
    let run = run.start().once("some are out", |seen| seen.starts > 5).signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    run.signal("INT").exits(130).says("rows whose requests are out: 2-");
}

#[test]
fn a_result_that_cannot_be_written_does_not_lose_the_rows() {
    let line = "PROGRAM bench tasks.csv --rate 50/s --requests 5 --json --esb URL >/dev/full; \
                echo >&2 code $?";
    let told = field(20).shell(line);
    told.says(["cannot write to standard output", "rows that were started: 2-6", "code 6"]);
}
