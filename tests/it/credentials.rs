//! Credentials from files: read again when they are refused, and seen by nobody.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use bk_launch::mock::{Behaviour, Fault, FaultKind, FirstFault, Mock};

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
    let run = folder.run(words);
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
    let faults = faults.map(|kind| Fault { kind: kind.parse().unwrap(), chance: 0.05 }).to_vec();
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
