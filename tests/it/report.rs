//! The report as a file: its columns, its safety, and what happens when it
//! cannot be written.

use bk_launch::mock::{Behaviour, Mock};

use crate::harness::{Folder, HEADER, in_time, rows, until};
use crate::run::QUICK;

fn mock() -> Mock {
    Mock::start(Behaviour::default(), 0).unwrap()
}

#[test]
fn columns_stand_in_the_promised_order() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "note,bk_biz_id,message,task_id\n=1+1,2,hello,3\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    folder.run(&words).exits(0);
    let report = folder.report("r.csv");
    assert_eq!(
        report.columns.join(","),
        "line,bk_biz_id,task_id,scope,outcome,known_by,result,code,message,task_url,request_id,\
         trace_id,client_request_id,http_status,error,attempts,started_at,latency_ms,elapsed_ms,\
         note,input.message"
    );
    let line = report.line(2);
    assert_eq!((&*line["note"], &*line["input.message"]), ("'=1+1", "hello"));
    let stamp = &line["started_at"];
    assert_eq!((stamp.len(), &stamp[10..11], &stamp[19..20]), (29, "T", "."), "{stamp}");
    stamp.parse::<jiff::Timestamp>().unwrap();
}

#[test]
fn a_report_is_a_valid_input_and_carries_the_further_columns() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "bk_biz_id,task_id,note\n2,3,=a\n2,4,b\n");
    folder.run(&["run", "tasks.csv", "-o", "one.csv", "--esb", &mock.url()]).exits(0);
    folder.run(&["run", "one.csv", "-o", "two.tsv", "--esb", &mock.url()]).exits(0);
    let two = std::fs::read_to_string(folder.path("two.tsv")).unwrap();
    assert!(two.lines().next().unwrap().ends_with("elapsed_ms\tnote"), "{two}");
    assert!(two.contains("\talready_started\t") && two.contains("\t'=a\n"), "{two}");
}

#[test]
fn a_report_is_overwritten_only_when_asked() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,3\n");
    folder.file("r.csv", "precious");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    folder.run(&words).exits(2).says(&["r.csv is there already", "--force"]);
    assert_eq!(std::fs::read_to_string(folder.path("r.csv")).unwrap(), "precious");
    assert_eq!(mock.counts().requests, 0, "nothing was sent");
    folder.run(&[&words[..], &["--force"]].concat()).exits(0);
    assert_eq!(folder.report("r.csv").outcome(1), "started");
}

#[test]
fn lines_are_there_while_the_run_goes_on() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 100)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url(), "--rate", "5/s"];
    let run = folder.start(&mut folder.program(&words));
    until("a line of a running launch is written", || {
        folder.path("r.csv").exists() && !folder.report("r.csv").lines.is_empty()
    });
    run.signal("TERM");
    run.wait().exits(143);
    folder.report("r.csv").is_complete(100);
}

#[test]
fn a_report_that_cannot_be_written_drains_the_run() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 5000)));
    let words = ["run", "tasks.csv", "-o", "/dev/full", "--esb", &mock.url(), "--rate", "1000/s"];
    folder.run(&words).exits(6).says(&["cannot write the report /dev/full", "No space left"]);
    assert_eq!(mock.counts().starts, 0, "not even its head could be written");

    // A file that may grow to 16 KiB: the head fits, and some lines.
    let limited = format!(
        "ulimit -f 16; exec {} run tasks.csv -o r.csv --esb {} --rate 2000/s --no-journal",
        env!("CARGO_BIN_EXE_bk-launch"),
        mock.url()
    );
    let mut shell = std::process::Command::new("bash");
    let program = folder.program(&[]);
    shell.args(["-c", &limited]).current_dir(folder.path("")).env_clear();
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    folder.start(&mut shell).wait().exits(6).says(&["cannot write the report r.csv"]);
    let starts = mock.counts().starts;
    assert!(starts > 0 && starts < 5000, "the run stopped: {starts} starts");
}

#[test]
fn a_task_is_started_once_however_often_it_stands_in_the_list() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,3\n2,4\n 02,003,cmdb_biz\n2,3\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    folder.run(&[&words[..], &QUICK].concat()).exits(0);
    let report = folder.report("r.csv");
    assert_eq!(report.counts()["duplicate"], 2);
    assert_eq!((report.outcome(1), report.outcome(4)), ("started", "duplicate"));
    assert_eq!(mock.counts().tasks["cmdb_biz/2/3"].requests, 1);
}

#[test]
fn one_run_writes_several_reports_and_each_is_a_valid_input() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "bk_biz_id,task_id,note\n2,3,=a\n2,4,b\n2,x,c\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "-o", "r.jsonl", "-o", "r.tsv"];
    let rest = ["--on-invalid", "skip", "--esb", &mock.url()];
    folder.run(&[&words[..], &rest].concat()).exits(1);
    let json = std::fs::read_to_string(folder.path("r.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let first = lines.iter().find(|line| line["line"] == 2).unwrap();
    assert_eq!((&first["task_id"], &first["result"]), (&3.into(), &true.into()));
    assert_eq!((&first["note"], &first["error"]), (&"=a".into(), &serde_json::Value::Null));
    assert_eq!(first.as_object().unwrap().len(), 20);
    for (report, again) in [("r.csv", "2.csv"), ("r.jsonl", "3.csv"), ("r.tsv", "4.csv")] {
        let words = ["run", report, "-o", again, "--on-invalid", "skip", "--esb", &mock.url()];
        folder.run(&words).exits(1);
        let again = folder.report(again);
        assert_eq!(again.columns.len(), 20, "{report}: {:?}", again.columns);
        let notes: Vec<_> = again.lines.iter().map(|line| &*line["note"]).collect();
        assert!(notes.contains(&"'=a"), "{report}: {notes:?}");
        assert_eq!(again.counts()["already_started"], 2, "{report}");
    }
}

#[test]
fn a_report_on_standard_output_may_be_cut_short() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 500)));
    let words = ["run", "tasks.csv", "-o", "-", "--esb", &mock.url()];
    let run = folder.run(&[&words[..], &QUICK].concat()).exits(0);
    assert_eq!(run.stdout().lines().count(), 501);

    let words = ["run", "tasks.csv", "-o", "-", "-o", "r.csv", "--esb", &mock.url()];
    let mut run = folder.start(&mut folder.program(&[&words[..], &QUICK].concat()));
    drop(run.child.stdout.take());
    run.wait().exits(0);
    folder.report("r.csv").is_complete(500);

    let words = ["run", "tasks.csv", "-o", "-", "--esb", &mock.url(), "--rate", "500/s"];
    let mut run = folder.start(&mut folder.program(&words));
    drop(run.child.stdout.take());
    run.wait().exits(0);
    let mut run = folder.start(&mut folder.program(&[&words[..], &["--no-journal"]].concat()));
    drop(run.child.stdout.take());
    run.wait().exits(6).says(&["standard output"]);
}

#[test]
fn a_pipe_and_a_device_need_no_force() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,3\n");
    folder.run(&["run", "tasks.csv", "-o", "/dev/null", "--esb", &mock.url()]).exits(0);
    let made = std::process::Command::new("mkfifo").arg(folder.path("p.csv")).status().unwrap();
    assert!(made.success());
    let words = ["run", "tasks.csv", "-o", "p.csv", "--esb", &mock.url()];
    let run = folder.start(&mut folder.program(&words));
    let pipe = folder.path("p.csv");
    let read = in_time("writer of the pipe", || std::fs::read_to_string(pipe)).unwrap();
    run.wait().exits(0);
    assert_eq!(read.lines().count(), 2, "{read}");
}
