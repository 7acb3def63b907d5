//! Stopped in every way and resumed: what is left is finished, what is in doubt stays
//! in doubt, and lines that were written once stay as they are.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Latency, Mock, View};

use crate::harness::{Folder, HEADER, Report, Running, rows, until};

fn slow(behaviour: Behaviour) -> Mock {
    let latency = Latency::Fixed(Duration::from_millis(100));
    Mock::start(Behaviour { latency, ..behaviour }, 0).unwrap()
}

fn fault(task: u64, kind: FaultKind, times: u32) -> FirstFault {
    FirstFault { task, kind, times }
}

fn list(folder: &Folder, count: u64) {
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, count)));
}

fn begin(folder: &Folder, mock: &Mock, flags: &[&str]) -> Running {
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    folder.start(&mut folder.program(&[&words[..], flags].concat()))
}

fn line_of(report: &Report, line: u64) -> Vec<String> {
    report.columns.iter().map(|column| report.line(line)[column].clone()).collect()
}

#[test]
fn stopped_by_a_signal_the_rest_is_finished_and_old_lines_stay_as_they_are() {
    let (mock, folder) = (slow(Behaviour::default()), Folder::new());
    list(&folder, 200);
    let run = begin(&folder, &mock, &["--rate", "100/s"]);
    until("some rows are in flight", || mock.counts().starts >= 20);
    run.signal("INT");
    let stopped = run.wait().exits(130);
    let id = folder.only_run().id;
    let go_on = format!("run {id} in {}", folder.only_run().path.display());
    stopped.says(&[&go_on, &format!("go on with: bk-launch resume {id}")]);
    let before = folder.report("r.csv");
    let then = mock.counts();

    let words = ["resume", "--rate", "unlimited", "--lookahead", "7"];
    let resumed = folder.run(&words).exits(0);
    resumed.says(&[&format!("run {id}, the latest that is not finished"), "session 2"]);
    let after = folder.report("r.csv");
    after.is_complete(200);
    assert_eq!(after.counts()["started"], 200);
    assert_eq!(mock.counts().starts, 200, "nothing was sent twice");
    let settled = before.lines.iter().filter(|line| line["outcome"] == "started");
    for line in settled.map(|line| line["line"].parse().unwrap()) {
        assert_eq!(line_of(&before, line), line_of(&after, line));
    }
    assert_eq!(then.started, before.counts()["started"] as u64);

    // Finished: it says so, writes its report where asked, and ends as it did.
    let finished = folder.run(&["resume", "-o", "again.csv"]).exits(0);
    finished.says(&["is finished; nothing was sent", "200 rows: 200 started", "again.csv"]);
    let again = folder.report("again.csv");
    for line in 2..202 {
        assert_eq!(line_of(&after, line), line_of(&again, line));
    }
    assert_eq!(mock.counts().starts, 200);
}

#[test]
fn the_doubt_survives_stops_and_crashes() {
    for view in [View::Allowed, View::Denied] {
        // Ten tasks are started, and their answers are lost.
        let first = (1..=10).map(|task| fault(task, FaultKind::ResetAfter, 1)).collect();
        let mock = slow(Behaviour { first, view, ..Behaviour::default() });
        let folder = Folder::new();
        list(&folder, 30);
        let run = begin(&folder, &mock, &["--backoff", "20s..30s", "--lookahead", "12"]);
        until("all of the lookahead were sent", || mock.counts().starts >= 12);
        run.signal("KILL");
        run.wait();
        // Three sessions are stopped before they send anything.
        for flags in [&[][..], &["--retry-failed"], &[]] {
            let words = [&["resume", "--rate", "1/h", "--limit", "0"], flags].concat();
            folder.run(&words).exits(0).says(&["of the rows that were cut off may have been"]);
        }
        let run = folder.start(&mut folder.program(&["resume", "--rate", "unlimited"]));
        run.wait().exits(0);
        let report = folder.report("r.csv");
        report.is_complete(30);
        assert_eq!(report.counts()["started"], 30, "{view:?}");
        assert!((2..12).all(|line| report.line(line)["known_by"] == "resume"), "{view:?}");
        assert!(mock.counts().tasks.values().all(|task| task.accepted == 1));
    }
}

#[test]
fn stopped_at_once_after_a_crash_no_row_of_ours_is_somebody_elses() {
    let first = (1..=5).map(|task| fault(task, FaultKind::ResetAfter, 1)).collect();
    let mock = slow(Behaviour { first, ..Behaviour::default() });
    let folder = Folder::new();
    list(&folder, 10);
    let run = begin(&folder, &mock, &["--backoff", "20s..30s"]);
    until("all were sent", || mock.counts().starts >= 10);
    run.signal("KILL");
    run.wait();
    let run = folder.start(&mut folder.program(&["resume", "--rate", "1/h"]));
    until("the second session has begun", || folder.journal().sessions().unwrap().len() == 2);
    run.signal("INT");
    let code = run.wait().code();
    assert!(code == Some(130) || code.is_none(), "{code:?}");
    folder.run(&["resume", "--rate", "unlimited"]).exits(0);
    assert_eq!(folder.report("r.csv").counts()["started"], 10);
}

#[test]
fn what_somebody_else_started_long_ago_is_his_even_in_doubt() {
    // The first request for each is lost before the server sees it.
    let first = (1..=4).map(|task| fault(task, FaultKind::ResetBefore, 1)).collect();
    let started = [1, 2].into();
    let mock = slow(Behaviour { first, started, ..Behaviour::default() });
    let folder = Folder::new();
    list(&folder, 4);
    let run = begin(&folder, &mock, &["--backoff", "20s..30s"]);
    until("all were sent", || mock.counts().starts >= 4);
    run.signal("KILL");
    run.wait();
    folder.run(&["resume"]).exits(0);
    let report = folder.report("r.csv");
    let outcomes = [2, 3, 4, 5].map(|line| report.outcome(line));
    assert_eq!(outcomes, ["already_started", "already_started", "started", "started"]);
}

#[test]
fn bad_rows_are_taken_up_again_and_their_last_word_wins() {
    let first = vec![fault(2, FaultKind::Crash, 1), fault(3, FaultKind::BadGateway, 1)];
    let behaviour =
        Behaviour { first, denied: [1].into(), started: [4].into(), ..Behaviour::default() };
    let (mock, folder) = (slow(behaviour), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}2,x,\n", rows(2, 1, 5)));
    let flags = ["--retries", "0", "--on-invalid", "skip"];
    begin(&folder, &mock, &flags).wait().exits(1);
    let report = folder.report("r.csv");
    let outcomes = [2, 3, 4, 5, 6, 7].map(|line| report.outcome(line));
    let before = ["rejected", "failed", "unknown", "already_started", "started", "invalid"];
    assert_eq!(outcomes, before);
    let plain = folder.run(&["resume"]).exits(1);
    plain.says(&["is finished; nothing was sent"]);

    mock.site().change(|behaviour| behaviour.denied.clear());
    folder.run(&["resume", "--retry-failed"]).exits(1).says(&["3 tasks of 1 CMDB business"]);
    let report = folder.report("r.csv");
    report.is_complete(6);
    let known = |line| format!("{} {}", report.outcome(line), report.line(line)["attempts"]);
    assert_eq!(
        [2, 3, 4, 5, 6, 7].map(known),
        ["started 2", "started 2", "started 2", "already_started 1", "started 1", "invalid 0"]
    );
    folder.run(&["resume", "--retry-failed", "--already-started", "fail"]).exits(1);
    assert_eq!(folder.report("r.csv").line(5)["attempts"], "2");
    // The history stays in the journal.
    let journal = rusqlite::Connection::open(folder.only_run().journal()).unwrap();
    let history: Vec<String> = journal
        .prepare("SELECT outcome FROM record WHERE line = 3 ORDER BY seq")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(history, ["failed", "started"]);
}

#[test]
fn killed_while_it_takes_up_bad_rows_a_plain_resume_finishes_them() {
    let first = (1..=40).map(|task| fault(task, FaultKind::Crash, 1)).collect();
    let (mock, folder) = (slow(Behaviour { first, ..Behaviour::default() }), Folder::new());
    list(&folder, 40);
    begin(&folder, &mock, &["--retries", "0", "--rate", "unlimited"]).wait().exits(1);
    assert_eq!(folder.report("r.csv").counts()["failed"], 40);
    let words = ["resume", "--retry-failed", "--rate", "50/s"];
    let run = folder.start(&mut folder.program(&words));
    until("some were sent again", || mock.counts().starts >= 50);
    run.signal("KILL");
    run.wait();
    folder.run(&["resume", "--rate", "unlimited"]).exits(0);
    let report = folder.report("r.csv");
    report.is_complete(40);
    assert_eq!(report.counts()["started"], 40);
}

#[test]
fn killed_during_the_copy_of_the_input_there_is_no_run() {
    let (mock, folder) = (slow(Behaviour::default()), Folder::new());
    let words = ["run", "-o", "r.csv", "--esb", &mock.url()];
    let run = folder.start(folder.program(&words).stdin(Stdio::piped()));
    let state = folder.path("state/runs");
    until("its folder is there", || state.read_dir().is_ok_and(|mut all| all.next().is_some()));
    let alive = folder.run(&["runs", "prune"]).exits(0);
    assert_eq!(alive.stdout(), "", "it is alive: {alive}");
    run.signal("KILL");
    run.wait();
    folder.run(&["resume"]).exits(2).says(&["there is no run in"]);
    assert_eq!(state.read_dir().unwrap().count(), 1);
    let pruned = folder.run(&["runs", "prune"]).exits(0);
    assert!(
        pruned.stdout().starts_with("removed ") && pruned.stdout().contains(".new"),
        "{pruned}"
    );
    assert_eq!(state.read_dir().unwrap().count(), 0);
    assert_eq!(mock.counts().requests, 0);
}

#[test]
fn a_bad_file_leaves_no_folder_behind() {
    let folder = Folder::new();
    folder.file("bad.csv", "bk_biz_id,task_id\n2,x\n");
    folder.file("r.csv", "precious");
    for words in [["run", "bad.csv", "--esb", "http://h"], ["run", "no.csv", "--esb", "http://h"]] {
        folder.run(&words).exits(2);
    }
    folder.file("good.csv", "2,1\n");
    folder.run(&["run", "good.csv", "-o", "r.csv", "--esb", "http://h"]).exits(2);
    let left = folder.path("state/runs").read_dir().unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn standard_input_that_never_ended_ends_as_incomplete() {
    for signal in ["KILL", "INT"] {
        let (mock, folder) = (slow(Behaviour::default()), Folder::new());
        let words = ["run", "--esb", &mock.url(), "--rate", "20/s"];
        let mut run = folder.start(folder.program(&words).stdin(Stdio::piped()));
        let mut typing = run.child.stdin.take().unwrap();
        // The last row is torn in the middle, and never handed out.
        typing.write_all(format!("{HEADER}{}2,99", rows(2, 1, 20)).as_bytes()).unwrap();
        until("some were sent", || mock.counts().starts >= 5);
        run.signal(signal);
        run.wait();
        drop(typing);
        let resumed = folder.run(&["resume"]).exits(1);
        resumed.says(&["input incomplete: 20 rows were read"]);
        let report = Report::read(&folder.only_run().report());
        report.is_complete(20);
        assert_eq!(report.counts()["started"], 20, "{signal}");
        assert!(!mock.counts().tasks.contains_key("cmdb_biz/2/99"));
        let again = folder.run(&["resume"]).exits(1);
        again.says(&["is finished; nothing was sent", "input incomplete: 20 rows were read"]);
    }
}

#[test]
fn standard_input_of_which_all_is_settled_is_resumed_once_and_finished() {
    for signal in ["INT", "KILL"] {
        let (mock, folder) = (slow(Behaviour::default()), Folder::new());
        let words = ["run", "--esb", &mock.url()];
        let mut run = folder.start(folder.program(&words).stdin(Stdio::piped()));
        let mut typing = run.child.stdin.take().unwrap();
        typing.write_all(b"2,1\n2,2\n").unwrap();
        until("both are settled", || {
            !folder.runs().is_empty() && folder.journal().settled().unwrap().len() == 2
        });
        run.signal(signal);
        run.wait();
        drop(typing);
        for _ in 0..2 {
            let resumed = folder.run(&["resume"]).exits(1);
            resumed.says(&["is finished; nothing was sent", "input incomplete: 2 rows"]);
        }
        let listed = folder.run(&["runs"]).exits(0).stdout();
        assert!(listed.contains("finished"), "{signal}: {listed}");
        assert_eq!(mock.counts().starts, 2);
    }
}

#[test]
fn a_mended_url_finishes_what_a_wrong_one_stopped() {
    let (mock, folder) = (slow(Behaviour::default()), Folder::new());
    list(&folder, 3);
    let wrong = format!("{}/nowhere/compapi", mock.url());
    folder.run(&["run", "tasks.csv", "--esb", &wrong]).exits(3).says(&["no way to the API"]);
    folder.run(&["resume", "--esb", &mock.url()]).exits(0);
    assert_eq!(mock.counts().started, 3);
}

#[test]
fn standard_input_that_ended_is_a_whole_run() {
    let (mock, folder) = (slow(Behaviour::default()), Folder::new());
    let words = ["run", "--esb", &mock.url(), "--limit", "2"];
    let mut run = folder.start(folder.program(&words).stdin(Stdio::piped()));
    run.child.stdin.take().unwrap().write_all(b"2,1\n2,2").unwrap();
    run.wait().exits(0);
    let copy = std::fs::read_to_string(folder.only_run().input("csv")).unwrap();
    assert_eq!(copy, "2,1\n2,2\n", "with a last line end");
    let words = ["run", "--esb", &mock.url(), "--rate", "10/s"];
    let mut run = folder.start(folder.program(&words).stdin(Stdio::piped()));
    run.child.stdin.take().unwrap().write_all(rows(2, 11, 20).as_bytes()).unwrap();
    until("some were sent", || mock.counts().starts >= 6);
    run.signal("TERM");
    run.wait().exits(143);
    folder.run(&["resume", "--rate", "unlimited"]).exits(0);
    assert_eq!(mock.counts().started, 22);
}

#[test]
fn mended_credentials_finish_what_a_refusal_stopped() {
    let mock = slow(Behaviour { auth_after: Some(10), ..Behaviour::default() });
    let folder = Folder::new();
    list(&folder, 40);
    begin(&folder, &mock, &["--rate", "unlimited"]).wait().exits(3).says(&["go on with"]);
    let report = folder.report("r.csv");
    report.is_complete(40);
    let started = mock.counts().started;
    assert_eq!(report.counts()["started"] as u64, started);
    folder.run(&["resume"]).exits(3);
    mock.site().change(|behaviour| {
        behaviour.auth_after = None;
        behaviour.secret = Some("mended".into());
    });
    let mut program = folder.program(&["resume"]);
    folder.start(program.env("BK_APP_SECRET", "mended")).wait().exits(0);
    let report = folder.report("r.csv");
    report.is_complete(40);
    assert_eq!(report.counts()["started"], 40);
}

#[test]
fn another_server_is_refused_once_anything_was_sent() {
    let (mock, other, folder) =
        (slow(Behaviour::default()), slow(Behaviour::default()), Folder::new());
    list(&folder, 10);
    begin(&folder, &mock, &["--limit", "4"]).wait().exits(0);
    let words = ["resume", "--esb", &other.url()];
    folder.run(&words).exits(2).says(&["another server", "--target-changed"]);
    assert_eq!(other.counts().requests, 0);
    let limited = [&words[..], &["--target-changed", "--limit", "3"]].concat();
    folder.run(&limited).exits(0);
    assert_eq!(other.counts().started, 3);
    // From now on that is the run's server.
    folder.run(&["resume"]).exits(0);
    assert_eq!((mock.counts().started, other.counts().started), (4, 6));
}

#[test]
fn before_anything_was_sent_another_server_is_taken() {
    let (mock, folder) = (slow(Behaviour::default()), Folder::new());
    list(&folder, 3);
    let words = ["run", "tasks.csv", "--esb", "http://127.0.0.1:9", "--limit", "0"];
    folder.run(&words).exits(0);
    folder.run(&["resume", "--esb", &mock.url()]).exits(0);
    assert_eq!(mock.counts().started, 3);
}

#[test]
fn a_run_that_is_alive_is_left_alone() {
    let (mock, folder) = (slow(Behaviour::default()), Folder::new());
    list(&folder, 100);
    let run = begin(&folder, &mock, &["--rate", "5/s"]);
    until("it has begun", || mock.counts().starts >= 1);
    let pid = format!("process {} works on it", run.child.id());
    folder.run(&["resume"]).exits(5).says(&["is still alive", &pid]);
    let listed = folder.run(&["runs"]).exits(0).stdout();
    assert!(listed.contains("running"), "{listed}");
    let pruned = folder.run(&["runs", "prune", "--keep", "0"]).exits(0);
    assert_eq!(pruned.stdout(), "", "{pruned}");
    // Its report can be written all the same.
    folder.run(&["report", "-o", "now.csv"]).exits(0);
    folder.report("now.csv").is_complete(100);
    run.signal("INT");
    run.wait().exits(130);
}

#[test]
fn of_two_resumes_at_the_same_time_one_is_turned_away() {
    let (mock, folder) = (slow(Behaviour::default()), Folder::new());
    list(&folder, 30);
    begin(&folder, &mock, &["--limit", "1"]).wait().exits(0);
    let words = ["resume", "--rate", "20/s"];
    let both = [(); 2].map(|()| folder.start(&mut folder.program(&words)));
    let mut codes = both.map(|run| run.wait().code().unwrap());
    codes.sort_unstable();
    assert_eq!(codes, [0, 5]);
    assert_eq!(mock.counts().starts, 30);
}

#[test]
fn a_dry_run_and_a_check_of_a_resume_send_nothing() {
    let (mock, folder) = (slow(Behaviour::default()), Folder::new());
    list(&folder, 10);
    begin(&folder, &mock, &["--limit", "4", "--rate", "7/s"]).wait().exits(0);
    let told = folder.run(&["resume", "--dry-run"]).exits(0).stdout();
    assert!(told.contains("6 tasks of 1 CMDB business") && told.contains("at 7/s"), "{told}");
    assert!(told.contains("rows: 10 (4 are settled, 6 to start"), "{told}");
    folder
        .run(&["resume", "--check"])
        .exits(0)
        .says(&["passed: URL, credentials and the right to view are proved", "5 of 5 rows"]);
    mock.site().change(|behaviour| behaviour.missing = [5].into());
    folder.run(&["resume", "--check"]).exits(0).says(&["warning: tasks.csv:6: task 5 of business"]);
    assert_eq!(mock.counts().starts, 4);
}
