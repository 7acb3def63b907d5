//! A wrong URL gets one request, and not the whole list with its credentials.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::harness::{Folder, HEADER, rows};

/// A server that gives the same answer to everybody; its URL, and how many asked.
pub fn always(status: &str, body: &str) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer, count) = (stream.unwrap(), answer.clone(), Arc::clone(&count));
            thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                while let Some(length) = head(&mut reader) {
                    count.fetch_add(1, Ordering::SeqCst);
                    reader.read_exact(&mut vec![0; length]).unwrap();
                    if (&stream).write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, asked)
}

/// Reads the head of a request; the length of its body, if there is one more.
fn head(reader: &mut impl BufRead) -> Option<usize> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            return Some(length);
        }
    }
}

const PLAIN_HTTP: &str = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port\
    </title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>The plain \
    HTTP request was sent to HTTPS port</center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\
    \r\n</html>\r\n";

#[test]
fn what_is_no_answer_of_theirs_stops_the_run_after_one_request() {
    for (status, body, outcome) in [
        ("200 OK", "<html>login", "in doubt"),
        ("200 OK", r#"{"status":"ok"}"#, "in doubt"),
        ("200 OK", "", "in doubt"),
        ("404 Not Found", "default backend - 404", "sure"),
        ("403 Forbidden", "<html>403", "sure"),
        ("405 Method Not Allowed", "", "sure"),
        ("400 Bad Request", PLAIN_HTTP, "sure"),
    ] {
        let (url, asked) = always(status, body);
        let folder = Folder::new();
        folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 30)));
        let run =
            folder.run(&["run", "tasks.csv", "-o", "r.csv", "--rate", "unlimited", "--esb", &url]);
        let run = run.exits(3).says(&["this is no way to the API", "--esb", &url]);
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{status} {body}: {run}");
        let report = folder.report("r.csv");
        report.is_complete(30);
        assert_eq!(report.counts()["pending"], 30, "{status} {body}");
        let in_doubt = run.stderr().contains("may have been started");
        assert_eq!(in_doubt, outcome == "in doubt", "{status} {body}: {run}");
    }
}

#[test]
fn a_proxy_that_refuses_one_row_for_its_size_is_no_wrong_url() {
    let (url, asked) = always("413 Request Entity Too Large", "<html>413");
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 5)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "unlimited", "--esb", &url];
    folder.run(&words).exits(1);
    assert_eq!(folder.report("r.csv").counts()["rejected"], 5);
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}

#[test]
fn a_proxy_whose_server_is_gone_from_the_beginning_is_an_outage() {
    let page = "<html>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>";
    let (url, asked) = always("502 Bad Gateway\r\nServer: nginx/1.22.1", page);
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 40)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "unlimited", "--esb", &url];
    let patience = ["--outage-patience", "1s", "--backoff", "50ms..200ms"];
    let run = folder.run(&[&words[..], &patience].concat()).exits(3);
    run.says(&["was gone for 1 s", "nginx answers 502 for bk-sops"]);
    let report = folder.report("r.csv");
    report.is_complete(40);
    assert_eq!(report.counts()["pending"], 40);
    let asked = asked.load(Ordering::SeqCst);
    assert!((9..30).contains(&asked), "eight, then probes: {asked}");
}
