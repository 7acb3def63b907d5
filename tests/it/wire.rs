//! Every answer that was captured from the real servers, replayed byte for byte
//! over a real socket, and judged. What each must become stands in the tables of
//! `tests/wire/`, which were written by hand from the servers' facts.

use std::path::Path;
use std::time::Duration;

use bk_launch::internals::api::credentials::{Credentials, User};
use bk_launch::internals::api::esb::Esb;
use bk_launch::internals::api::target::Target;
use bk_launch::internals::api::{
    AuthPlacement, Client, HttpOptions, Identity, TaskQuestion, TransportKind,
};
use bk_launch::internals::domain::answer::{Answer, Hold, StatusAnswer, Verdict, Whom};
use bk_launch::internals::domain::request_id::{RequestId, RunId};
use bk_launch::internals::domain::secret::Secret;
use bk_launch::internals::domain::task::{Business, Scope, Task};
use serde_json::Value;

use crate::harness::answer_once;

/// A captured answer, or one that was written, as it goes over the wire.
pub fn capture(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(file);
    let capture: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    answer_bytes(&capture)
}

/// One answer, as the bytes that go over the wire.
fn answer_bytes(capture: &Value) -> Vec<u8> {
    let status = capture["status"].as_u64().unwrap();
    let body = capture["body"].as_str().unwrap();
    let mut head = format!("HTTP/1.1 {status} Captured\r\nConnection: close\r\n");
    let mut chunked = false;
    for (name, value) in capture["headers"].as_object().unwrap() {
        match name.to_ascii_lowercase().as_str() {
            "connection" | "content-length" => continue,
            "transfer-encoding" => chunked = true,
            _ => {}
        }
        head.push_str(&format!("{name}: {}\r\n", value.as_str().unwrap()));
    }
    let body = match (chunked, body.len()) {
        (true, 0) => "0\r\n\r\n".to_owned(),
        (true, length) => format!("{length:x}\r\n{body}\r\n0\r\n\r\n"),
        (false, length) => {
            head.push_str(&format!("Content-Length: {length}\r\n"));
            body.to_owned()
        }
    };
    format!("{head}\r\n{body}").into_bytes()
}

/// What the client makes of an answer of these bytes to a start.
pub fn judge(bytes: Vec<u8>) -> Answer {
    let (client, task, request) = question(answer_once(bytes));
    block_on(async {
        let connection = client.connect().await.expect("the server listens");
        client.start(&client.caller(), &task, &request, connection).await
    })
}

/// What the client makes of an answer of these bytes to the question for a task's state.
pub fn judge_state(bytes: Vec<u8>) -> StatusAnswer {
    let (client, task, request) = question(answer_once(bytes));
    block_on(async {
        let connection = client.connect().await.expect("the server listens");
        let question = TaskQuestion { id: &request, placement: AuthPlacement::Header, connection };
        client.status(&client.caller(), &task, question).await
    })
}

/// A client of the server at `port`, a task, and an id for a request.
fn question(port: u16) -> (Client, Task, RequestId) {
    let target = Target::Esb(Esb::new(&format!("http://127.0.0.1:{port}")).unwrap());
    let credentials = Credentials {
        app_code: "app".into(),
        app_secret: Secret::new("s3cret-of-app"),
        user: User::Token(Secret::new("t0ken-of-user")),
    };
    let http_options = HttpOptions {
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
        cacert: None,
        identity: Identity::Proven,
        transport: TransportKind::Direct,
    };
    let client = Client::new(target, credentials, &http_options, 1).unwrap();
    let id = "7".parse().unwrap();
    let task = Task { business: Business { scope: Scope::CmdbBiz, id }, id };
    let request = RequestId::new(&RunId::new("2026-12-01T22:00:00Z".parse().unwrap(), 1), 1, 2, 1);
    (client, task, request)
}

/// Waits for a request, which has a time limit of its own.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

fn verdict_word(answer: &Answer) -> String {
    match &answer.verdict {
        Verdict::Accepted => "accepted".into(),
        Verdict::AlreadyStarted => "already_started".into(),
        Verdict::Failed(failure) => failure.class.to_string(),
    }
}

fn hold_words(answer: &Answer) -> String {
    let Verdict::Failed(failure) = &answer.verdict else { return String::new() };
    let Some(Hold { whom, stated }) = failure.hold else { return String::new() };
    let whom = match whom {
        Whom::Business => "business",
        Whom::Everyone => "everyone",
    };
    match stated {
        None => whom.into(),
        Some(pause) => format!("{whom} {pause:?}"),
    }
}

/// Replays what `table` lists, from `folder`; the lines that went wrong.
fn replay(table: &str, folder: &str) -> (usize, Vec<String>) {
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut wrong = Vec::new();
    let mut replayed = 0;
    for line in csv::Reader::from_path(wire.join(table)).unwrap().records() {
        let line = line.unwrap();
        let (file, expected) =
            (&line[0], (line[1].to_owned(), line[2].to_owned(), line[3].to_owned()));
        let text = std::fs::read_to_string(wire.join(folder).join(file)).unwrap();
        let capture: Value = serde_json::from_str(&text).unwrap();
        for one in answers(&capture) {
            let answer = judge(answer_bytes(&one));
            let found = (verdict_word(&answer), hold_words(&answer), answer.reply.code.to_string());
            replayed += 1;
            if found != expected {
                wrong.push(format!("{file}: {found:?}, not {expected:?} ({})", &line[4]));
            }
        }
    }
    (replayed, wrong)
}

/// Most captures hold one answer; some hold only the bodies of several.
fn answers(capture: &Value) -> Vec<Value> {
    match capture["answers"].as_array() {
        None => vec![capture.clone()],
        Some(bodies) => bodies
            .iter()
            .map(|body| serde_json::json!({"status": 200, "headers": {}, "body": body.to_string()}))
            .collect(),
    }
}

#[test]
fn every_captured_answer_is_judged_as_the_table_says() {
    let (replayed, wrong) = replay("table.csv", "");
    assert!(replayed > 150, "the captures are there: {replayed}");
    assert!(wrong.is_empty(), "{} of {replayed}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_answer_that_the_facts_name_is_judged_as_the_table_says() {
    let (replayed, wrong) = replay("written.csv", "written");
    assert!(replayed > 50, "the written answers are there: {replayed}");
    assert!(wrong.is_empty(), "{} of {replayed}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_capture_stands_in_the_table() {
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let table = std::fs::read_to_string(wire.join("table.csv")).unwrap();
    for entry in std::fs::read_dir(&wire).unwrap() {
        let path = entry.unwrap().path();
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let name = path.file_name().unwrap().to_str().unwrap();
        // This one holds states over time, and no answer.
        if is_json && name != "cache_timeline.json" {
            assert!(table.contains(&format!("\n{name},")), "{name} is not in table.csv");
        }
    }
}

fn http(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), b"\r\nConnection: close\r\n\r\n", body].concat()
}

#[test]
fn ids_of_all_kinds_are_kept() {
    let head = "HTTP/1.1 200 OK\r\nX-Bkapi-Request-Id: gw-1\r\nSops-Trace-Id: tr-1";
    for (body, request_id, trace_id) in [
        (r#"{"result":true}"#, "gw-1", "tr-1"),
        (r#"{"result":true,"request_id":"esb-1","trace_id":"tr-1"}"#, "esb-1 gw-1", "tr-1"),
        (r#"{"result":true,"trace_id":"tr-2"}"#, "gw-1", "tr-2 tr-1"),
    ] {
        let reply = judge(http(head, body.as_bytes())).reply;
        assert_eq!((&*reply.request_id, &*reply.trace_id), (request_id, trace_id), "{body}");
    }
}

#[test]
fn what_a_server_quotes_of_the_request_is_masked() {
    let head = "HTTP/1.1 200 OK\r\nX-Bkapi-Request-Id: s3cret-of-app";
    let long = format!("{}s3cret-of-app", "x".repeat(995));
    for message in ["you sent s3cret-of-app, t0ken-of-user", &long] {
        let body = format!(r#"{{"result":false,"code":"t0ken-of-user","message":"{message}"}}"#);
        let told = format!("{:?}", judge(http(head, body.as_bytes())));
        assert!(!told.contains("s3c") && !told.contains("t0ken"), "{told}");
        assert!(told.contains("***"), "{told}");
    }
}
