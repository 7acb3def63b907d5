//! Runs that were: listed, shown, reported again and removed.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Latency, Mock};
use serde_json::Value;

use crate::harness::{Folder, HEADER, rows, until};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn mock() -> Mock {
    let denied = [3].into();
    Mock::start(Behaviour { denied, ..Behaviour::default() }, 0).unwrap()
}

#[test]
fn runs_are_listed_and_shown_with_their_history() {
    let (mock, folder) = (mock(), Folder::new());
    assert_eq!(json(&folder.run(&["runs", "--json"]).exits(0).stdout()), Value::Array(Vec::new()));
    folder.run(&["runs"]).exits(0).says(&["no runs in"]);
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 5)));
    folder.run(&["run", "tasks.csv", "--limit", "2", "--esb", &mock.url()]).exits(0);
    let listed = folder.run(&["runs"]).exits(0).stdout();
    assert!(
        listed.contains("stopped: limit") && listed.contains("2 started, 3 pending"),
        "{listed}"
    );
    folder.run(&["resume"]).exits(1);
    folder.run(&["resume", "--retry-failed"]).exits(1);
    let listed = folder.run(&["runs"]).exits(0).stdout();
    assert!(listed.contains("finished, 1 rejected     1 "), "{listed}");
    assert!(listed.contains("  4 started, 1 rejected\n"), "{listed}");

    let id = folder.only_run().id;
    let shown = folder.run(&["runs", "show", &id.as_str()[..12]]).exits(0).stdout();
    for part in [
        "state   finished, 1 rejected, exit 1",
        "tasks.csv",
        "session 3: ",
        "--retry-failed",
        "exit 1",
    ] {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
    let shown = json(&folder.run(&["runs", "show", id.as_str(), "--json"]).exits(0).stdout());
    assert_eq!(shown["run"], id.as_str());
    assert_eq!((&shown["state"], &shown["rows"]), (&"finished".into(), &5.into()));
    assert_eq!(shown["outcomes"]["started"], 4);
    assert_eq!(shown["sessions"][0]["ending"], "limit");
    assert_eq!(shown["sessions"][2]["retry_failed"], true);
    let listed = json(&folder.run(&["runs", "list", "--json"]).exits(0).stdout());
    assert_eq!(listed[0], shown);
    folder.run(&["runs", "show", "1999"]).exits(2).says(&["no run begins with"]);
}

/// What `runs` says of the only run, for people and for programs.
fn told(folder: &Folder) -> (String, Value) {
    let listed = folder.run(&["runs"]).exits(0).stdout();
    let shown = json(&folder.run(&["runs", "show", "--json"]).exits(0).stdout());
    (listed, shown)
}

#[test]
fn a_run_that_waits_is_told_from_one_that_runs_and_one_that_drains() {
    let latency = Latency::Fixed(Duration::from_secs(8));
    let mock = Mock::start(Behaviour { latency, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", "2,1\n");
    let url = mock.url();
    let words = ["run", "tasks.csv", "--start-at", "+1h", "--esb", &url];
    let run = folder.start(&mut folder.program(&words));
    run.handles_signals();
    until("it says that it waits", || told(&folder).1["state"] == "waiting");
    let (listed, shown) = told(&folder);
    let pid = run.child.id();
    assert!(listed.contains("waiting until 20"), "{listed}");
    assert_eq!((&shown["pid"], &shown["outcomes"]["pending"]), (&pid.into(), &1.into()));
    assert!(shown["waits_until"].as_str().unwrap() > shown["began"].as_str().unwrap());
    assert_eq!(shown["exit"], Value::Null);
    run.signal("TERM");
    run.wait().exits(143);
    let (listed, shown) = told(&folder);
    assert!(listed.contains("stopped: SIGTERM   143 "), "{listed}");
    assert_eq!((&shown["exit"], &shown["waits_until"]), (&143.into(), &Value::Null));

    let run = folder.start(&mut folder.program(&["resume"]));
    until("something is out", || mock.counts().starts > 0);
    assert_eq!(told(&folder).1["state"], "running");
    run.signal("INT");
    // Nothing is settled for seconds, and it is noted all the same.
    until("it says that it drains", || told(&folder).1["state"] == "draining");
    let (listed, shown) = told(&folder);
    assert!(listed.contains("draining: SIGINT"), "{listed}");
    assert_eq!((&shown["draining"], &shown["settled"]), (&"SIGINT".into(), &0.into()));
    let page = folder.run(&["runs", "show"]).exits(0).stdout();
    let state = format!("state   draining: SIGINT, process {}", run.child.id());
    assert!(page.contains(&state) && page.contains(" to now, at "), "{page}");
    // What was in flight was all that was left.
    run.wait().exits(0);
    assert_eq!(told(&folder).1["state"], "finished");
}

#[test]
fn a_run_that_ended_with_bad_rows_is_not_just_finished() {
    let fault = |task| FirstFault { task, kind: FaultKind::BadGateway, times: 9 };
    let behaviour = Behaviour { first: vec![fault(1), fault(3)], ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 5)));
    let words = ["run", "tasks.csv", "--retries", "0", "--esb", &mock.url()];
    folder.run(&words).exits(1).says(&["5 rows: 3 started, 2 unknown"]);
    let (listed, shown) = told(&folder);
    assert!(listed.contains("finished, 2 unknown     1 "), "{listed}");
    assert!(listed.ends_with("  3 started, 2 unknown\n"), "{listed}");
    assert_eq!((&shown["state"], &shown["exit"]), (&"finished".into(), &1.into()));
}

#[test]
fn counts_are_those_of_the_summary_also_of_rows_that_were_cut_off() {
    let silent = |task| FirstFault { task, kind: FaultKind::Silent, times: 9 };
    let behaviour = Behaviour { first: (1..=3).map(silent).collect(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 60)));
    let words = ["run", "tasks.csv", "--confirm", "--limit", "5", "--json", "--esb", &mock.url()];
    let run = folder.start(&mut folder.program(&words));
    until("two are settled", || !folder.runs().is_empty() && told(&folder).1["settled"] == 2);
    run.signal("INT");
    let stopped = run.wait().exits(130).says(&["60 rows: 2 started, 3 unconfirmed, 55 pending"]);
    let (listed, shown) = told(&folder);
    assert!(listed.ends_with("  2 started, 3 unconfirmed, 55 pending\n"), "{listed}");
    assert_eq!(shown["outcomes"], json(&stopped.stdout())["outcomes"]);

    // Of a stream that was stopped, those count that were read.
    let folder = Folder::new();
    let words = ["run", "--rate", "1/m", "--json", "--esb", &mock.url()];
    let mut run = folder.start(folder.program(&words).stdin(Stdio::piped()));
    let mut typing = run.child.stdin.take().unwrap();
    typing.write_all(format!("{HEADER}{}", rows(2, 71, 5)).as_bytes()).unwrap();
    until("the first is settled", || !folder.runs().is_empty() && told(&folder).1["settled"] == 1);
    run.signal("INT");
    let stopped = run.wait().exits(130).says(&["5 rows: 1 started, 4 pending"]);
    let (listed, shown) = told(&folder);
    assert!(listed.ends_with("  1 started, 4 pending\n"), "{listed}");
    assert_eq!(shown["outcomes"], json(&stopped.stdout())["outcomes"]);
    drop(typing);
}

#[test]
fn a_report_is_made_again_in_any_format_and_in_the_order_of_the_input() {
    let (mock, folder) = (mock(), Folder::new());
    let list = "bk_biz_id,task_id,note\n2,1,\"a, b\"\n2,x,=1\n2,3,c\n2,1,d\n2,5,e\n2,6,f\n";
    folder.file("tasks.csv", list);
    let words = ["run", "tasks.csv", "-o", "r.csv", "--on-invalid", "skip", "--limit", "3"];
    folder.run(&[&words[..], &["--esb", &mock.url()]].concat()).exits(1);
    let again = folder.run(&["report", "-o", "a.csv", "-o", "b.tsv", "-o", "c.jsonl"]).exits(0);
    again.says(&["6 rows: 2 started, 1 rejected, 1 invalid, 1 duplicate, 1 pending"]);
    let report = folder.report("a.csv");
    let order: Vec<_> = report.lines.iter().map(|line| &*line["line"]).collect();
    assert_eq!(order, ["2", "3", "4", "5", "6", "7"]);
    assert_eq!(report.line(2)["note"], "a, b");
    assert_eq!(report.outcome(7), "pending");
    let first = folder.report("r.csv");
    for line in 2..8 {
        assert_eq!(first.line(line), report.line(line), "word for word");
    }
    let lines = std::fs::read_to_string(folder.path("c.jsonl")).unwrap();
    assert_eq!(json(lines.lines().nth(1).unwrap())["note"], "=1");
    assert_eq!(std::fs::read_to_string(folder.path("b.tsv")).unwrap().lines().count(), 7);

    let counts = ["report", "-o", "d.csv", "--json"];
    let counts = json(&folder.run(&counts).exits(0).stdout());
    assert_eq!((&counts["rows"], &counts["outcomes"]["started"]), (&6.into(), &2.into()));
    folder.run(&["report", "-o", "a.csv"]).exits(2).says(&["a.csv is there already"]);
    folder.run(&["report", "-o", "a.csv", "--force"]).exits(0);
    folder.run(&["report", "-o", "a.pdf"]).exits(2);
    let printed = folder.run(&["report", "-o", "-"]).exits(0).stdout();
    assert_eq!(printed, std::fs::read_to_string(folder.path("a.csv")).unwrap());
    // A reader that has seen enough is no error.
    folder.shell("PROGRAM report -o - | head -1; test ${PIPESTATUS[0]} = 0").exits(0);
}

#[test]
fn old_runs_are_removed_but_for_those_that_are_spared() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    for _ in 0..3 {
        folder.run(&["run", "tasks.csv", "--esb", &mock.url()]).exits(0);
    }
    let ids: Vec<_> = folder.runs().into_iter().map(|run| run.id).collect();
    folder.run(&["runs", "prune"]).exits(0).says(&["nothing to remove; say --keep"]);
    let young = ["runs", "prune", "--keep", "1", "--older-than", "1h"];
    assert_eq!(folder.run(&young).exits(0).stdout(), "");
    let removed = folder.run(&["runs", "prune", "--keep", "1", "--json"]).exits(0).stdout();
    assert_eq!(json(&removed)["removed"].as_array().unwrap().len(), 2);
    assert_eq!(folder.only_run().id, *ids.iter().max().unwrap());
    let removed = folder.run(&["runs", "prune", "--keep", "0"]).exits(0).stdout();
    assert!(removed.contains(folder.path("state").to_str().unwrap()), "{removed}");
    assert!(folder.runs().is_empty());
}
