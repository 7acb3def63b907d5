//! A server that goes away costs time, not rows.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use bk_launch::mock::Mock;

use crate::harness::{answer_once, full_backlog, launch, list, mock, until, well};

/// Stops the mock in the middle of a run for a while: all rows are started all the same.
fn outage(lasts: Duration, flags: &str) {
    let mock = mock(well());
    let port = mock.port();
    let run = launch(list(300)).at(mock.url()).with("--rate 100/s").with(flags).start();
    until("a third is started", || mock.counts().started >= 100);
    let site = mock.stop();
    std::thread::sleep(lasts);
    let before = site.counts().starts;
    let mock = Mock::at(site, port).unwrap();
    run.exits(0).reports_all(300).reports(300, "started");
    let counts = mock.counts();
    assert_eq!(counts.started, 300);
    assert!(before < 200, "it really was away: {before}");
    assert!(counts.tasks.values().all(|task| task.accepted == 1), "none was started twice");
}

/// Two retries are enough: at most one of them is used before four failures in a
/// row are an outage, and its probes do not count.
#[test]
fn an_outage_costs_time_and_no_rows() {
    outage(Duration::from_millis(1500), "--backoff 50ms..200ms --retries 2");
}

#[test]
fn an_outage_costs_nothing_of_the_budget() {
    let flags = "--backoff 50ms..200ms --retries 2 --max-failures 0";
    outage(Duration::from_millis(1500), flags);
}

#[test]
#[ignore = "needs half a minute"]
fn an_outage_of_twenty_seconds_costs_time_and_no_rows() {
    outage(Duration::from_secs(20), "");
}

#[test]
fn an_outage_beyond_the_patience_stops_the_run() {
    let mock = mock(well());
    let run = launch(list(300))
        .at(mock.url())
        .with("--rate 100/s --outage-patience 1s --backoff 50ms..200ms")
        .start();
    until("some are started", || mock.counts().started >= 20);
    let site = mock.stop();
    let run = run.exits(3).says(["--outage-patience", "was gone for 1 s"]).reports_all(300);
    let report = run.report();
    let started = report.count("started");
    assert!(started >= 20 && started <= site.counts().started);
    let unsure = report.count("unknown");
    assert!(site.counts().started - started <= unsure, "{:?}", report.counts());
}

#[test]
fn a_server_that_was_never_there_stops_the_run_soon() {
    let url = mock(well()).url();
    for retries in ["2", "0"] {
        let begun = Instant::now();
        launch(list(100))
            .at(&url)
            .with(format!("--backoff 10ms..50ms --retries {retries}"))
            .exits(3)
            .says(["was never reached", "Connection refused", &url])
            .reports_all(100)
            // Surely not started.
            .reports(100, "pending");
        assert!(begun.elapsed() < Duration::from_mins(1));
    }
}

#[test]
fn a_connection_that_is_not_made_in_time_is_given_up() {
    let (port, _held) = full_backlog();
    let no_room = format!("http://127.0.0.1:{port}");
    // The kernel makes this connection, and nobody answers the handshake.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let no_handshake = format!("https://{}", silent.local_addr().unwrap());
    for url in [no_room, no_handshake] {
        let run = launch(list(20))
            .at(&url)
            .with("--retries 1 --connect-timeout 200ms --timeout 1m --backoff 10ms..20ms");
        let begun = Instant::now();
        let run = run.exits(3);
        let took = begun.elapsed();
        let run = run.says(["was never reached", "no connection: ", &url]);
        assert!(took < Duration::from_secs(3), "it took {took:?}: {run}");
        // Surely not started.
        run.reports_all(20).reports(20, "pending");
    }
}

#[test]
fn a_host_name_without_an_address_stops_the_run_at_once() {
    let run = launch("2,3\n").at("http://no-such-host.invalid").exits(3);
    run.says(["the host name has no address", "no-such-host.invalid"]).row(1).is("pending", "");
}

#[test]
fn a_server_that_speaks_no_http_stops_the_run_at_once() {
    let port = answer_once(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    let url = format!("http://127.0.0.1:{port}");
    // The request went out, and whoever is there may have obeyed it.
    launch(list(20))
        .at(&url)
        .with("--concurrency 1 --no-journal")
        .exits(3)
        .says(["the URL does not lead to bk-sops", "what came back is no HTTP", &url])
        .reports_all(20)
        .reports(1, "unknown")
        .reports(19, "pending");
}
