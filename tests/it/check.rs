//! `--check`: what the answers to a few questions prove, and what is said of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use bk_launch::internals::rules::proof::Finding;
use bk_launch::mock::{Behaviour, EsbKind, FaultChance, FaultKind, Mock, View};
use serde_json::Value;

use crate::harness::{Finished, Folder, HEADER, rows};
use crate::wire::{answer_bytes, judge_state};

/// Checks a list, without a header, against the mock.
fn check(mock: &Mock, list: &str, more: &[&str]) -> Finished {
    let folder = Folder::new();
    folder.file("tasks.csv", list);
    let words = ["run", "tasks.csv", "--check", "--esb", &mock.url()];
    folder.run(&[&words[..], more].concat())
}

fn mock(behaviour: Behaviour) -> Mock {
    Mock::start(behaviour, 0).unwrap()
}

/// A captured answer, or one that was written, as it goes over the wire.
fn capture(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(file);
    let capture: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    answer_bytes(&capture)
}

/// A server that answers each question by its task; other tasks have a state.
struct Scripted {
    port: u16,
    /// The tasks that were asked for, in order.
    asked: Arc<Mutex<Vec<u64>>>,
}

impl Scripted {
    fn start(answers: &[(u64, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: BTreeMap<_, _> =
            answers.iter().map(|(task, file)| (*task, capture(file))).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        thread::spawn(move || {
            let state = capture("esb2_status_ok.json");
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let task = asked_for(&stream);
                noted.lock().unwrap().push(task);
                stream.write_all(answers.get(&task).unwrap_or(&state)).unwrap();
            }
        });
        Self { port, asked }
    }

    fn check(&self, list: &str) -> Finished {
        let folder = Folder::new();
        folder.file("tasks.csv", list);
        let url = format!("http://127.0.0.1:{}", self.port);
        folder.run(&["run", "tasks.csv", "--check", "--esb", &url])
    }

    fn asked(&self) -> Vec<u64> {
        self.asked.lock().unwrap().clone()
    }
}

/// Reads a question; the task that it asks for.
fn asked_for(stream: &TcpStream) -> u64 {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.starts_with("GET ") && first.contains("/get_task_status/"), "{first}");
    lines.find(String::is_empty).unwrap();
    let task = first.split("task_id=").nth(1).unwrap();
    task.split('&').next().unwrap().parse().unwrap()
}

#[test]
fn how_far_a_question_came_says_what_is_proved() {
    use Finding::{Denied, NoState, NotFound, Refused, State, Unclear};
    for (file, finding) in [
        ("status_created.json", State),
        ("status_running.json", State),
        ("status_finished.json", State),
        ("status_scope_project.json", State),
        ("status_started_flag_but_engine_has_nothing.json", State),
        ("esb1_status_ok.json", State),
        ("esb2_status_ok.json", State),
        ("written/sops_status_task_deleted.json", NoState),
        ("written/sops_status_error_other.json", NoState),
        ("status_task_not_found.json", NotFound),
        ("status_project_not_found.json", NotFound),
        ("esb1_status_task_not_found.json", NotFound),
        ("esb2_status_task_not_found.json", NotFound),
        ("status_iam_denied.json", Denied),
        ("written/esb1_iam_denied.json", Denied),
        ("written/gw_1640302_ip.json", Denied),
        ("esb1_start_auth_header_only.json", Refused),
        ("esb2_start_bad_token.json", Refused),
        ("gwshim_bad_secret.json", Refused),
        ("gwshim_api_not_found.json", Refused),
        ("esb2_wrong_prefix_404.json", Refused),
        ("unknown_path_404.json", Refused),
        ("start_no_jwt_403.json", Refused),
        ("written/http_200_login_page.json", Refused),
        ("nginx_502_connection_refused.json", Unclear),
        ("start_iam_backend_error_500.json", Unclear),
        ("written/gw_1642902_stage.json", Unclear),
        ("written/sops_result_missing.json", Unclear),
        // These are no answers of get_task_status.
        ("start_success.json", Unclear),
        ("start_already_started.json", Unclear),
    ] {
        assert_eq!(Finding::of(&judge_state(capture(file))), finding, "{file}");
    }
    assert_eq!(Finding::of(&judge_state(Vec::new())), Finding::Unanswered);
}

#[test]
fn a_check_proves_the_way_without_a_start() {
    let (mock, folder) = (mock(Behaviour::default()), Folder::new());
    folder.file("tasks.csv", "2,3\n");
    let passed = &[
        "passed: URL, credentials and the right to view are proved",
        "showed the state of 1 of 1 row,",
        "nothing was started",
    ];
    folder.run(&["run", "tasks.csv", "--check", "--esb", &mock.url()]).exits(0).says(passed);
    let words = ["run", "tasks.csv", "--check", "--gateway", &mock.gateway()];
    folder.run(&words).exits(0).says(passed);
    let words = ["run", "-", "--check", "--esb", &mock.url()];
    folder.run(&words).exits(2).says(&["--check needs a file"]);
    folder.file("empty.csv", HEADER);
    let words = ["run", "empty.csv", "--check", "--esb", &mock.url()];
    folder.run(&words).exits(2).says(&["--check needs a row"]);
    assert_eq!((mock.counts().starts, mock.counts().status), (0, 2));
}

#[test]
fn rows_of_different_businesses_are_asked_for() {
    let server = Scripted::start(&[]);
    server.check("2,1\n2,2\n2,3\n3,4\n3,5\n3,6,project\n").exits(0).says(&["5 of 5 rows"]);
    assert_eq!(server.asked(), [1, 4, 6, 2, 5]);
}

#[test]
fn a_row_that_is_not_there_is_a_warning() {
    let mock = mock(Behaviour { missing: [1, 2, 9].into(), ..Behaviour::default() });
    let list = format!("{HEADER}{}", rows(2, 1, 7));
    let checked = check(&mock, &list, &[]).exits(0).says(&[
        "warning: tasks.csv:2: task 1 of business 2 is not there: ",
        "TaskFlowInstance(id=1) does not exist",
        "(not_found)\n  start_task would refuse it; check its ids, and that scope says",
        "warning: tasks.csv:3: task 2 of business 2 is not there",
        "showed the state of 3 of 5 rows",
    ]);
    assert_eq!(checked.stderr().matches("warning").count(), 2, "{checked}");
    assert_eq!((mock.counts().starts, mock.counts().status), (0, 5));
}

#[test]
fn without_a_row_that_is_there_the_right_to_view_is_not_proved() {
    let mock =
        mock(Behaviour { missing: [1, 2].into(), view: View::Denied, ..Behaviour::default() });
    check(&mock, "2,1\n2,2\n", &[]).exits(3).says(&[
        "warning: tasks.csv:1: task 1 of business 2",
        "warning: tasks.csv:2: task 2 of business 2",
        "failed: none of the 2 rows that it was asked for is there",
        "URL and credentials are proved, but the right to view is not",
    ]);
    check(&mock, "2,1\n", &[]).exits(3).says(&["the only row", "meant for this server"]);
}

#[test]
fn a_task_that_is_deleted_proves_the_right_to_view() {
    let server = Scripted::start(&[(15, "written/sops_status_task_deleted.json")]);
    server.check("2,15\n").exits(0).says(&[
        "warning: tasks.csv:1: task 15 of business 2 is deleted or not there: task[id=15] get",
        "start_task starts a deleted task all the same",
        "passed: URL, credentials and the right to view are proved",
        "0 of 1 row,",
    ]);
}

#[test]
fn a_right_that_is_missing_in_one_business_fails_the_check() {
    let mock =
        mock(Behaviour { denied: [5, 6].into(), missing: [3].into(), ..Behaviour::default() });
    check(&mock, "2,3\n2,4\n3,5\n4,6\n5,7\n", &[]).exits(3).says(&[
        "warning: tasks.csv:1: task 3 of business 2 is not there",
        "failed: tasks.csv:3: task 5 of business 3: iam authentication exception",
        "action:task_view (permission)\n  ask for the right to view tasks (task_view)",
        "warning: tasks.csv:4: task 6 of business 4 may not be viewed",
    ]);
    assert_eq!(mock.counts().status, 5);
}

#[test]
fn what_holds_for_every_row_ends_the_check() {
    let mock = mock(Behaviour { secret: Some("another".into()), ..Behaviour::default() });
    let list = "2,1\n3,2\n4,3\n";
    check(&mock, list, &[]).exits(3).says(&["APP Secret", "(auth)", "--esb-legacy-get"]);
    assert_eq!((mock.counts().requests, mock.counts().refused), (1, 1));
    let folder = Folder::new();
    folder.file("tasks.csv", list);
    let words = ["run", "tasks.csv", "--check", "--gateway", &mock.gateway()];
    let refused = folder.run(&words).exits(3).says(&["(auth)", "check BK_APP_CODE"]);
    assert!(!refused.stderr().contains("--esb-legacy-get"), "{refused}");
    assert_eq!(mock.counts().requests, 2);

    let server = Scripted::start(&[(2, "esb2_wrong_prefix_404.json")]);
    server.check(list).exits(3).says(&[
        "failed: this is no way to the API: The content does not exist",
        "\n  check the URL given by --esb or --gateway",
    ]);
    assert_eq!(server.asked(), [1, 2]);

    let words = ["run", "tasks.csv", "--check", "--esb", "http://127.0.0.1:9"];
    let unreached = folder.run(&words).exits(3).says(&["refused", "check that it is up"]);
    assert_eq!(unreached.stderr().matches("never reached").count(), 1, "{unreached}");
}

#[test]
fn an_unclear_answer_matters_only_if_nothing_is_proved() {
    let server = Scripted::start(&[(1, "start_iam_backend_error_500.json")]);
    server.check("2,1\n2,2\n").exits(0).says(&[
        "warning: tasks.csv:1: task 1 of business 2 has no clear answer: ",
        "(transient)",
        "showed the state of 1 of 2 rows",
    ]);
    let question_faults = vec![FaultChance { kind: FaultKind::BadGateway, chance: 1.0 }];
    let mock = mock(Behaviour { question_faults, ..Behaviour::default() });
    check(&mock, "2,1\n2,2\n", &[]).exits(3).says(&[
        "failed: tasks.csv:1: task 1 of business 2: ",
        "502 Bad Gateway",
        "(ambiguous)\n  check again when the server is well",
        "warning: tasks.csv:2: task 2 of business 2 has no clear answer",
    ]);
}

#[test]
fn the_legacy_esb_gets_credentials_in_a_query_only_where_that_is_allowed() {
    let mock = mock(Behaviour { esb: EsbKind::Legacy, ..Behaviour::default() });
    let list = "2,3\n2,4\n2,5\n";
    check(&mock, list, &[]).exits(3).says(&["(auth)", "--esb-legacy-get"]);
    assert_eq!((mock.counts().status, mock.counts().refused), (0, 1));
    let allowed = check(&mock, list, &["--esb-legacy-get"]).exits(0).says(&["3 of 3 rows"]);
    assert!(!allowed.stderr().contains("s3cret"), "{allowed}");
    assert_eq!((mock.counts().status, mock.counts().refused), (3, 2));
    mock.site().change(|behaviour| behaviour.secret = Some("another".into()));
    let wrong = check(&mock, list, &["--esb-legacy-get"]).exits(3).says(&["check BK_APP_CODE"]);
    assert!(!wrong.stderr().contains("--esb-legacy-get"), "{wrong}");
}
