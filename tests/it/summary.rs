//! The summary, for people and for programs.

use bk_launch::mock::Behaviour;
use serde_json::{Value, json};

use crate::harness::{QUICK, answer_once, http, launch, scene, well};

#[test]
fn a_program_reads_the_summary_from_standard_output() {
    let summary = launch("bk_biz_id,task_id\n2,3\n2,5\n2,6\n2,7\n2,3\n")
        .against(Behaviour { missing: [5, 6].into(), denied: [7].into(), ..well() })
        .with("--json")
        .with(QUICK)
        .exits(1)
        .says([
            "5 rows: 1 started, 3 rejected, 1 duplicate",
            "rejected (not_found) 2 rows, lines 3 and 4",
            "check the ids, and that scope",
            "rejected (permission) line 5",
            "latency: p50",
        ])
        .json();
    assert_eq!(summary["outcomes"]["started"], 1);
    assert_eq!(summary["outcomes"]["failed"], 0);
    assert_eq!((&summary["rows"], &summary["bad"]), (&5.into(), &3.into()));
    assert_eq!((&summary["requests"], &summary["exit"]), (&4.into(), &1.into()));
    assert_eq!(summary["failures"][0]["rows"], 2);
    let example = summary["failures"][0]["example_line"].as_u64().unwrap();
    assert!([3, 4].contains(&example), "the one that was settled first: {example}");
    assert_eq!(summary["reports"], json!(["r.csv"]));
    assert!(summary["latency_ms"]["p99"].as_f64().unwrap() > 0.0);
    assert_eq!(summary["stopped"], Value::Null);
}

#[test]
fn a_plain_run_says_that_nobody_looked_whether_tasks_run() {
    const NOBODY: &str = "--confirm also checks that they run";
    let scene = scene("2,3\n2,4\n");
    let first = scene.run_kept().with("--limit 1").exits(0);
    first.says(format!("\n  started: queued by the server; {NOBODY}\n")).prints_only("");
    // One task was seen to run; of the other only the reply tells, as before.
    let rest = scene.resume().with("--confirm").exits(0);
    rest.says(format!("  1 of the 2 started: queued by the server; {NOBODY}"));
    // Seen to run, or started before.
    for (list, flags) in [("2,5\n", "--confirm"), ("2,3\n", "")] {
        scene.file("other.csv", list);
        scene.run_kept().input("other.csv").with(flags).exits(0).never_says("queued");
    }
}

#[test]
fn a_failure_without_a_class_is_told_without_one() {
    launch("2,3\n")
        .against(Behaviour { started: [3].into(), ..well() })
        .with("--already-started fail")
        .exits(1)
        .says(["  already_started line 1: task already started", "somebody else"]);
}

#[test]
fn the_command_that_goes_on_is_named_and_works() {
    let scene = scene("bk_biz_id,task_id,note\n2,3,\"a, b\"\n2,4,c\n");
    scene.change(|behaviour| behaviour.secret = Some("another".into()));
    let stopped = scene
        .run()
        .with("--no-journal")
        .exits(3)
        .says("next: bk-launch run r.csv --where outcome=pending -o rest.csv");
    scene.change(|behaviour| behaviour.secret = None);
    let next = stopped.stderr();
    let next = next.lines().find_map(|line| line.strip_prefix("next: ")).unwrap();
    scene.shell(&format!("{} --esb URL", next.replace("bk-launch", "PROGRAM"))).exits(0);
    let rest = scene.report("rest.csv");
    assert_eq!(rest.count("started"), 2);
    assert_eq!(rest.count_where("note", "a, b"), 1);
}

#[test]
fn nothing_that_a_server_says_is_obeyed_by_a_terminal() {
    let body = r#"{"result":false,"code":3540000,"message":"invalid param format \u001b[31m"}"#;
    let port = answer_once(http("200 OK", body));
    launch("2,3\n")
        .at(format!("http://127.0.0.1:{port}"))
        .exits(1)
        .says("invalid param format \\u{1b}[31m")
        .never_says("\u{1b}");
}

#[test]
fn a_full_standard_output_is_an_output_that_was_not_written() {
    let scene = scene("2,3\n2,4\n2,5\n");
    let full = |words: &str| {
        scene.shell(&format!("PROGRAM {words} >/dev/full; echo code $? >&2")).exits(0)
    };
    let closed = |words: &str| {
        scene.shell(&format!("(sleep 0.2; PROGRAM {words}; echo code $? >&2) | true")).exits(0)
    };
    let lost = ["error: cannot write ", "to standard output: No space left", "code 6"];
    full("run tasks.csv --esb URL --dry-run").says("code 2").server_saw(|seen| seen.requests, 0);
    full("run tasks.csv --esb URL --limit 1 --json").says(lost);
    full("resume --limit 1 --json").says(lost);
    full("resume --json").says(lost).server_saw(|seen| seen.started, 3);
    // The run is finished, and was sent.
    full("resume --json -q").says(lost).says("is finished; nothing was sent");
    for words in
        ["report -o r.csv --force --json", "runs --json", "runs", "runs show --json", "runs show"]
    {
        full(words).says(lost);
        closed(words).says("code 0");
    }
    for words in ["resume --json", "resume --json -o r.csv --force"] {
        closed(words).says(["is finished", "code 0"]).never_says("error");
    }
    scene.resume().with("--json").exits(0);
}
