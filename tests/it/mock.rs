//! `bk-launch mock` as a person starts it: what its flags bring about.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::harness::{Running, Scene, in_time};

const START: &str = "/api/c/compapi/v2/sops/start_task/";
const STATUS: &str = "/api/c/compapi/v2/sops/get_task_status/";

/// A mock of the program, and where it listens.
fn mock(flags: &str) -> (Running, String) {
    let mut mock = Scene::new().command("mock --port 0").with(flags).start();
    let stdout = mock.child.stdout.take().unwrap();
    let url = in_time("the mock names its URL", || {
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        line
    });
    let address = url.trim().strip_prefix("http://").unwrap().to_owned();
    (mock, address)
}

/// Asks for a task of business 2, or of another, with the credentials of anybody.
fn ask(address: &str, path: &str, business: u64, task: u64) -> String {
    let method = if path == START { "POST" } else { "GET" };
    let query = format!("bk_biz_id={business}&task_id={task}&scope=cmdb_biz");
    let who = r#"{"bk_app_code":"a","bk_app_secret":"s","bk_token":"t"}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path}?{query} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
         X-Bkapi-Authorization: {who}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn flags_say_what_becomes_of_tasks_and_businesses() {
    let tasks = "--unclaimed 11 --deleted 12 --no-plugin 13 --run-time 1us";
    let limits = "--limit-reached 3 --limit-reached project:2 --gone gateway";
    let (_mock, address) = mock(&format!("{tasks} {limits}"));
    for task in 11..=14 {
        let answer = ask(&address, START, 2, task);
        assert!(answer.contains(r#""result":true"#), "task {task}: {answer}");
    }
    for (task, state) in [
        (11, r#""state":"CREATED""#),
        (12, "TaskFlowInstance matching query does not exist."),
        (13, r#""state":"RUNNING""#),
        (14, r#""state":"FINISHED""#),
    ] {
        let answer = ask(&address, STATUS, 2, task);
        assert!(answer.contains(state), "task {task}: {answer}");
    }
    let throttled = ask(&address, START, 3, 14);
    assert!(throttled.contains("project id: 3 reach the limit"), "{throttled}");
}

#[test]
fn flags_take_bk_sops_away_and_make_its_broker_forget() {
    let (_mock, address) = mock("--gone nginx=0s+1h");
    let answer = ask(&address, START, 2, 1);
    assert!(answer.contains("502 Bad Gateway") && answer.contains("server: nginx"), "{answer}");

    let (_mock, address) = mock("--gone nginx=1h+1h --broker-forgets 0s+1h");
    for _ in 0..2 {
        assert!(ask(&address, START, 2, 1).contains(r#""result":true"#));
        assert!(ask(&address, STATUS, 2, 1).contains("CREATED"));
    }

    let (_mock, address) = mock("--fault https-port=1");
    let answer = ask(&address, START, 2, 1);
    assert!(answer.contains("The plain HTTP request was sent to HTTPS port"), "{answer}");
}

#[test]
fn a_mistaken_flag_says_how_it_is_written() {
    for (flag, value, says) in [
        ("--gone", "apache", "nginx, nginx-404, esb, esb-502, gateway and permission"),
        ("--gone", "nginx=5s", "FROM+DURATION"),
        ("--broker-forgets", "5s", "FROM+DURATION"),
        ("--limit-reached", "cmdb_biz/3", "3, or project:3"),
    ] {
        let mock = Scene::new().command("mock --port 0").with(flag).arg(value);
        mock.exits(2).says([says, flag]);
    }
}
