//! Both routes, both ESBs, and proxies.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use bk_launch::mock::{Behaviour, EsbKind, FaultKind, FirstFault, Mock};

use crate::harness::{Folder, next};

#[test]
fn every_route_starts_a_task_and_brings_its_ids() {
    let folder = Folder::new();
    folder.file("tasks.csv", "7,3,project\n");
    for (esb, flag) in
        [(EsbKind::Newer, "--esb"), (EsbKind::Legacy, "--esb"), (EsbKind::Newer, "--gateway")]
    {
        let mock = Mock::start(Behaviour { esb, ..Behaviour::default() }, 0).unwrap();
        let url = if flag == "--esb" { mock.url() } else { mock.gateway() };
        folder.run(&["run", "tasks.csv", "-o", "r.csv", "--force", flag, &url]).exits(0);
        let report = folder.report("r.csv");
        let line = report.line(1);
        assert_eq!(line["outcome"], "started", "{esb:?} {flag}");
        assert!(!line["request_id"].is_empty() && !line["trace_id"].is_empty());
        let task = &mock.counts().tasks["project/7/3"];
        assert_eq!(task.request_ids, [line["client_request_id"].as_str()]);
    }
}

#[test]
fn the_legacy_esb_loses_codes_and_its_texts_tell_the_same() {
    let esb = EsbKind::Legacy;
    let mock = Mock::start(
        Behaviour {
            esb,
            started: [4].into(),
            denied: [5].into(),
            missing: [6].into(),
            ..Behaviour::default()
        },
        0,
    )
    .unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", "2,4\n2,5\n2,6\n");
    folder.run(&["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()]).exits(1);
    let report = folder.report("r.csv");
    assert_eq!(report.outcome(1), "already_started");
    assert_eq!((report.outcome(2), &*report.line(2)["error"]), ("rejected", "permission"));
    assert_eq!((report.outcome(3), &*report.line(3)["error"]), ("rejected", "not_found"));
    assert_eq!(report.line(3)["code"], "1306000");
}

#[test]
fn what_the_legacy_esb_refuses_to_tell_is_told_and_counted() {
    let lost = |task| FirstFault { task, kind: FaultKind::ResetAfter, times: 1 };
    let behaviour = Behaviour {
        esb: EsbKind::Legacy,
        started: [5].into(),
        first: vec![lost(3), lost(4)],
        ..Behaviour::default()
    };
    let mock = Mock::start(behaviour, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n2,4\n2,5\n2,6\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--backoff", "10ms..50ms", "--esb"];
    let run = folder.run(&[&words[..], &[&mock.url()]].concat()).exits(0);
    let run = run.says(&[
        "the ESB refuses questions",
        "the state of 2 rows could not be asked for",
        "--esb-legacy-get",
    ]);
    assert_eq!(run.stderr().matches("the ESB refuses questions").count(), 1, "{run}");
    assert_eq!(folder.report("r.csv").line(1)["known_by"], "retry");
    // Of the links that were asked for alone, none could be had.
    folder.file("tasks.csv", "2,5\n");
    let flags = ["--lookup", "--force", "--json"];
    let run = folder.run(&[&words[..], &[&mock.url()], &flags].concat()).exits(1);
    let run = run.says(&["1 link could not be asked for", "--esb-legacy-get"]);
    let json: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!((&json["links_not_asked"], &json["states_not_asked"]), (&1.into(), &0.into()));
    folder.run(&[&words[..], &[&mock.url()], &flags, &["--esb-legacy-get"]].concat()).exits(0);
}

/// A proxy that answers everything itself; it gives the first line of each request.
fn proxy() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut first = String::new();
            BufReader::new(&stream).read_line(&mut first).unwrap();
            drop(sender.send(first));
            let body = r#"{"result":true,"code":0}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            drop((&stream).write_all(answer.as_bytes()));
        }
    });
    (url, asked)
}

#[test]
fn proxies_are_honoured_but_never_for_this_machine() {
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    let (proxy, asked) = proxy();
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let far = "http://paas.example.com";
    let by_proxy = |url: &str, more: (&str, &str)| {
        let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--retries", "0", "--esb", url];
        let mut program = folder.program(&words);
        program.env("HTTP_PROXY", &proxy).env("HTTPS_PROXY", &proxy).env(more.0, more.1);
        folder.start(&mut program).wait()
    };
    by_proxy(far, ("NO_PROXY", "")).exits(0);
    assert!(next("request", &asked).starts_with("POST http://paas.example.com/api/c/compapi"));
    by_proxy("https://paas.example.com", ("NO_PROXY", "")).exits(3);
    assert!(next("request", &asked).starts_with("CONNECT paas.example.com:443"));
    by_proxy("http://no-such-host.invalid", ("NO_PROXY", ".invalid")).exits(3);
    by_proxy(&mock.url(), ("NO_PROXY", "")).exits(0);
    assert_eq!(mock.counts().started, 1);
    assert!(asked.try_recv().is_err(), "neither of the last two asked the proxy");
}
