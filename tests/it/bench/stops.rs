//! Stopped early: what was measured is reported, and the rows are named.

use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, View};
use serde_json::Value;

use super::{field, is_quiet, measured};
use crate::harness::{Server, http, read_request, slow, sometimes, well};

#[test]
fn a_credential_that_is_refused_stops_it() {
    // The first of the 20 is the question before the load.
    let scene = field(500).against(Behaviour { auth_after: Some(20), ..well() });
    let stopped = scene.bench().with("--rate 100/s").exits(3);
    let found = stopped
        .says(["stopped: the server refuses the credentials", "\n  check BK_APP_CODE"])
        .json();
    assert_eq!((&found["rows"]["started"], &found["exit"]), (&19.into(), &3.into()));
    assert!(scene.seen().requests < 250, "and not all 500");
}

#[test]
fn a_url_that_leads_to_no_bk_sops_gets_one_question_and_no_load() {
    let scene = field(100);
    let load = "--rate 200/s --requests 20 -o r.json";
    let page = Server::always("200 OK", "<html>login");
    let other = Server::always("404 Not Found", r#"{"detail":"Not Found"}"#);
    let refusing = Server::always("400 Bad Request", "<html>400");
    let json = Server::always("200 OK", r#"{"status":"ok"}"#);
    let dumb = TcpListener::bind("127.0.0.1:0").unwrap();
    let dumb = format!("http://{}", dumb.local_addr().unwrap());
    for (url, flags, says) in [
        (&*page.url, "", "the URL does not lead to bk-sops: "),
        (&other.url, "", "the URL does not lead to bk-sops: "),
        (&refusing.url, "", "the URL does not lead to bk-sops: "),
        (&json.url, "", "the URL does not lead to bk-sops: "),
        ("http://nowhere.invalid", "--yes-start 20", "the URL does not lead to bk-sops: "),
        ("http://127.0.0.1:1", "--slo errors<1%", "the server was never reached: no connection: "),
        (&dumb, "--timeout 1s", "the server was never reached: no answer "),
    ] {
        let nobody = scene.bench().at(url).with(load).with(flags).exits(3);
        nobody.says(["nothing was started: ", says, "\n  check "]).never_says("response");
    }
    let search = scene.bench().at(&page.url).with("--find-max --rate 100/s --duration 1s");
    search.exits(3).says("the URL does not lead to bk-sops");
    let heard = page.heard();
    assert_eq!(heard.len(), 2, "one question each");
    assert!(heard.iter().all(|request| request.path().contains("get_task_status")));
    assert!(!scene.path("r.json").exists());
}

#[test]
fn a_signal_during_the_question_before_a_load_stops_it_in_order() {
    let dumb = TcpListener::bind("127.0.0.1:0").unwrap();
    let scene = field(10);
    scene.file("token", "t0ken");
    let bench = scene.bench().at(format!("http://{}", dumb.local_addr().unwrap()));
    let run = bench.without("BK_TOKEN").with("-o r.json").arg("--token-cmd");
    let run = run.arg("sh -c 'echo >>calls; cat token'").start();
    let _asked = dumb.accept().unwrap();
    run.signal("INT").exits(130).says("nothing was started: stopped by SIGINT");
    assert!(!scene.path("r.json").exists());
    assert_eq!(scene.read("calls"), "\n", "the credentials are read once");
}

#[test]
fn an_answer_that_speaks_against_the_question_alone_keeps_no_load_back() {
    for (behaviour, outcome) in [
        (Behaviour { view: View::Denied, ..well() }, "accepted"),
        (Behaviour { missing: (1..=100).collect(), ..well() }, "not_found"),
        (Behaviour { faults: sometimes("502", 1.0), ..well() }, "ambiguous"),
    ] {
        let scene = field(100).against(behaviour);
        let found = measured(scene.bench().with("--rate 200/s --requests 20").ends());
        assert_eq!(found["classes"][outcome]["requests"], 20, "{}", found["classes"]);
        assert_eq!((scene.seen().starts, scene.seen().requests), (20, 21));
    }
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
    // After the question before the load nobody accepts, so that all but a few connections wait.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = field(5_000).bench().at(format!("http://{}", listener.local_addr().unwrap()));
    let asked = listener.try_clone().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = asked.accept().unwrap();
        read_request(&mut BufReader::new(&stream)).unwrap();
        (&stream).write_all(&http("502 Bad Gateway", "")).unwrap();
    });
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
