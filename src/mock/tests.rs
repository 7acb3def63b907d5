//! The mock over a real socket, with requests written by hand.

use super::*;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

const BODY: &str = r#"{"bk_app_code":"a","bk_app_secret":"s","bk_token":"t","bk_biz_id":"2","task_id":"17","scope":"cmdb_biz"}"#;
const ESB: &str = "/api/c/compapi/v2/sops";
const BY_GATEWAY: &str = "/api/bk-sops/prod/start_task/17/2/";

fn ask(mock: &Mock, method: &str, path: &str, more: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(mock.address)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    send(&mut stream, method, path, more, body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn send(
    stream: &mut TcpStream,
    method: &str,
    path: &str,
    more: &str,
    body: &str,
) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    )
}

fn start(mock: &Mock) -> io::Result<String> {
    ask(mock, "POST", &format!("{ESB}/start_task/"), "X-Request-Id: r1\r\n", BODY)
}

const WHO: &str =
    "X-Bkapi-Authorization: {\"bk_app_code\":\"a\",\"bk_app_secret\":\"s\",\"bk_token\":\"t\"}\r\n";

fn start_by_gateway(mock: &Mock) -> io::Result<String> {
    ask(mock, "POST", BY_GATEWAY, WHO, "{}")
}

fn look(mock: &Mock, task: u64) -> String {
    let path = format!("{ESB}/get_task_status/?bk_biz_id=2&task_id={task}&scope=cmdb_biz");
    ask(mock, "GET", &path, WHO, "").unwrap()
}

fn behave(mock: &Mock, change: impl FnOnce(&mut Behaviour)) {
    mock.site().change(change);
}

/// Reads an answer that was captured from a real server, or written like one.
fn captured(name: &str) -> Value {
    let path = format!("{}/tests/wire/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Ends the test unless `answer` has the status, the server and the body of a capture; in JSON
/// only the ids may differ.
#[track_caller]
fn is_as_captured(answer: &str, name: &str) {
    let (capture, (head, body)) = (captured(name), answer.split_once("\r\n\r\n").unwrap());
    assert!(head.starts_with(&format!("HTTP/1.1 {}", capture["status"])), "{name}: {head}");
    for header in ["Server", "X-Bkapi-Error-Code", "X-Bkapi-Error-Message"] {
        let Some(value) = capture["headers"][header].as_str() else { continue };
        // The server of bk-sops is not visible behind a gateway.
        if value != "gunicorn" {
            let line = format!("\r\n{}: {value}\r\n", header.to_lowercase());
            assert!(format!("{head}\r\n").contains(&line), "{name}: {head}");
        }
    }
    let expected = capture["body"].as_str().unwrap();
    let Ok(mut expected) = serde_json::from_str::<Value>(expected) else {
        return assert_eq!(body, expected, "{name}");
    };
    let mut found: Value = serde_json::from_str(body).unwrap();
    for id in ["request_id", "trace_id"] {
        let ids =
            [&mut found, &mut expected].map(|object| object.as_object_mut().unwrap().remove(id));
        assert_eq!(ids[0].is_some(), ids[1].is_some(), "{id} of {name}");
    }
    assert_eq!(found, expected, "{name}");
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
    assert!(look(&mock, 17).contains("RUNNING") && look(&mock, 17).contains("+0800"));
    assert!(look(&mock, 18).contains("CREATED"));
    let gateway = ask(&mock, "POST", "/api/bk-sops/prod/start_task/19/2/", WHO, "{}").unwrap();
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

#[test]
fn a_front_answers_for_a_bk_sops_that_is_gone_and_it_can_come_back() {
    for (front, esb, by_esb, by_gateway) in [
        (
            Front::Nginx,
            EsbKind::Newer,
            "nginx_502_connection_refused",
            "nginx_502_connection_refused",
        ),
        (Front::Ingress, EsbKind::Newer, "nginx_404", "nginx_404"),
        (Front::Esb, EsbKind::Newer, "written/esb2_1306201_connection_refused", ""),
        (Front::Esb, EsbKind::Legacy, "esb1_backend_connection_refused", ""),
        (Front::EsbNginx, EsbKind::Newer, "esb2_backend_502_html", ""),
        (Front::EsbNginx, EsbKind::Legacy, "written/esb1_1306201_status_502", ""),
        (Front::Gateway, EsbKind::Newer, "", "written/gw_1650200_connection_refused"),
        (Front::Permission, EsbKind::Legacy, "esb1_backend_500", "start_iam_backend_error_500"),
    ] {
        let mock = mock(&[]);
        behave(&mock, |b| (b.esb, b.gone) = (esb, vec![Gone::behind(front)]));
        let mut answered = 0;
        for (answer, name) in [(start(&mock), by_esb), (start_by_gateway(&mock), by_gateway)] {
            // A request that does not pass the front reaches bk-sops as ever.
            match name {
                "" => assert!(answer.unwrap().contains(r#""result":true"#), "{front:?}"),
                name => {
                    is_as_captured(&answer.unwrap(), name);
                    answered += 1;
                }
            }
        }
        let (gone, by_name) = (mock.counts().gone, mock.counts().answers["gone"]);
        assert_eq!((gone, by_name), (answered, answered), "{front:?}");
        assert_eq!(mock.counts().arrivals.len(), 2, "each that came is remembered");
        behave(&mock, |b| b.gone.clear());
        let again = start(&mock).unwrap();
        assert!(again.contains("result\":true") || again.contains("already started"), "{again}");
    }
}

#[test]
fn nginx_looks_at_no_request_and_the_others_refuse_before_they_pass_it_on() {
    let mock = mock(&[]);
    for (front, nobody, unknown) in [
        (Front::Nginx, "502 Bad Gateway", "502 Bad Gateway"),
        (Front::Esb, "APP Code [bk_app_code] cannot be empty", "The content does not exist"),
        (Front::Permission, "APP Code [bk_app_code] cannot be empty", "The content does not exist"),
    ] {
        behave(&mock, |b| b.gone = vec![Gone::behind(front)]);
        let answer = ask(&mock, "POST", &format!("{ESB}/start_task/"), "", "{}").unwrap();
        assert!(answer.contains(nobody), "{front:?}: {answer}");
        let answer = ask(&mock, "POST", &format!("{ESB}/nope/"), WHO, "{}").unwrap();
        assert!(answer.contains(unknown), "{front:?}: {answer}");
    }
    assert_eq!((mock.counts().refused, mock.counts().gone), (2, 2));
    behave(&mock, |b| b.gone = vec![Gone::behind(Front::Esb)]);
    let question = look(&mock, 17);
    assert!(
        question.contains("interface [get_task_status] error: HTTPConnectionPool"),
        "{question}"
    );
    assert_eq!(mock.counts().status, 1);
}

/// A front's answer does not tell whether bk-sops obeyed a request that it got.
#[test]
fn what_is_in_flight_when_bk_sops_goes_is_obeyed_and_lost() {
    let cases = [
        (Front::Nginx, EsbKind::Newer, "nginx_502_connection_refused"),
        (Front::Esb, EsbKind::Newer, "esb2_backend_closed_connection"),
        (Front::Esb, EsbKind::Legacy, "written/esb1_1306201_aborted_bad_status_line"),
        (Front::EsbNginx, EsbKind::Newer, "esb2_backend_502_html"),
        (Front::Gateway, EsbKind::Newer, "written/gw_1650200_reset"),
        (Front::Permission, EsbKind::Newer, ""),
    ];
    thread::scope(|scope| {
        for (front, esb, expected) in cases {
            scope.spawn(move || {
                let answer = in_flight_when_it_goes(front, esb);
                match expected {
                    "" => assert!(answer.contains(r#""result":true"#), "{answer}"),
                    name => is_as_captured(&answer, name),
                }
            });
        }
    });
}

/// Returns the answer to a start that bk-sops takes before it goes, and would answer later.
fn in_flight_when_it_goes(front: Front, esb: EsbKind) -> String {
    let mock = mock(&[]);
    behave(&mock, |b| (b.esb, b.latency) = (esb, Latency::Fixed(Duration::from_secs(1))));
    let mut asking = TcpStream::connect(mock.address).unwrap();
    match front {
        Front::Gateway => send(&mut asking, "POST", BY_GATEWAY, WHO, "{}"),
        _ => send(&mut asking, "POST", &format!("{ESB}/start_task/"), "", BODY),
    }
    .unwrap();
    let begun = Instant::now();
    while mock.counts().started == 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "it is never started");
        thread::sleep(Duration::from_millis(1));
    }
    behave(&mock, |b| b.gone = vec![Gone::behind(front)]);
    let mut answer = String::new();
    asking.read_to_string(&mut answer).unwrap();
    let counts = mock.counts();
    assert_eq!((counts.started, counts.answers["accepted"]), (1, 1), "{front:?}");
    answer
}

#[test]
fn accepted_is_not_started() {
    let mock = mock(&[]);
    behave(&mock, |b| (b.unclaimed, b.broker_forgets) = ([17].into(), None));
    for _ in 0..2 {
        let answer = start_by_gateway(&mock).unwrap();
        assert!(answer.contains(r#""result":true,"code":0"#), "{answer}");
        assert!(look(&mock, 17).contains("CREATED"));
    }
    assert_eq!((mock.counts().started, mock.counts().tasks["cmdb_biz/2/17"].accepted), (0, 2));

    behave(&mock, |b| (b.unclaimed, b.broker_forgets) = ([].into(), Some(Span::ALWAYS)));
    assert!(start(&mock).unwrap().contains(r#""result":true"#));
    assert!(look(&mock, 17).contains("CREATED"));
    behave(&mock, |b| b.broker_forgets = None);
    assert!(look(&mock, 17).contains("CREATED"), "what was lost stays lost");
    assert!(start(&mock).unwrap().contains(r#""result":true"#), "and can be started again");
    assert!(look(&mock, 17).contains("RUNNING"));
    assert_eq!(mock.counts().started, 1);
}

#[test]
fn a_deleted_task_is_started_and_runs_but_has_no_state() {
    let mock = mock(&[]);
    behave(&mock, |b| b.deleted = [17].into());
    assert!(start(&mock).unwrap().contains(r#""result":true"#));
    assert_eq!(mock.counts().started, 1);
    let text = "task[id=17] get status error: TaskFlowInstance matching query does not exist.";
    let by_gateway = ask(&mock, "GET", "/api/bk-sops/prod/get_task_status/17/2/", WHO, "").unwrap();
    for answer in [look(&mock, 17), by_gateway] {
        assert!(answer.contains(text) && answer.contains(r#""code":3599999"#), "{answer}");
        assert!(
            answer.contains("HTTP/1.1 200") && answer.contains(r#""result":false"#),
            "{answer}"
        );
    }
    let detail = ask(&mock, "GET", "/api/bk-sops/prod/get_task_detail/17/2/", WHO, "").unwrap();
    assert!(detail.contains("instance_id=17"), "{detail}");
}

#[test]
fn a_task_ends_after_its_time_unless_a_plugin_is_missing() {
    let mock = mock(&[]);
    behave(&mock, |b| (b.run_time, b.no_plugin) = (Some(Duration::ZERO), [18].into()));
    start(&mock).unwrap();
    ask(&mock, "POST", "/api/bk-sops/prod/start_task/18/2/", WHO, "{}").unwrap();
    let ended = look(&mock, 17);
    assert!(ended.contains("FINISHED") && !ended.contains(r#""finish_time":null"#), "{ended}");
    let stuck = look(&mock, 18);
    assert!(stuck.contains("RUNNING") && stuck.contains(r#""finish_time":null"#), "{stuck}");
}

#[test]
fn a_limit_that_is_reached_never_frees_and_costs_the_others_nothing() {
    let mock = mock(&[]);
    behave(&mock, |b| b.limit_reached = ["2".parse().unwrap()].into());
    for _ in 0..3 {
        let answer = start(&mock).unwrap();
        assert!(answer.contains("project id: 2 reach the limit of starting tasks"), "{answer}");
    }
    let other = ask(&mock, "POST", "/api/bk-sops/prod/start_task/17/3/", WHO, "{}").unwrap();
    assert!(other.contains(r#""result":true"#), "{other}");
    assert_eq!(mock.counts().answers["throttled"], 3);
}

#[test]
fn plain_http_on_a_port_for_https_is_answered_by_nginx() {
    let mock = mock(&[FaultKind::HttpsPort]);
    is_as_captured(&start(&mock).unwrap(), "nginx_400_plain_http_to_https_port");
    assert_eq!(mock.counts().started, 0);
}
