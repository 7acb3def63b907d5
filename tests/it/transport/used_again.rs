//! Connections that are used again, and those that are closed meanwhile.

use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bk_launch::internals::api::{HttpOptions, TransportKind};
use bk_launch::internals::domain::connections::Turns;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::{Conversation, Script, Scripted};

use super::{Asks, BOTH, GOOD, LONG, Line, answers, ask, check, client, judged, patient, start};

/// Longer than a connection is idle before a transport looks whether it still stands.
const IDLE: Duration = Duration::from_millis(150);
/// Longer than a connection is kept idle.
const TOO_LONG_IDLE: Duration = Duration::from_millis(1800);

/// Answers, and lets the connection be idle for a moment.
fn answers_and_waits(c: &mut Conversation, answer: &str) -> io::Result<()> {
    answers(c, answer)?;
    thread::sleep(IDLE / 5);
    Ok(())
}

#[test]
fn a_connection_is_used_again_as_long_as_it_stands_and_no_request_is_sent_twice() {
    const BOTH_ACCEPTED: &[&str] = &["accepted", "accepted"];
    const CLOSED: Asks = Asks::OnceItIsClosed(IDLE);
    let lines: [Line<'_>; 9] = [
        ("it stays open", |c| c.always(GOOD), Asks::Twice, BOTH_ACCEPTED, (2, 1)),
        ("idle for a while", |c| c.always(GOOD), Asks::After(IDLE), BOTH_ACCEPTED, (2, 1)),
        (
            "idle for too long",
            |c| c.always(GOOD),
            Asks::After(TOO_LONG_IDLE),
            BOTH_ACCEPTED,
            (2, 2),
        ),
        ("closed with the answer", |c| answers(c, GOOD), CLOSED, BOTH_ACCEPTED, (2, 2)),
        ("closed while idle", |c| answers_and_waits(c, GOOD), CLOSED, BOTH_ACCEPTED, (2, 2)),
        (
            "reset while idle",
            |c| {
                answers_and_waits(c, GOOD)?;
                c.reset()
            },
            CLOSED,
            BOTH_ACCEPTED,
            (2, 2),
        ),
        (
            "closed while idle, with a word",
            |c| {
                answers_and_waits(c, GOOD)?;
                c.say("HTTP/1.1 408 Request Timeout\r\n\r\n")
            },
            CLOSED,
            BOTH_ACCEPTED,
            (2, 2),
        ),
        (
            "it says that it closes, and holds on",
            |c| {
                answers(c, GOOD.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))?;
                c.hold()
            },
            Asks::Twice,
            BOTH_ACCEPTED,
            (2, 2),
        ),
        (
            "HTTP/1.0, which keeps no connection",
            |c| {
                answers(c, GOOD.replace("HTTP/1.1", "HTTP/1.0"))?;
                c.hold()
            },
            Asks::Twice,
            BOTH_ACCEPTED,
            (2, 2),
        ),
    ];
    for line in lines {
        check(line, None, &patient());
    }
}

/// Either another connection takes the request, or it surely never left.
#[test]
fn on_a_connection_that_was_closed_a_moment_ago_nothing_is_lost() {
    let closed: Script = |c| answers_and_waits(c, GOOD);
    let reset: Script = |c| {
        answers_and_waits(c, GOOD)?;
        c.reset()
    };
    let with_a_word: Script = |c| {
        answers_and_waits(c, GOOD)?;
        c.say(GOOD.replace("true", "null"))
    };
    for (name, script) in [("closed", closed), ("reset", reset), ("with a word", with_a_word)] {
        for by in BOTH {
            for _ in 0..10 {
                let server = Scripted::start(None, script);
                let url = format!("http://127.0.0.1:{}", server.port);
                let asks = Asks::OnceItIsClosed(Duration::ZERO);
                let found = ask(by, &url, &patient(), asks, &server);
                let (requests, second) = (server.heard().len(), &*found[1]);
                if second == "accepted" {
                    assert_eq!(requests, 2, "{name}, {by:?}");
                } else {
                    let not_sent = "NotSent(Unreachable) transient No: no connection";
                    assert!(second.starts_with(not_sent), "{name}, {by:?}: {second}");
                    assert_eq!(requests, 1, "{name}, {by:?}");
                }
            }
        }
    }
}

/// Each request needs a connection of its own, and only some are made at a time.
#[test]
fn many_requests_at_once_all_get_their_connections() {
    let closing: Script = |c| answers(c, GOOD.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    for by in BOTH {
        let server = Scripted::start(None, closing);
        let url = format!("http://127.0.0.1:{}", server.port);
        let client = Arc::new(client(&url, &HttpOptions { transport: by, ..patient() }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answers = runtime.block_on(async {
            let mut out = JoinSet::new();
            for attempt in 1..=200 {
                let client = Arc::clone(&client);
                out.spawn(async move { start(&client, attempt).await });
            }
            let all = timeout(LONG, out.join_all()).await;
            all.expect("no request waits for ever")
        });
        assert!(answers.iter().all(|answer| judged(answer) == "accepted"), "{by:?}");
        assert_eq!((server.heard().len(), server.accepted().len()), (200, 200), "{by:?}");
    }
}

#[test]
fn a_connection_that_is_being_made_is_called_back() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let client = client(&url, &patient());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let silent = {
            silent.set_nonblocking(true).unwrap();
            tokio::net::TcpListener::from_std(silent).unwrap()
        };
        client.connections().want(1);
        let (mut waiting, _) = silent.accept().await.unwrap();
        // It sends the first part of its handshake, and hears nothing.
        waiting.read_u8().await.unwrap();
        client.connections().want(0);
        let mut rest = Vec::new();
        let closed = timeout(LONG / 2, waiting.read_to_end(&mut rest)).await;
        closed.expect("long before it would be given up").unwrap();
    });
}

/// Lets each request wait for its turn.
struct LateTurns(Duration);

impl Turns for LateTurns {
    fn turn(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async {
            tokio::time::sleep(self.0).await;
            true
        })
    }

    fn closed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_request_counts_from_when_it_was_written() {
    const LATE: Duration = Duration::from_millis(300);
    for by in BOTH {
        let server = Scripted::start(None, |c| answers(c, GOOD));
        let url = format!("http://localhost:{}", server.port);
        let client = client(&url, &HttpOptions { transport: by, ..patient() });
        client.connections().ask_turns_of(Arc::new(LateTurns(LATE)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(start(&client, 1));
        match by {
            TransportKind::Direct => assert_eq!(answer.waited, Duration::ZERO),
            TransportKind::Proxied => assert!(answer.waited >= LATE, "{:?}", answer.waited),
        }
    }
}
