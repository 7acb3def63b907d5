//! Credentials from files: read again when they are refused, and seen by nobody.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;

use bk_launch::mock::{Behaviour, FaultChance, FaultKind, FirstFault, Mock};

use crate::harness::{Folder, HEADER, rows, until};
use crate::run::QUICK;

fn mock(secret: &str) -> Mock {
    Mock::start(Behaviour { secret: Some(secret.into()), ..Behaviour::default() }, 0).unwrap()
}

/// The program without the secrets in its environment.
fn program(folder: &Folder, words: &[&str]) -> Command {
    let mut program = folder.program(words);
    program.env_remove("BK_APP_SECRET").env_remove("BK_TOKEN");
    program
}

#[test]
fn files_hold_credentials_and_others_must_not_read_them() {
    let (mock, folder) = (mock("from-a-file"), Folder::new());
    folder.file("tasks.csv", "2,3\n");
    folder.file("secret", "from-a-file\n");
    folder.file("token", "any\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--esb", &mock.url()];
    let files = ["--app-secret-file", "secret", "--token-file", "token"];
    let words = [&words[..], &files].concat();
    let run = folder.start(&mut program(&folder, &words)).wait().exits(0);
    let run = run.says(&["warning: others may read secret; chmod 600 secret"]);
    assert!(!run.stderr().contains("from-a-file"), "{run}");
    for name in ["secret", "token"] {
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.path(name), private).unwrap();
    }
    let run = folder.start(&mut program(&folder, &words)).wait().exits(0);
    assert!(!run.stderr().contains("warning"), "{run}");
}

#[test]
fn credentials_in_clear_to_another_machine_are_warned_about_once() {
    let (mock, folder) = (mock("s3cret-of-app"), Folder::new());
    folder.file("tasks.csv", "2,3\n2,4\n");
    // Every machine reaches itself by this address, which is not known as its own.
    let far = format!("http://0.0.0.0:{}", mock.port());
    let bench = ["--yes-start=1", "--rate=100/s", "--requests=1"];
    for (command, more) in [
        (&["run", "tasks.csv"][..], &["--limit=1"][..]),
        (&["resume"], &[]),
        (&["run", "tasks.csv"], &["--check"]),
        (&["bench", "tasks.csv"], &bench),
    ] {
        let words = [command, &["--esb", &far], more].concat();
        let run = folder.run(&words).exits(0);
        let said = run.stderr();
        let (before, _) = said
            .split_once("warning: http:// sends the credentials in clear to http://0.0.0.0")
            .expect(&said);
        assert!(!before.contains("1 task"), "it comes first: {said}");
        assert_eq!(said.matches("in clear").count(), 1, "{said}");
        let quiet = folder.run(&[&words[..], &["-q"]].concat());
        let held_back = quiet.stderr();
        assert_eq!(quiet.code(), Some(0), "{quiet}");
        assert_eq!(held_back, "", "{quiet}");
    }
    let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--esb"];
    let near = folder.run(&[&words[..], &[&mock.url()]].concat());
    assert!(!near.stderr().contains("in clear"), "{near}");
    // What -q holds back is told where something is wrong.
    mock.site().change(|behaviour| behaviour.secret = Some("another".into()));
    let wrong = folder.run(&[&words[..], &[&far, "-q"]].concat()).exits(3);
    assert_eq!(wrong.stderr().matches("in clear").count(), 1, "{wrong}");
}

#[test]
fn systemd_credentials_are_found_in_their_folder() {
    let (mock, folder) = (mock("from-systemd"), Folder::new());
    folder.file("tasks.csv", "2,3\n");
    folder.file("bk_app_secret", "from-systemd");
    folder.file("bk_token", "any");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    let mut unit = program(&folder, &words);
    unit.env("CREDENTIALS_DIRECTORY", folder.path(""));
    folder.start(&mut unit).wait().exits(0);
}

#[test]
fn a_file_that_was_mended_is_read_once_more_after_a_refusal() {
    let (mock, folder) = (mock("first"), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 60)));
    folder.file("secret", "first");
    folder.file("token", "any");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "30/s", "--esb", &mock.url()];
    let files = ["--app-secret-file", "secret", "--token-file", "token"];
    let run = folder.start(&mut program(&folder, &[&words[..], &files].concat()));
    until("some are started", || mock.counts().started >= 10);
    folder.file("secret", "second");
    mock.site().change(|behaviour| behaviour.secret = Some("second".into()));
    run.wait().exits(0);
    let report = folder.report("r.csv");
    report.is_complete(60);
    assert_eq!(report.counts()["started"], 60);
    assert!(mock.counts().refused >= 1);

    folder.file("secret", "third, which is wrong");
    let words = ["run", "tasks.csv", "-o", "s.csv", "--esb", &mock.url()];
    let run = folder.start(&mut program(&folder, &[&words[..], &files].concat()));
    run.wait().exits(3).says(&["refuses the credentials"]);
}

/// Whatever the program and its report say, and every file that it left.
fn everything(folder: &Folder, words: &[&str]) -> String {
    everything_of(folder, &mut folder.program(words))
}

fn everything_of(folder: &Folder, program: &mut Command) -> String {
    let run = folder.start(program).wait();
    let mut said = format!("{}{}", run.stdout(), run.stderr());
    let mut folders = vec![folder.path("")];
    while let Some(path) = folders.pop() {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                said += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
            }
        }
    }
    said
}

#[test]
fn secrets_are_nowhere_at_the_highest_verbosity() {
    let faults = ["429", "500", "502", "reset-after", "broken-json"];
    let faults =
        faults.map(|kind| FaultChance { kind: kind.parse().unwrap(), chance: 0.05 }).to_vec();
    let first = vec![FirstFault { task: 1, kind: FaultKind::BadGateway, times: 99 }];
    let behaviour = Behaviour { faults, first, denied: [2].into(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 60)));
    for (flag, url) in [("--esb", mock.url()), ("--gateway", mock.gateway())] {
        for more in [&["--json"][..], &["--log-format", "json"], &["--dry-run"], &["--check"]] {
            let words =
                ["run", "tasks.csv", "-o", "r.csv", "-o", "r.jsonl", "--force", "-vv", flag, &url];
            let said = everything(&folder, &[&words[..], more, &QUICK].concat());
            assert!(said.len() > 1000, "something was said");
            for secret in ["s3cret-of-app", "t0ken-of-user"] {
                assert!(!said.contains(secret), "{secret} after {more:?}");
            }
        }
    }
}

#[test]
fn secrets_are_nowhere_even_when_the_server_quotes_the_request() {
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    let quoted = "you sent s3cret-of-app and t0ken-of-user";
    let json = format!(r#"{{"result":false,"code":"t0ken-of-user","message":"{quoted}"}}"#);
    for body in [json.clone(), quoted.to_owned(), format!("<title>{quoted}</title>")] {
        for status in [200, 400, 500] {
            let head = format!(
                "HTTP/1.1 {status} X\r\nConnection: close\r\nX-Bkapi-Request-Id: s3cret-of-app\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let port = crate::wire::answer_once(format!("{head}{body}").into_bytes());
            let url = format!("http://127.0.0.1:{port}");
            let words = ["run", "tasks.csv", "-o", "r.csv", "-o", "r.jsonl", "--force", "-vv"];
            let rest = ["--json", "--retries", "0", "--esb", &url];
            let said = everything(&folder, &[&words[..], &rest].concat());
            assert!(said.contains("***"), "{status} {body}: {said}");
            for secret in ["s3cret-of-app", "t0ken-of-user"] {
                assert!(!said.contains(secret), "{status} {body}: {said}");
            }
        }
    }
}

/// A secret with every character that some encoder writes in another way...
const SECRET: &str = r#"k9q"\<z>&'w/ %+ü=v7j"#;

/// ...and how Python's `json`, `urllib` and `html`, Go and PHP write it.
const FORMS: [&str; 13] = [
    SECRET,
    r#"k9q\"\\<z>&'w/ %+\u00fc=v7j"#,
    r#"k9q\"\\<z>&'w/ %+ü=v7j"#,
    r#"k9q\"\\\u003cz\u003e\u0026'w/ %+ü=v7j"#,
    r#"k9q\"\\\u003Cz\u003E\u0026\u0027w\/ %+\u00FC=v7j"#,
    "k9q%22%5C%3Cz%3E%26%27w/%20%25%2B%C3%BC%3Dv7j",
    "k9q%22%5C%3Cz%3E%26%27w%2F%20%25%2B%C3%BC%3Dv7j",
    "k9q%22%5C%3Cz%3E%26%27w%2F+%25%2B%C3%BC%3Dv7j",
    "k9q%22%5c%3cz%3e%26'w%2f%20%25%2b%c3%bc%3dv7j",
    r"k9q&quot;\&lt;z&gt;&amp;&#x27;w/ %+ü=v7j",
    r"k9q&#34;\&lt;z&gt;&amp;&#39;w/ %+ü=v7j",
    r"k9q\&quot;\\&lt;z&gt;&amp;&#x27;w/ %+\u00fc=v7j",
    r#"k9q\\\"\\\\<z>&'w/ %+\\u00fc=v7j"#,
];

/// A server that answers each request by what `answer` makes of its first line; its URL.
fn server(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut reader = BufReader::new(&stream);
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).unwrap();
            for line in reader.by_ref().lines() {
                match line.unwrap().to_ascii_lowercase().split_once(": ") {
                    Some(("content-length", value)) => length = value.parse().unwrap(),
                    Some(_) => {}
                    None => break,
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            (&stream).write_all(answer(&first).as_bytes()).unwrap();
        }
    });
    url
}

fn http(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn secrets_are_nowhere_in_whatever_form_a_server_quotes_them() {
    let of_token = |form: &str| form.replace("k9q", "k8t");
    let all = FORMS.map(|form| format!("{form} {}", of_token(form))).join(" | ");
    let link = format!("http://h/?by={}", FORMS[5]);
    let refused = serde_json::json!({"result": false, "code": FORMS[9], "message": all});
    let started = serde_json::json!({"result": true, "data": {"task_url": link}, "trace_id": all});
    let at = format!("302 X\r\nLocation: http://h/{}/x?", FORMS[5]);
    let id = format!("200 X\r\nX-Bkapi-Request-Id: {}", FORMS[1]);
    // What is cut out of a page or a link is no longer the whole secret.
    let (in_title, in_link) = ("k9q w</title>v7j", "k9q#v7j");
    let answers = [
        (SECRET, http(&id, &refused.to_string())),
        (SECRET, http("200 X", &started.to_string())),
        (SECRET, http("500 X", &all)),
        (SECRET, http("500 X", &format!("<title>{all}</title>"))),
        (SECRET, http(&at, "")),
        (in_title, http("500 X", &format!("<title>{in_title}</title>"))),
        (in_link, http(&format!("302 X\r\nLocation: http://h/{in_link}"), "")),
    ];
    for (secret, answer) in answers {
        let folder = Folder::new();
        folder.file("tasks.csv", "2,3\n");
        let shown = answer.clone();
        let url = server(move |_| answer.clone());
        let words = ["run", "tasks.csv", "-o", "r.csv", "-o", "r.jsonl", "-vv", "--json"];
        let mut program =
            folder.program(&[&words[..], &["--retries", "0", "--esb", &url]].concat());
        program.env("BK_APP_SECRET", secret).env("BK_TOKEN", of_token(secret));
        let said = everything_of(&folder, &mut program);
        assert!(said.contains("***"), "{shown}: {said}");
        for part in ["k9q", "k8t", "v7j"] {
            assert!(!said.contains(part), "{part} of {shown}: {said}");
        }
    }
}

#[test]
fn a_link_that_is_looked_up_holds_no_secret_either() {
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    let url = server(|first| {
        let link = format!("http://h/?by={}", FORMS[5]);
        let found = serde_json::json!({"result": true, "task_url": link}).to_string();
        let is_question = first.starts_with("GET");
        http("200 X", if is_question { &found } else { r#"{"result":true}"# })
    });
    let words = ["run", "tasks.csv", "-o", "r.csv", "--lookup", "-vv", "--json", "--esb", &url];
    let mut program = folder.program(&words);
    let said = everything_of(&folder, program.env("BK_APP_SECRET", SECRET));
    assert!(said.contains("http://h/?by=***") && !said.contains("v7j"), "{said}");
}
