//! Inputs: files that are checked first, and streams that are not.

use std::io::Write;
use std::process::Stdio;

use bk_launch::mock::{Behaviour, Mock};

use crate::harness::{Folder, in_time, until};
use crate::run::QUICK;

fn mock() -> Mock {
    Mock::start(Behaviour::default(), 0).unwrap()
}

#[test]
fn a_bad_file_is_told_row_by_row_and_starts_nothing() {
    let (mock, folder) = (mock(), Folder::new());
    let bad: String = (0..12).map(|_| "2,\u{ff11}\n").collect();
    folder
        .file("tasks.csv", format!("biz_id,task_id,scope\n2,3,cmdb\n2,4,project\n2,4,x,y\n{bad}"));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    folder.run(&words).exits(2).says(&[
        "14 of 15 rows of tasks.csv cannot be used, so nothing was started",
        "tasks.csv:2: scope must be cmdb_biz, project or empty",
        "tasks.csv:4: has 4 fields, and the header 3",
        "tasks.csv:5: task_id must be written with the digits 0 to 9",
        "and 4 more",
        "--on-invalid skip",
    ]);
    assert_eq!(mock.counts().requests, 0);
    assert!(!folder.path("r.csv").exists());

    folder.run(&[&words[..], &["--on-invalid", "skip"]].concat()).exits(1);
    let report = folder.report("r.csv");
    report.is_complete(15);
    assert_eq!(report.counts()["invalid"], 14);
    let invalid = report.line(2);
    let raw = ["bk_biz_id", "task_id", "scope"].map(|column| &*invalid[column]);
    assert_eq!(raw, ["2", "3", "cmdb"]);
    assert!(invalid["error"].starts_with("scope must be cmdb_biz"), "{}", invalid["error"]);
    assert_eq!(mock.counts().started, 1);
}

#[test]
fn every_format_and_form_is_launched() {
    let (mock, folder) = (mock(), Folder::new());
    for (name, content, line) in [
        ("a.csv", "\u{feff}TASK_ID;x,Biz_id,task_id\r\n1,2,101\r\n", 2),
        ("b.tsv", "bk_biz_id\ttask_id\tscope\n2\t102\tproject\n", 2),
        ("c.jsonl", "{\"biz_id\":2,\"task_id\":103,\"owner\":{\"a\":1}}\n", 1),
        ("d", "2,104\n", 1),
        ("e.csv", "\n\n\"2\",\"105\"\n", 3),
    ] {
        folder.file(name, content);
        let words = ["run", name, "-o", "r.csv", "--force", "--esb", &mock.url()];
        folder.run(&words).exits(0);
        assert_eq!(folder.report("r.csv").outcome(line), "started", "{name}");
    }
    assert_eq!(folder.report("r.csv").columns.len(), 19);
    assert_eq!(mock.counts().started, 5);
    folder.file("f.txt", "2,106\n");
    let words = ["run", "f.txt", "-o", "s.csv", "--esb", &mock.url()];
    folder.run(&words).exits(2).says(&["f.txt", "--format"]);
    folder.run(&[&words[..], &["--format", "csv"]].concat()).exits(0);
}

#[test]
fn a_typed_row_is_sent_while_others_are_still_being_typed() {
    let (mock, folder) = (mock(), Folder::new());
    for words in [&["run", "-"][..], &["run"]] {
        let rest = ["-o", "r.csv", "--force", "--esb", &mock.url()];
        let mut program = folder.program(&[words, &rest].concat());
        let mut run = folder.start(program.stdin(Stdio::piped()));
        let mut typing = run.child.stdin.take().unwrap();
        let before = mock.counts().starts;
        typing.write_all(b"bk_biz_id,task_id\n2,3\n").unwrap();
        until("the first row was sent", || mock.counts().starts == before + 1);
        until("its line was written", || folder.report("r.csv").lines.len() == 1);
        typing.write_all(b"2,x\n2,4").unwrap();
        drop(typing);
        run.wait().exits(1).says(&["3 rows", "1 invalid"]);
        assert_eq!(mock.counts().starts, before + 2);
        assert_eq!(folder.report("r.csv").outcome(3), "invalid");
    }
}

#[test]
fn a_named_pipe_is_a_stream() {
    let (mock, folder) = (mock(), Folder::new());
    let made = std::process::Command::new("mkfifo").arg(folder.path("pipe.csv")).status().unwrap();
    assert!(made.success());
    let words = ["run", "pipe.csv", "-o", "r.csv", "--esb", &mock.url()];
    let run = folder.start(&mut folder.program(&words));
    let pipe = folder.path("pipe.csv");
    in_time("reader of the pipe", || std::fs::write(pipe, "2,3\n2,4\n")).unwrap();
    run.wait().exits(0);
    assert_eq!(mock.counts().started, 2);
}

#[test]
fn a_long_stream_is_launched_in_full() {
    let (mock, folder) = (mock(), Folder::new());
    let words = ["run", "-o", "r.csv", "--esb", &mock.url(), "--lookahead", "7"];
    let mut program = folder.program(&[&words[..], &QUICK].concat());
    let mut run = folder.start(program.stdin(Stdio::piped()));
    let mut typing = run.child.stdin.take().unwrap();
    let list: String = (1..=3000).map(|task| format!("2,{task}\n")).collect();
    typing.write_all(list.as_bytes()).unwrap();
    drop(typing);
    run.wait().exits(0);
    assert_eq!((folder.report("r.csv").lines.len(), mock.counts().started), (3000, 3000));
    assert!(mock.counts().most_in_flight <= 7, "{}", mock.counts().most_in_flight);
}

#[test]
fn a_file_that_is_rewritten_after_its_check_is_launched_as_it_was_checked() {
    // Longer than what is read ahead of the first row, and than what memory holds.
    let list = |first: u64| -> String {
        let note = "n".repeat(4000);
        let rows = (first..first + 300).map(|task| format!("2,{task},,{note}\n"));
        format!("bk_biz_id,task_id,scope,note\n{}", rows.collect::<String>())
    };
    for journal in [&["--no-journal"][..], &[]] {
        let (mock, folder) = (mock(), Folder::new());
        folder.file("tasks.csv", list(12_001));
        let words = ["run", "tasks.csv", "-o", "r.csv", "--start-at", "+2s", "--esb", &mock.url()];
        let words = [&words[..], &QUICK, journal].concat();
        let run = folder.start(&mut folder.program(&words));
        until("the file was checked", || folder.path("r.csv").exists());
        // In place, so that the lines of the two do not lie at the same bytes.
        folder.file("tasks.csv", list(1));
        run.wait().exits(0);
        folder.report("r.csv").is_complete(300);
        let counts = mock.counts();
        assert_eq!(counts.starts, 300);
        let is_old = |task: u64| counts.tasks.contains_key(&format!("cmdb_biz/2/{task}"));
        assert!((12_001..12_301).all(is_old), "{journal:?}");
    }
}
