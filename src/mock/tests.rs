//! The mock over a real socket, asked by hand.

use super::*;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const BODY: &str = r#"{"bk_app_code":"a","bk_app_secret":"s","bk_token":"t","bk_biz_id":"2","task_id":"17","scope":"cmdb_biz"}"#;
const ESB: &str = "/api/c/compapi/v2/sops";

fn ask(mock: &Mock, method: &str, path: &str, more: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(mock.address)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn start(mock: &Mock) -> io::Result<String> {
    ask(mock, "POST", &format!("{ESB}/start_task/"), "X-Request-Id: r1\r\n", BODY)
}

fn mock(first: &[FaultKind]) -> Mock {
    let first = first.iter().map(|kind| FirstFault { task: 17, kind: *kind, times: 1 }).collect();
    Mock::start(Behaviour { first, ..Behaviour::default() }, 0).unwrap()
}

#[test]
fn a_start_a_second_one_and_a_look() {
    let mock = mock(&[]);
    let first = start(&mock).unwrap();
    assert!(first.starts_with("HTTP/1.1 200 OK"), "{first}");
    assert!(first.contains(r#""result":true,"code":0"#) && first.contains(r#""message":"""#));
    assert!(first.contains("date: "), "{first}");
    assert!(start(&mock).unwrap().contains("task already started"));
    let who = "X-Bkapi-Authorization: {\"bk_app_code\":\"a\",\"bk_app_secret\":\"s\",\"bk_token\":\"t\"}\r\n";
    let look = |task| {
        let path = format!("{ESB}/get_task_status/?bk_biz_id=2&task_id={task}&scope=cmdb_biz");
        ask(&mock, "GET", &path, who, "").unwrap()
    };
    assert!(look(17).contains("RUNNING") && look(17).contains("+0800"));
    assert!(look(18).contains("CREATED"));
    let gateway = ask(&mock, "POST", "/api/bk-sops/prod/start_task/19/2/", who, "{}").unwrap();
    assert!(gateway.contains("x-bkapi-request-id") && !gateway.contains("\"message\""));
    let counts = ask(&mock, "GET", "/_mock/counts", "", "").unwrap();
    assert!(counts.contains(r#""starts":3,"started":2"#), "{counts}");
    assert!(counts.contains(r#""request_ids":["r1","r1"]"#), "{counts}");
}

#[test]
fn what_is_unknown_is_answered_as_by_the_real_ones() {
    let mock = mock(&[]);
    let esb = ask(&mock, "GET", &format!("{ESB}/start_task/"), "", "").unwrap();
    assert!(esb.starts_with("HTTP/1.1 404") && esb.contains("The content does not exist"));
    let gateway = ask(&mock, "POST", "/api/bk-sops/prod/nope/", "", "").unwrap();
    assert!(gateway.starts_with("HTTP/1.1 404") && gateway.contains("x-bkapi-error-code: 1640401"));
    let nobody = ask(&mock, "POST", &format!("{ESB}/start_task/"), "", "{}").unwrap();
    assert!(nobody.contains("APP Code [bk_app_code] cannot be empty"), "{nobody}");
}

#[test]
fn faults_of_the_connection_are_seen_by_the_client() {
    for (kind, started) in [(FaultKind::ResetBefore, 0), (FaultKind::ResetAfter, 1)] {
        let mock = mock(&[kind]);
        assert_eq!(start(&mock).unwrap_err().kind(), ErrorKind::ConnectionReset, "{kind:?}");
        assert_eq!(mock.counts().started, started);
    }
    let mock = mock(&[FaultKind::Hang]);
    assert_eq!(start(&mock).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(start(&mock).unwrap().contains(r#""result":true"#));
}

#[test]
fn a_stop_closes_everything_and_forgets_nothing() {
    let mock = mock(&[]);
    start(&mock).unwrap();
    let port = mock.port();
    let mut open = TcpStream::connect(mock.address).unwrap();
    let site = mock.stop();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    open.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(open.read(&mut [0]).unwrap_or(0), 0, "the connection is closed");
    let again = Mock::at(site, port).unwrap();
    assert!(start(&again).unwrap().contains("task already started"));
}
