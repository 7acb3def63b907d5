//! The summary, for people and for programs.

use bk_launch::mock::{Behaviour, Mock};
use serde_json::Value;

use crate::harness::Folder;
use crate::run::QUICK;

#[test]
fn a_program_reads_the_summary_from_standard_output() {
    let behaviour =
        Behaviour { missing: [5, 6].into(), denied: [7].into(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "bk_biz_id,task_id\n2,3\n2,5\n2,6\n2,7\n2,3\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--json", "--esb", &mock.url()];
    let run = folder.run(&[&words[..], &QUICK].concat()).exits(1).says(&[
        "5 rows: 1 started, 3 rejected, 1 duplicate",
        "rejected (not_found) 2 rows, the first in line 3",
        "check the ids, and that scope",
        "rejected (permission) line 5",
        "latency: p50",
    ]);
    let summary: Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!(summary["outcomes"]["started"], 1);
    assert_eq!(summary["outcomes"]["failed"], 0);
    assert_eq!((&summary["rows"], &summary["bad"]), (&5.into(), &3.into()));
    assert_eq!((&summary["requests"], &summary["exit"]), (&4.into(), &1.into()));
    assert_eq!(summary["failures"][0]["rows"], 2);
    assert_eq!(summary["failures"][0]["example_line"], 3);
    assert_eq!(summary["reports"], serde_json::json!(["r.csv"]));
    assert!(summary["latency_ms"]["p99"].as_f64().unwrap() > 0.0);
    assert_eq!(summary["stopped"], Value::Null);
}

#[test]
fn a_plain_run_says_that_nobody_looked_whether_tasks_run() {
    const NOBODY: &str = "whether they run was not looked at (--confirm)";
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,3\n2,4\n");
    let words = ["run", "tasks.csv", "--esb", &mock.url(), "--limit", "1"];
    let first = folder.run(&words).exits(0);
    let first = first.says(&[&format!("\n  started: queued by the server; {NOBODY}\n")]);
    assert!(first.stdout().is_empty(), "{first}");
    // One task was seen to run; of the other only the reply tells, as before.
    let rest = folder.run(&["resume", "--confirm"]).exits(0);
    rest.says(&[&format!("  1 of 2 started: queued by the server; {NOBODY}")]);
    for (list, flags) in [("2,5\n", &["--confirm"][..]), ("2,3\n", &[])] {
        folder.file("other.csv", list);
        let url = mock.url();
        let run = folder.run(&[&["run", "other.csv", "--esb", &url], flags].concat()).exits(0);
        assert!(!run.stderr().contains("queued"), "seen to run, or started before: {run}");
    }
}

#[test]
fn a_failure_without_a_class_is_told_without_one() {
    let behaviour = Behaviour { started: [3].into(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,3\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--already-started", "fail"];
    let run = folder.run(&[&words[..], &["--esb", &mock.url()]].concat()).exits(1);
    run.says(&["  already_started line 1: task already started", "somebody else"]);
}

#[test]
fn the_command_that_goes_on_is_named_and_works() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    mock.site().change(|behaviour| behaviour.secret = Some("another".into()));
    folder.file("tasks.csv", "bk_biz_id,task_id,note\n2,3,\"a, b\"\n2,4,c\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--no-journal", "--esb", &mock.url()];
    let stopped = folder.run(&words).exits(3).says(&["next: awk -F, "]);
    mock.site().change(|behaviour| behaviour.secret = None);
    let next = stopped.stderr();
    let next = next.lines().find_map(|line| line.strip_prefix("next: ")).unwrap();
    let next = next.replace("bk-launch", env!("CARGO_BIN_EXE_bk-launch"));
    let mut shell = std::process::Command::new("sh");
    let program = folder.program(&[]);
    shell.args(["-c", &format!("{next} --esb {}", mock.url())]).current_dir(folder.path(""));
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    folder.start(&mut shell).wait().exits(0);
    let rest = folder.report("rest.csv");
    assert_eq!(rest.counts()["started"], 2);
    assert!(rest.lines.iter().any(|line| line["note"] == "a, b"));
}

#[test]
fn nothing_that_a_server_says_is_obeyed_by_a_terminal() {
    let body = br#"{"result":false,"code":3540000,"message":"invalid param format \u001b[31m"}"#;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let port = crate::wire::answer_once([head.as_bytes(), body].concat());
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    let url = format!("http://127.0.0.1:{port}");
    let run = folder.run(&["run", "tasks.csv", "-o", "r.csv", "--esb", &url]).exits(1);
    assert!(run.stderr().contains("invalid param format \\u{1b}[31m"), "{run}");
    assert!(!run.stderr().contains('\u{1b}'), "{run}");
}

#[test]
fn a_full_standard_output_is_an_output_that_was_not_written() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,3\n2,4\n2,5\n");
    let full = |words: &str| {
        folder.shell(&format!("PROGRAM {words} >/dev/full; echo code $? >&2")).exits(0)
    };
    let closed = |words: &str| {
        folder.shell(&format!("(sleep 0.2; PROGRAM {words}; echo code $? >&2) | true")).exits(0)
    };
    let lost = ["error: cannot write ", "to standard output: No space left", "code 6"];
    let run = format!("run tasks.csv --esb {}", mock.url());
    full(&format!("{run} --dry-run")).says(&["code 2"]);
    assert_eq!(mock.counts().requests, 0);
    full(&format!("{run} --limit 1 --json")).says(&lost);
    full("resume --limit 1 --json").says(&lost);
    full("resume --json").says(&lost);
    assert_eq!(mock.counts().started, 3);
    // The run is finished, and was sent.
    full("resume --json -q").says(&lost).says(&["is finished; nothing was sent"]);
    for words in
        ["report -o r.csv --force --json", "runs --json", "runs", "runs show --json", "runs show"]
    {
        full(words).says(&lost);
        closed(words).says(&["code 0"]);
    }
    for words in ["resume --json", "resume --json -o r.csv --force"] {
        let told = closed(words).says(&["is finished", "code 0"]);
        assert!(!told.stderr().contains("error"), "{told}");
    }
    folder.run(&["resume", "--json"]).exits(0);
}
