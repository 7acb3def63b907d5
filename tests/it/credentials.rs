//! Credentials from files: read again when they are refused, and seen by nobody.

use std::fs;

use bk_launch::mock::{Behaviour, FaultKind};
use serde_json::json;

use crate::harness::{Launch, QUICK, Server, each, http, launch, list, scene, sometimes, well};

fn knowing(secret: &str) -> Behaviour {
    Behaviour { secret: Some(secret.into()), ..well() }
}

/// The launch without the secrets in its environment.
fn without_secrets(launch: Launch) -> Launch {
    launch.without("BK_APP_SECRET").without("BK_TOKEN")
}

const FILES: &str = "--app-secret-file secret --token-file token";

#[test]
fn files_hold_credentials_and_others_must_not_read_them() {
    let scene = scene("2,3\n").against(knowing("from-a-file"));
    scene.file("secret", "from-a-file\n");
    scene.file("token", "any\n");
    let run = || without_secrets(scene.run()).with("--force").with(FILES).exits(0);
    run().says("warning: others may read secret; chmod 600 secret").never_says("from-a-file");
    scene.mode("secret", 0o600);
    scene.mode("token", 0o600);
    run().never_says("warning");
}

#[test]
fn credentials_in_clear_to_another_machine_are_warned_about_once() {
    let scene = scene("2,3\n2,4\n").against(knowing("s3cret-of-app"));
    // Every machine reaches itself by this address, which is not known as its own.
    let far = format!("http://0.0.0.0:{}", scene.mock().port());
    for (command, flags) in [
        ("run tasks.csv", "--limit=1"),
        ("resume", ""),
        ("run tasks.csv", "--check"),
        ("bench tasks.csv", "--yes-start=1 --rate=100/s --requests=1"),
    ] {
        let command = scene.command(command).at(&far).with(flags);
        let run = command.clone().exits(0).says_times(1, "in clear");
        let said = run.stderr();
        let (before, _) = said
            .split_once("warning: http:// sends the credentials in clear to http://0.0.0.0")
            .expect(&said);
        assert!(!before.contains("1 task"), "it comes first: {said}");
        assert_eq!(command.with("-q").exits(0).stderr(), "");
    }
    let run = || scene.run().with("--force");
    run().ends().never_says("in clear");
    // What -q holds back is told where something is wrong.
    scene.change(|behaviour| behaviour.secret = Some("another".into()));
    run().at(&far).with("-q").exits(3).says_times(1, "in clear");
}

#[test]
fn systemd_credentials_are_found_in_their_folder() {
    let scene = scene("2,3\n").against(knowing("from-systemd"));
    scene.file("bk_app_secret", "from-systemd");
    scene.file("bk_token", "any");
    let folder = scene.path("");
    without_secrets(scene.run()).environment("CREDENTIALS_DIRECTORY", folder).exits(0);
}

#[test]
fn a_file_that_was_mended_is_read_once_more_after_a_refusal() {
    let scene = scene(list(60)).against(knowing("first"));
    scene.file("secret", "first");
    scene.file("token", "any");
    let run = without_secrets(scene.run()).with("--rate 30/s").with(FILES).start();
    let run = run.once("some are started", |seen| seen.started >= 10);
    scene.file("secret", "second");
    scene.change(|behaviour| behaviour.secret = Some("second".into()));
    run.exits(0).reports_all(60).reports(60, "started");
    assert!(scene.seen().refused >= 1);

    scene.file("secret", "third, which is wrong");
    let wrong = without_secrets(scene.run()).report("s.csv").with(FILES);
    wrong.exits(3).says("refuses the credentials");
}

/// Runs it; whatever it and its report say, and every file that it left.
fn everything(launch: Launch) -> String {
    let scene = launch.scene();
    let run = launch.ends();
    let mut said = format!("{}{}", run.stdout(), run.stderr());
    let mut folders = vec![scene.path("")];
    while let Some(path) = folders.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                said += &String::from_utf8_lossy(&fs::read(path).unwrap());
            }
        }
    }
    said
}

#[test]
fn secrets_are_nowhere_at_the_highest_verbosity() {
    let scene = scene(list(60)).against(Behaviour {
        faults: sometimes("429 500 502 reset-after broken-json", 0.05),
        first: each([1], FaultKind::BadGateway, 99),
        denied: [2].into(),
        ..well()
    });
    for run in [scene.run(), scene.run().by_gateway()] {
        for flags in ["--json", "--log-format json", "--dry-run", "--check"] {
            let run = run.clone().with("-o r.jsonl --force -vv").with(flags).with(QUICK);
            let said = everything(run);
            assert!(said.len() > 1000, "something was said");
            for secret in ["s3cret-of-app", "t0ken-of-user"] {
                assert!(!said.contains(secret), "{secret} after {flags:?}");
            }
        }
    }
}

#[test]
fn secrets_are_nowhere_even_when_the_server_quotes_the_request() {
    let quoted = "you sent s3cret-of-app and t0ken-of-user";
    let json = format!(r#"{{"result":false,"code":"t0ken-of-user","message":"{quoted}"}}"#);
    for body in [json.clone(), quoted.to_owned(), format!("<title>{quoted}</title>")] {
        for status in [200, 400, 500] {
            let head = format!("{status} X\r\nX-Bkapi-Request-Id: s3cret-of-app");
            let answer = http(&head, &body);
            let server = Server::answering(move |_| answer.clone());
            let run = launch("2,3\n").at(&server.url);
            let said = everything(run.with("-o r.jsonl -vv --json --retries 0"));
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

#[test]
fn secrets_are_nowhere_in_whatever_form_a_server_quotes_them() {
    let of_token = |form: &str| form.replace("k9q", "k8t");
    let all = FORMS.map(|form| format!("{form} {}", of_token(form))).join(" | ");
    let link = format!("http://h/?by={}", FORMS[5]);
    let refused = json!({"result": false, "code": FORMS[9], "message": all});
    let started = json!({"result": true, "data": {"task_url": link}, "trace_id": all});
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
        let shown = String::from_utf8_lossy(&answer).into_owned();
        let server = Server::answering(move |_| answer.clone());
        let run = launch("2,3\n").at(&server.url).with("-o r.jsonl -vv --json --retries 0");
        let run = run.environment("BK_APP_SECRET", secret);
        let said = everything(run.environment("BK_TOKEN", of_token(secret)));
        assert!(said.contains("***"), "{shown}: {said}");
        for part in ["k9q", "k8t", "v7j"] {
            assert!(!said.contains(part), "{part} of {shown}: {said}");
        }
    }
}

#[test]
fn a_link_that_is_looked_up_holds_no_secret_either() {
    let server = Server::answering(|request| {
        let link = format!("http://h/?by={}", FORMS[5]);
        let found = json!({"result": true, "task_url": link}).to_string();
        let is_question = request.first.starts_with("GET");
        http("200 X", if is_question { &found } else { r#"{"result":true}"# })
    });
    let run = launch("2,3\n").at(&server.url).with("--lookup -vv --json");
    let said = everything(run.environment("BK_APP_SECRET", SECRET));
    assert!(said.contains("http://h/?by=***") && !said.contains("v7j"), "{said}");
}
