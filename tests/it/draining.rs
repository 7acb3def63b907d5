//! Stopping in order: what is in flight is waited for, and the report is true.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Latency, Mock};

use crate::harness::{Folder, HEADER, rows, until};

fn slow(first: Vec<FirstFault>) -> Mock {
    let latency = Latency::Fixed(Duration::from_millis(300));
    Mock::start(Behaviour { latency, first, ..Behaviour::default() }, 0).unwrap()
}

#[test]
fn each_signal_drains_and_the_report_is_complete_and_true() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let (mock, folder) = (slow(Vec::new()), Folder::new());
        folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 400)));
        let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url(), "--rate", "100/s"];
        let run = folder.start(&mut folder.program(&words));
        until("some rows are in flight", || mock.counts().starts >= 20);
        run.signal(signal);
        let name = format!("SIG{signal}: nothing new is sent");
        run.wait().exits(code).says(&[&name, &format!("stopped: by SIG{signal}")]);

        let report = folder.report("r.csv");
        report.is_complete(400);
        let (counts, started) = (report.counts(), mock.counts().started);
        assert_eq!(counts["started"] as u64, started, "{counts:?}");
        assert_eq!(counts["pending"] as u64, 400 - started, "{counts:?}");
        assert_eq!(mock.counts().starts, started, "each was sent once");
    }
}

#[test]
fn a_row_that_waits_for_a_retry_is_cut_off_by_what_is_known_of_it() {
    let fault = |task, kind| FirstFault { task, kind, times: 1 };
    let first = vec![fault(1, FaultKind::ResetAfter), fault(2, FaultKind::Crash)];
    let mock = Mock::start(Behaviour { first, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 3)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url(), "--backoff", "20s..30s"];
    let words = [&words[..], &["--no-journal"]].concat();
    let run = folder.start(&mut folder.program(&words));
    until("all were sent", || mock.counts().starts == 3);
    until("the third is done", || !folder.report("r.csv").lines.is_empty());
    let begun = Instant::now();
    run.signal("INT");
    run.wait().exits(130);
    assert!(begun.elapsed() < Duration::from_secs(15), "a wait for a retry ends at once");
    let report = folder.report("r.csv");
    let outcomes = [2, 3, 4].map(|line| report.outcome(line));
    assert_eq!(outcomes, ["unknown", "pending", "started"]);
    assert_eq!(report.line(2)["error"], "ambiguous");
    assert_eq!(report.line(3)["attempts"], "1");
}

#[test]
fn a_second_signal_stops_at_once() {
    let first = vec![FirstFault { task: 1, kind: FaultKind::Hang, times: 9 }];
    let (mock, folder) = (slow(first), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 2)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--no-journal", "--esb", &mock.url()];
    let run = folder.start(&mut folder.program(&words));
    until("both were sent", || mock.counts().starts == 2);
    until("the second is done", || !folder.report("r.csv").lines.is_empty());
    run.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    run.signal("TERM");
    run.wait().exits(143).says(&["SIGTERM: stopped at once", "may have been started"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "and not as long as --timeout");
    assert_eq!(folder.report("r.csv").outcome(3), "started", "what was settled is written");
}

#[test]
fn of_a_stream_what_was_read_is_pending_and_nothing_more_is_read() {
    let (mock, folder) = (slow(Vec::new()), Folder::new());
    let words = ["run", "-o", "r.csv", "--esb", &mock.url(), "--rate", "1/s"];
    let mut program = folder.program(&words);
    let mut run = folder.start(program.stdin(Stdio::piped()));
    let mut typing = run.child.stdin.take().unwrap();
    typing.write_all(format!("{HEADER}{}", rows(2, 1, 5)).as_bytes()).unwrap();
    until("the first was sent", || mock.counts().starts == 1);
    // The pipe stays open: nobody knows whether more will come.
    run.signal("INT");
    run.wait().exits(130);
    let report = folder.report("r.csv");
    report.is_complete(5);
    assert_eq!((report.counts()["started"], report.counts()["pending"]), (1, 4));
    drop(typing);
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let (mock, folder) = (slow(Vec::new()), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 12)));
    let line = format!(
        "trap '' HUP; exec {} run tasks.csv -o r.csv --esb {} --rate 10/s",
        env!("CARGO_BIN_EXE_bk-launch"),
        mock.url()
    );
    let mut shell = std::process::Command::new("sh");
    let program = folder.program(&[]);
    shell.args(["-c", &line]).current_dir(folder.path("")).env_clear();
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = folder.start(&mut shell);
    until("some were sent", || mock.counts().starts >= 3);
    run.signal("HUP");
    run.wait().exits(0);
    assert_eq!(mock.counts().started, 12);
}
