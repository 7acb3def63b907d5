//! Stopped early: what was measured is reported, and the rows are named.

use std::time::{Duration, Instant};

use bk_launch::mock::Behaviour;
use serde_json::Value;

use super::{field, is_quiet, measured};
use crate::harness::{slow, sometimes, well};

#[test]
fn a_credential_that_is_refused_stops_it() {
    let scene = field(500).against(Behaviour { auth_after: Some(20), ..well() });
    let stopped = scene.bench().with("--rate 100/s").exits(3);
    let found = stopped
        .says(["stopped: the server refuses the credentials", "\n  check BK_APP_CODE"])
        .json();
    assert_eq!((&found["rows"]["started"], &found["exit"]), (&20.into(), &3.into()));
    assert!(scene.seen().requests < 250, "and not all 500");
}

#[test]
fn a_server_that_never_answers_fails_it() {
    let scene = field(100);
    let never = ["stopped: the server was never reached: ", "\n  check that it is up"];
    let closed = |flags: &str| scene.bench().at("http://127.0.0.1:1").with(flags);
    let found = closed("--rate 50/s --requests 20 -o r.json").exits(3).says(never).json();
    assert_eq!((&found["exit"], &found["sent"]), (&3.into(), &20.into()));
    let told = "never reached: no connection: Connection refused (os error 111); measure again";
    scene.command("bench --compare r.json r.json").exits(2).says(told);
    closed("--closed --concurrency 2 --requests 20").exits(3).says(never);
    // What was expected is missed, too, and a search does not go on without an end.
    closed("--rate 50/s --requests 20 --slo errors<1%").exits(1).says(never);
    let search = closed("--find-max --rate 100/s --duration 1s").exits(1).says(never);
    assert_eq!(search.json()["steps"].as_array().unwrap().len(), 1);
    let dumb = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dumb = scene.bench().at(format!("http://{}", dumb.local_addr().unwrap()));
    dumb.with("--rate 50/s --requests 5 --timeout 1s").exits(3).says(never);
    // One answer, and be it a page of errors, is one of a server.
    let down = Behaviour { faults: sometimes("502", 1.0), ..well() };
    measured(field(100).against(down).bench().with("--rate 50/s --requests 20").ends());
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
