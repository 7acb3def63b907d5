//! Connections are made when rows can take them, and no row pays for one that cannot be made.

use std::time::{Duration, Instant};

use crate::certificates::{Identity, as_it_is, tls};
use crate::harness::{
    Front, Launch, Scene, Script, Scripted, Stall, Way, launch, list, mock, scene, well,
};

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"result\":true,\"code\":0}";

/// A connection is made at most this long before a row can take it.
const AHEAD: Duration = Duration::from_secs(1);

/// What a busy machine may add to a time.
const SLACK: Duration = Duration::from_millis(300);

/// A scene with an own certificate, which is trusted.
fn trusting(rows: u64) -> (Scene, Identity) {
    let (scene, own) = (scene(list(rows)), Identity::self_made(&["localhost"], as_it_is));
    scene.file("ca.pem", own.pem());
    (scene, own)
}

fn at(scene: &Scene, port: u16) -> Launch {
    scene.run().at(format!("https://localhost:{port}")).with("--cacert ca.pem")
}

#[test]
fn one_connection_or_two_suffice_for_few_rows_a_second() {
    let run = launch(list(12)).with("--rate 5/s").exits(0);
    let connections = run.scene().seen().connections;
    assert!((1..=2).contains(&connections), "{connections}: {run}");
}

#[test]
fn a_front_that_stalls_is_asked_for_no_more_connections_than_rows_could_go() {
    for (rate, concurrency, most) in [("5/s", 16, 7), ("20/s", 4, 4)] {
        let (scene, own) = trusting(2000);
        scene.change(|behaviour| *behaviour = crate::harness::slow(20));
        let front = Front::start(Way::Direct, tls(&own), scene.mock().port());
        let run = at(&scene, front.port())
            .with(format!("--rate {rate} --concurrency {concurrency} --connect-timeout 40s"))
            .start()
            .once("some are started", |seen| seen.started >= 3);
        front.restart(Stall::Handshake);
        front.until_somebody_waits();
        std::thread::sleep(Duration::from_millis(2500));
        let waiting = front.held();
        // Otherwise the test would say nothing.
        assert!(waiting >= most / 4, "{rate}, {concurrency}: {waiting} wait");
        assert!(waiting <= most, "{rate}, {concurrency}: {waiting} wait");
        run.killed();
    }
}

#[test]
fn none_is_made_long_before_a_row_could_take_it() {
    // Each closes after its answer, so that each row needs a connection of its own.
    let closing: Script = |c| {
        c.hear()?;
        c.say(GOOD.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
    };
    let server = Scripted::start(None, closing);
    let url = format!("http://127.0.0.1:{}", server.port);
    let begun = Instant::now();
    launch(list(3)).at(url).with("--rate 30/m --start-at +2s").exits(0);
    let (accepted, heard) = (server.accepted(), server.heard());
    assert!(accepted[0] + AHEAD >= begun + Duration::from_secs(2), "before the window begins");
    assert_eq!((accepted.len(), heard.len()), (3, 3));
    for (accepted, heard) in accepted.iter().zip(heard) {
        let ahead = heard - *accepted;
        assert!(ahead <= AHEAD + SLACK, "{ahead:?} ahead");
    }
}

#[test]
fn none_is_made_while_everyone_is_held() {
    // The tenth request is told that all have to wait.
    const HELD: usize = 10;
    const PAUSE: Duration = Duration::from_secs(4);
    let server = Scripted::start(None, |c| {
        loop {
            if c.hear()? == HELD {
                let held = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 4\r\n\
                            Connection: close\r\nContent-Length: 0\r\n\r\n";
                return c.say(held);
            }
            c.say(GOOD)?;
        }
    });
    let url = format!("http://127.0.0.1:{}", server.port);
    launch(list(15)).at(url).with("--rate 20/s").exits(0).reports(15, "started");
    let since = server.heard()[HELD - 1];
    let (later, end) = (since + SLACK, since + PAUSE);
    let accepted: Vec<_> = server.accepted().into_iter().filter(|at| *at >= later).collect();
    let early = accepted.iter().filter(|at| **at + AHEAD + SLACK < end).count();
    assert_eq!(early, 0, "connections that nobody could take");
    assert!(!accepted.is_empty(), "a new one, once it could be taken");
    assert!(server.heard()[HELD] >= end, "they were held");
}

#[test]
fn in_an_outage_only_the_probe_connects_and_no_row_pays() {
    // After the eighth request every connection is closed, and TLS cannot be set up any more.
    const GONE: usize = 8;
    let (scene, own) = trusting(200);
    let server = Scripted::start(Some(tls(&own)), |c| {
        while c.heard() < GONE {
            c.hear()?;
            c.say(GOOD)?;
        }
        Ok(())
    });
    let run = at(&scene, server.port)
        .with("--rate 20/s --outage-patience 4s --backoff 400ms..400ms --retries 1")
        .exits(3)
        .says("was gone for 4 s")
        .reports_all(200);
    let (heard, report) = (server.heard(), run.report());
    let (started, pending) = (report.count("started"), report.count("pending"));
    assert_eq!((started, started + pending), (heard.len() as u64, 200), "{run}");
    let never_sent = report.count_where("attempts", "0") as u64;
    assert_eq!(never_sent, pending, "a connection that cannot be made is no attempt: {run}");
    // Four make it an outage; several may be on their way by then.
    let gone = heard[GONE - 1];
    let since = gone + 2 * AHEAD;
    let probes: Vec<_> = server.accepted().into_iter().filter(|at| *at >= since).collect();
    assert!(!probes.is_empty(), "it was asked for: {run}");
    for pair in probes.windows(2) {
        let pause = pair[1] - pair[0];
        assert!(pause >= Duration::from_millis(200), "the next after {pause:?}: {run}");
    }
}

#[test]
fn where_no_connection_can_be_made_no_row_was_tried() {
    let (scene, own) = trusting(50);
    let other = Identity::self_made(&["localhost"], as_it_is);
    let hangs_up = Scripted::start(Some(tls(&own)), |_| Ok(()));
    let unknown = Scripted::start(Some(tls(&other)), |c| c.always(GOOD));
    let refused = mock(well()).port();
    for (port, server, connections) in
        [(hangs_up.port, Some(&hangs_up), 3), (unknown.port, Some(&unknown), 1), (refused, None, 0)]
    {
        let run = at(&scene, port)
            .with("--force --backoff 10ms..20ms --retries 2")
            .exits(3)
            .reports_all(50)
            .reports(50, "pending");
        assert_eq!(run.report().count_where("attempts", "0"), 50, "{run}");
        let Some(server) = server else { continue };
        assert_eq!((server.accepted().len(), server.heard().len()), (connections, 0), "{run}");
    }
}
