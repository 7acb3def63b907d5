//! Servers without TLS: errors on the way, answers of every kind, and those that never come.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use bk_launch::internals::api::HttpOptions;

use crate::harness::{Script, Scripted, Server, full_backlog};

use super::{Asks, BOTH, GOOD, SHORT, answers, ask, check, hears, patient};

/// The head of an answer in chunks.
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Checks what is said of a single request, which the server sees once.
fn check_once(lines: &[(&str, Script, &str)]) {
    for (name, script, says) in lines {
        check((name, *script, Asks::Once, &[says], (1, 1)), None, &patient());
    }
}

#[test]
fn without_a_head_a_request_that_was_sent_is_lost() {
    const LOST: &str = "Lost ambiguous Maybe: the connection broke: ";
    const NO_HTTP: &str = "NotHttp ambiguous Maybe: what came back is no HTTP: ";
    check_once(&[
        ("closed without a word", hears, LOST),
        (
            "reset",
            |c| {
                c.hear()?;
                c.reset()
            },
            LOST,
        ),
        ("half a head", |c| answers(c, "HTTP/1.1 200 OK\r\nConte"), LOST),
        ("no HTTP", |c| answers(c, "SSH-2.0-OpenSSH_9.2\r\n"), NO_HTTP),
        (
            "a length that is no number",
            |c| answers(c, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
            NO_HTTP,
        ),
        (
            "a head without an end",
            |c| {
                answers(c, "HTTP/1.1 200 OK\r\n")?;
                loop {
                    c.say(format!("X: {}\r\n", "x".repeat(4096)))?;
                }
            },
            NO_HTTP,
        ),
    ]);
}

#[test]
fn an_answer_that_breaks_off_is_ambiguous() {
    const CUT_OFF: &str = "Answered(Proxy) ambiguous Maybe: HTTP 200, then the connection broke: ";
    check_once(&[
        (
            "closed after the head",
            |c| answers(c, "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n"),
            CUT_OFF,
        ),
        ("closed before the end", |c| answers(c, &GOOD[..GOOD.len() - 1]), CUT_OFF),
        (
            "reset before the end",
            |c| {
                answers(c, &GOOD[..GOOD.len() - 1])?;
                c.reset()
            },
            CUT_OFF,
        ),
        ("closed between chunks", |c| answers(c, format!("{CHUNKED}4\r\n{{\"re\r\n")), CUT_OFF),
        (
            "closed before the last chunk",
            |c| answers(c, format!("{CHUNKED}f\r\n{{\"result\":true}}\r\n")),
            CUT_OFF,
        ),
        ("a chunk that is none", |c| answers(c, format!("{CHUNKED}x\r\n")), CUT_OFF),
    ]);
}

#[test]
fn a_whole_answer_is_taken_in_every_form() {
    const ACCEPTED: &str = "accepted";
    const EMPTY: &str = "Answered(Stranger) ambiguous Maybe: ";
    check_once(&[
        (
            "100 Continue before it",
            |c| answers(c, format!("HTTP/1.1 100 Continue\r\n\r\n{GOOD}")),
            ACCEPTED,
        ),
        (
            "103 Early Hints before it",
            |c| answers(c, format!("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n{GOOD}")),
            ACCEPTED,
        ),
        (
            "in chunks",
            |c| {
                answers(c, format!("{CHUNKED}8\r\n{{\"result\r\n"))?;
                c.say("7\r\n\":true}\r\n0\r\n\r\n")
            },
            ACCEPTED,
        ),
        (
            "HTTP/1.0, which ends with the connection",
            |c| answers(c, "HTTP/1.0 200 OK\r\n\r\n{\"result\":true}"),
            ACCEPTED,
        ),
        ("empty", |c| answers(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), EMPTY),
        ("204", |c| answers(c, "HTTP/1.1 204 No Content\r\n\r\n"), EMPTY),
    ]);
}

#[test]
fn an_answer_over_a_mebibyte_is_cut_off() {
    const TOO_LONG: &str =
        "Answered(Proxy) ambiguous Maybe: HTTP 200, then more than 1 MiB of answer";
    check_once(&[
        (
            "of a known length",
            |c| {
                let filler = "x".repeat(1 << 20);
                let body = format!("{{\"result\":true,\"message\":\"{filler}\"}}");
                let length = body.len();
                answers(c, format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"))
            },
            TOO_LONG,
        ),
        (
            "without an end",
            |c| {
                answers(c, "HTTP/1.1 200 OK\r\n\r\n")?;
                loop {
                    c.say("x".repeat(4096))?;
                }
            },
            TOO_LONG,
        ),
    ]);
}

#[test]
fn a_redirect_is_never_followed() {
    for by in BOTH {
        // Whoever follows it finds an answer that says "accepted".
        let elsewhere = Scripted::start(None, |c| c.always(GOOD));
        for status in [301, 302, 303, 307, 308] {
            let answer = format!(
                "HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{}/?s=1\r\nContent-Length: 0\r\n\r\n",
                elsewhere.port
            );
            let server = Server::answering(move |_| answer.clone().into_bytes());
            let found = ask(by, &server.url, &patient(), Asks::Once, &elsewhere);
            let expected = "Answered(Proxy) config No: ";
            assert!(found[0].starts_with(expected), "{status}, {by:?}: {found:?}");
            assert!(!found[0].contains("s=1"), "a query may hold anything: {found:?}");
            assert_eq!(server.heard().len(), 1, "{status}, {by:?}");
        }
        assert_eq!(elsewhere.accepted().len(), 0, "{by:?}");
    }
}

#[test]
fn time_is_limited_for_connections_and_for_answers_with_their_bodies() {
    let slow = HttpOptions { timeout: SHORT, ..patient() };
    let silent: Script = |c| {
        c.hear()?;
        c.hold()
    };
    let before = ["Lost ambiguous Maybe: no answer within 1s"];
    check(("no head", silent, Asks::Once, &before, (1, 1)), None, &slow);
    let half: Script = |c| {
        answers(c, &GOOD[..GOOD.len() - 1])?;
        c.hold()
    };
    let within = ["Answered(Proxy) ambiguous Maybe: HTTP 200, then no answer within 1s"];
    check(("half a body", half, Asks::Once, &within, (1, 1)), None, &slow);
    let dripping: Script = |c| {
        answers(c, "HTTP/1.1 200 OK\r\n\r\n")?;
        loop {
            c.say("x")?;
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    check(("drop by drop", dripping, Asks::Once, &within, (1, 1)), None, &slow);

    let not_sent = ["NotSent(Unreachable) transient No: no connection"];
    let never = HttpOptions { connect_timeout: SHORT / 2, ..patient() };
    let unused = Scripted::start(None, hears);
    let (port, _held) = full_backlog();
    for by in BOTH {
        let url = format!("http://127.0.0.1:{port}");
        let found = ask(by, &url, &never, Asks::Once, &unused);
        assert!(found[0].starts_with(not_sent[0]), "no room, {by:?}: {found:?}");
    }
}

#[test]
fn a_server_that_cannot_be_found_got_nothing() {
    let unused = Scripted::start(None, hears);
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    for by in BOTH {
        for (url, expected) in [
            (
                format!("http://127.0.0.1:{free}"),
                "NotSent(Unreachable) transient No: no connection: Connection refused",
            ),
            (
                "http://no-such-host.invalid".into(),
                "NotSent(HostName) transient No: the host name has no address: ",
            ),
            (
                "https://no-such-host.invalid".into(),
                "NotSent(HostName) transient No: the host name has no address: ",
            ),
        ] {
            let found = ask(by, &url, &patient(), Asks::Once, &unused);
            assert!(found[0].starts_with(expected), "{url}, {by:?}: {found:?}");
        }
    }
}

#[test]
fn both_send_the_same_request() {
    let sent = BOTH.map(|by| {
        let server = Server::always("200 OK", r#"{"result":true}"#);
        let unused = Scripted::start(None, hears);
        assert_eq!(ask(by, &server.url, &patient(), Asks::Once, &unused), ["accepted"]);
        let request = server.next();
        let host = server.url.replace("http://", "host: ");
        let mut headers: Vec<_> =
            request.headers.iter().map(|header| header.replace(&host, "host: H")).collect();
        headers.sort();
        (request.first, headers, request.body)
    });
    assert_eq!(sent[0], sent[1]);
    let (first, headers, body) = &sent[0];
    assert_eq!(first, "POST /api/c/compapi/v2/sops/start_task/ HTTP/1.1\r\n");
    let length = format!("content-length: {}", body.len());
    for header in ["host: H", "content-type: application/json", &length] {
        assert!(headers.contains(&header.to_owned()), "{header} in {headers:?}");
    }
    for name in ["user-agent: bk-launch/", "x-bkapi-authorization: {", "x-request-id: "] {
        assert!(headers.iter().any(|header| header.starts_with(name)), "{name} in {headers:?}");
    }
}
