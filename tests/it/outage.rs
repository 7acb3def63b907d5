//! A server that goes away costs time, not rows.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, Mock};
use socket2::{Domain, Socket, Type};

use crate::harness::{Folder, HEADER, rows, until};

/// Stops the mock in the middle of a run for a while: all rows are started all the same.
fn outage(lasts: Duration, flags: &[&str]) {
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let (folder, port) = (Folder::new(), mock.port());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 300)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url(), "--rate", "100/s"];
    let run = folder.start(&mut folder.program(&[&words[..], flags].concat()));
    until("a third is started", || mock.counts().started >= 100);
    let site = mock.stop();
    std::thread::sleep(lasts);
    let before = site.counts().starts;
    let mock = Mock::at(site, port).unwrap();
    run.wait().exits(0);
    let report = folder.report("r.csv");
    report.is_complete(300);
    assert_eq!(report.counts()["started"], 300);
    let counts = mock.counts();
    assert_eq!(counts.started, 300);
    assert!(before < 200, "it really was away: {before}");
    assert!(counts.tasks.values().all(|task| task.accepted == 1), "none was started twice");
}

/// Two retries are enough: at most one of them is used before four failures in a
/// row are an outage, and its probes do not count.
#[test]
fn an_outage_costs_time_and_no_rows() {
    outage(Duration::from_millis(1500), &["--backoff", "50ms..200ms", "--retries", "2"]);
}

#[test]
fn an_outage_costs_nothing_of_the_budget() {
    let budget = ["--max-failures", "0"];
    let flags = ["--backoff", "50ms..200ms", "--retries", "2"];
    outage(Duration::from_millis(1500), &[&flags[..], &budget].concat());
}

#[test]
#[ignore = "needs half a minute"]
fn an_outage_of_twenty_seconds_costs_time_and_no_rows() {
    outage(Duration::from_secs(20), &[]);
}

#[test]
fn an_outage_beyond_the_patience_stops_the_run() {
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 300)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url(), "--rate", "100/s"];
    let patience = ["--outage-patience", "1s", "--backoff", "50ms..200ms"];
    let run = folder.start(&mut folder.program(&[&words[..], &patience].concat()));
    until("some are started", || mock.counts().started >= 20);
    let site = mock.stop();
    run.wait().exits(3).says(&["--outage-patience", "was gone for 1 s"]);
    let report = folder.report("r.csv");
    report.is_complete(300);
    let started = report.counts()["started"] as u64;
    assert!(started >= 20 && started <= site.counts().started);
    let unsure = report.counts().get("unknown").copied().unwrap_or(0) as u64;
    assert!(site.counts().started - started <= unsure, "{:?}", report.counts());
}

#[test]
fn a_server_that_was_never_there_stops_the_run_soon() {
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let (folder, url) = (Folder::new(), mock.url());
    drop(mock);
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 100)));
    for retries in ["2", "0"] {
        let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--esb", &url];
        let flags = ["--backoff", "10ms..50ms", "--retries", retries];
        let begun = Instant::now();
        let run = folder.run(&[&words[..], &flags].concat());
        run.exits(3).says(&["was never reached", "Connection refused", &url]);
        assert!(begun.elapsed() < Duration::from_mins(1));
        let report = folder.report("r.csv");
        report.is_complete(100);
        assert_eq!(report.counts()["pending"], 100, "surely not started");
    }
}

/// A listener that nobody accepts from, with so many connections waiting that no further
/// one is made; it holds as long as what is returned.
fn full_backlog() -> (String, Vec<Box<dyn std::any::Any>>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut held: Vec<Box<dyn std::any::Any>> = vec![Box::new(socket)];
    while let Ok(waiting) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        held.push(Box::new(waiting));
        assert!(held.len() < 100, "the backlog is never full");
    }
    (format!("http://{address}"), held)
}

#[test]
fn a_connection_that_is_not_made_in_time_is_given_up() {
    let (no_room, _held) = full_backlog();
    // The kernel makes this connection, and nobody answers the handshake.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let no_handshake = format!("https://{}", silent.local_addr().unwrap());
    for url in [no_room, no_handshake] {
        let folder = Folder::new();
        folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 20)));
        let words = ["run", "tasks.csv", "-o", "r.csv", "--retries", "1", "--esb", &url];
        let flags = ["--connect-timeout", "200ms", "--timeout", "1m", "--backoff", "10ms..20ms"];
        let begun = Instant::now();
        let run = folder.run(&[&words[..], &flags].concat()).exits(3);
        let took = begun.elapsed();
        let run = run.says(&["was never reached", "no connection: ", &url]);
        assert!(took < Duration::from_secs(3), "it took {took:?}: {run}");
        let report = folder.report("r.csv");
        report.is_complete(20);
        assert_eq!(report.counts()["pending"], 20, "surely not started");
    }
}

#[test]
fn a_host_name_without_an_address_stops_the_run_at_once() {
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", "http://no-such-host.invalid"];
    folder.run(&words).exits(3).says(&["the host name has no address", "no-such-host.invalid"]);
    assert_eq!(folder.report("r.csv").outcome(1), "pending");
}

#[test]
fn a_server_that_speaks_no_http_stops_the_run_at_once() {
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 20)));
    let port = crate::wire::answer_once(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    let url = format!("http://127.0.0.1:{port}");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &url, "--concurrency", "1"];
    let run = folder.run(&[&words[..], &["--no-journal"]].concat()).exits(3);
    run.says(&["no way to the API", "what came back is no HTTP", &url]);
    let report = folder.report("r.csv");
    report.is_complete(20);
    // The request went out, and whoever is there may have obeyed it.
    assert_eq!((report.counts()["unknown"], report.counts()["pending"]), (1, 19));
}
