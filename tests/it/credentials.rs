//! Credentials from files: read again when they are refused, and seen by nobody.

use std::fs;
use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, FaultKind, FirstFault};
use serde_json::json;

use crate::harness::{
    Launch, Outcome, QUICK, Running, Scene, Server, each, http, launch, list, scene, sometimes,
    until, well,
};

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
    let seen = scene.seen().requests;
    for (name, content, says) in [
        ("token", "k9q\nw7x\n", "the file token holds more than one line; it should hold a token"),
        ("token", "k9q\0w7x\n", "the file token holds a NUL byte"),
        ("secret", "k9q\x1bw7x\n", "the file secret holds a control character"),
        (
            "token",
            "\u{feff}k9q\n",
            "the file token holds a byte order mark (save it as UTF-8 without one); it should hold",
        ),
        ("token", "k9q\u{200b}\n", "the file token holds a character that nobody sees"),
    ] {
        scene.file("secret", "from-a-file\n");
        scene.file(name, content);
        let run = without_secrets(scene.run()).with("--force").with(FILES);
        run.exits(2).says(says).never_says("k9q").server_saw(|seen| seen.requests, seen);
    }
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

/// A scene whose server knows `first`, with a program `give` that prints what is in `secret`. It
/// notes each call, and takes half a second from the second one on.
fn with_a_giver(list: impl AsRef<[u8]>) -> Scene {
    let scene = scene(list).against(knowing("first"));
    let lines = "[ -e calls ] && sleep 0.5\necho >>calls\ncat secret";
    scene.file("give", format!("#!/bin/sh\n{lines}\n"));
    scene.mode("give", 0o700);
    scene.file("secret", "first\n");
    scene
}

fn calls(scene: &Scene) -> usize {
    scene.read("calls").lines().count()
}

#[test]
fn a_command_gives_a_secret_and_gives_it_again_after_a_refusal() {
    let scene = with_a_giver(list(60));
    let run = without_secrets(scene.run_kept()).report("r.csv").with("--rate 60/s");
    let run =
        run.arg("--app-secret-cmd=./give").arg("--token-cmd").arg("printf 'any token'").start();
    let run = run.once("some are started", |seen| seen.started >= 10);
    scene.file("secret", "second\n");
    scene.change(|behaviour| behaviour.secret = Some("second".into()));
    run.exits(0).reports_all(60).reports(60, "started").never_says("first");
    assert_eq!(calls(&scene), 2);
    let refused = scene.seen().refused;
    assert!((1..10).contains(&refused), "nothing leaves while it runs: {refused}");

    // The run keeps the command, and not what it printed.
    let settings = fs::read_to_string(scene.only_run().path.join("settings.json")).unwrap();
    assert!(settings.contains("./give") && !settings.contains("second"), "{settings}");
}

#[test]
fn a_resume_runs_the_command_of_its_run_and_what_is_typed_takes_its_place() {
    let scene = with_a_giver("2,1\n2,2\n2,3\n");
    let run = |flags: &str| {
        let run = without_secrets(scene.run_kept()).environment("BK_TOKEN", "any");
        run.with("--app-secret-cmd ./give").with(flags).exits(0)
    };
    run("--dry-run");
    assert_eq!(calls(&scene), 1, "a preview reads credentials, too");
    fs::remove_file(scene.path("calls")).unwrap();
    run("--limit 1");
    let resume =
        || without_secrets(scene.resume()).environment("BK_TOKEN", "any").with("--limit 1");
    resume().exits(0);
    assert_eq!(calls(&scene), 2);
    resume().with("--app-secret-file secret").exits(0).server_saw(|seen| seen.started, 3);
    assert_eq!(calls(&scene), 2);
}

#[test]
fn a_user_who_is_refused_stops_the_run_though_a_command_prints_another_secret_each_time() {
    let scene = scene(list(60)).against(knowing("first"));
    scene.file("give", "#!/bin/sh\necho >>calls\necho first $(wc -l <calls)\n");
    scene.mode("give", 0o700);
    let run = without_secrets(scene.run()).with("--rate unlimited --app-secret-cmd ./give");
    let run = run.environment("BK_TOKEN", "any").exits(3).says("refuses the credentials");
    run.reports_all(60).server_saw(|seen| seen.started, 0);
    assert_eq!(calls(&scene), 2, "once more, and no further");
}

#[test]
fn a_stop_does_not_wait_for_a_command() {
    let scene = with_a_giver(list(60));
    let run = without_secrets(scene.run()).with("--rate 60/s --app-secret-cmd ./give");
    let run = run.environment("BK_TOKEN", "any").start();
    let run = run.once("some are started", |seen| seen.started >= 5);
    scene.file("give", "#!/bin/sh\necho >>calls\nwhile [ ! -e done ]; do sleep 0.1; done\n");
    scene.change(|behaviour| behaviour.secret = Some("second".into()));
    until("it is called again", || calls(&scene) == 2);
    let stopped = Instant::now();
    run.signal("INT").exits(130);
    assert!(stopped.elapsed() < Duration::from_secs(5));
    scene.file("done", "");
}

/// A run whose command was called again and does not end.
fn held_up_by_a_command(first: Vec<FirstFault>) -> Running {
    let scene = with_a_giver(list(60));
    scene.change(|behaviour| behaviour.first = first);
    let run = without_secrets(scene.run()).with("--rate 60/s --app-secret-cmd ./give");
    let run = run.environment("BK_TOKEN", "any").start();
    let run = run.once("some are started", |seen| seen.starts >= 5);
    let lines = "sleep 600 & echo $$ $! >pids.new; mv pids.new pids; wait";
    scene.file("give", format!("#!/bin/sh\n{lines}\n"));
    scene.change(|behaviour| behaviour.secret = Some("second".into()));
    until("it is called again", || scene.has("pids"));
    run
}

/// Neither the command nor what it started goes on.
#[track_caller]
fn nothing_is_left_of_a_command(run: &Outcome) {
    for pid in run.scene().read("pids").split_whitespace() {
        // A killed process takes a moment to go, and nobody may reap it.
        until("it is gone", || {
            let state = fs::read_to_string(format!("/proc/{pid}/stat"));
            state.is_err() || state.is_ok_and(|state| state.contains(") Z"))
        });
    }
}

#[test]
fn a_command_ends_with_a_run_that_was_stopped() {
    let run = held_up_by_a_command(Vec::new()).signal("TERM").exits(143);
    nothing_is_left_of_a_command(&run.never_says("cannot be read again").reports_all(60));
}

#[test]
fn a_command_ends_with_a_run_that_was_aborted() {
    // A request is out, for which the first signal waits.
    let run = held_up_by_a_command(each([2], FaultKind::Hang, 9)).signal("INT");
    let run = run
        .once_it_says("Ctrl-C again to abort")
        .signal("TERM")
        .exits(143)
        .says("Aborted by SIGTERM");
    nothing_is_left_of_a_command(&run.never_says("cannot be read again"));
}

#[test]
fn a_command_that_gives_nothing_is_named_and_what_it_printed_is_not() {
    let scene = scene("2,3\n");
    let run = |flag: &str, command: &str| {
        scene.run().with("--force").arg(flag).arg(command).exits(2).never_says("k9q")
    };
    for (command, says) in [
        ("false", "--token-cmd: false ended with exit status 1"),
        ("sh -c 'echo k9q-w7x; echo no k9q-w7x here >&2; exit 7'", "exit status 7: no *** here"),
        ("true", "true printed nothing; it should print the secret"),
        ("./no-such k9q", "--token-cmd: ./no-such cannot be run: No such file"),
        ("sh -c 'echo k9q; echo k9q'", "sh printed more than one line"),
        ("pass show x | head -1", "| is for a shell, and none runs"),
        ("cat '", "the quote ' has no end"),
        ("", "no program is named"),
    ] {
        run("--token-cmd", command).says(says);
    }
    run("--token-cmd=true", "--token-file=t").says("cannot be used with");
    run("--app-secret-cmd=true", "--app-secret-file=t").says("cannot be used with");
    assert_eq!(scene.seen().requests, 0);
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
