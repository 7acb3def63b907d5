//! The report as a file: its columns, its safety, and what happens when it
//! cannot be written.

use std::process::Command;

use serde_json::Value;

use crate::harness::{QUICK, in_time, launch, list, scene, until};

#[test]
fn columns_stand_in_the_promised_order() {
    let run = launch("note,bk_biz_id,message,task_id\n=1+1,2,hello,3\n").exits(0);
    assert_eq!(
        run.report().columns.join(","),
        "line,bk_biz_id,task_id,scope,outcome,known_by,result,code,message,task_url,request_id,\
         trace_id,client_request_id,http_status,error,attempts,started_at,latency_ms,elapsed_ms,\
         note,input.message"
    );
    let row = run.row(2).has("note input.message", ["'=1+1", "hello"]);
    let stamp = &row["started_at"];
    assert_eq!((stamp.len(), &stamp[10..11], &stamp[19..20]), (29, "T", "."), "{stamp}");
    stamp.parse::<jiff::Timestamp>().unwrap();
}

#[test]
fn a_report_is_a_valid_input_and_carries_the_further_columns() {
    let scene = scene("bk_biz_id,task_id,note\n2,3,=a\n2,4,b\n");
    scene.run().report("one.csv").exits(0);
    scene.run().input("one.csv").report("two.tsv").exits(0);
    let two = scene.read("two.tsv");
    assert!(two.lines().next().unwrap().ends_with("elapsed_ms\tnote"), "{two}");
    assert!(two.contains("\talready_started\t") && two.contains("\t'=a\n"), "{two}");
}

#[test]
fn a_report_is_overwritten_only_when_asked() {
    let scene = scene("2,3\n");
    scene.file("r.csv", "precious");
    let refused = scene.run().exits(2).says(["r.csv is there already", "--force"]);
    assert_eq!(scene.read("r.csv"), "precious");
    refused.server_saw(|seen| seen.requests, 0);
    scene.run().with("--force").exits(0).row(1).is("started", "reply");
}

#[test]
fn lines_are_there_while_the_run_goes_on() {
    let scene = scene(list(100));
    let run = scene.run().with("--rate 5/s").start();
    until("a line of a running launch is written", || {
        scene.has("r.csv") && !scene.report("r.csv").lines.is_empty()
    });
    run.signal("TERM").exits(143).reports_all(100);
}

#[test]
fn a_report_that_cannot_be_written_drains_the_run() {
    let scene = scene(list(5000));
    let run = scene.run().report("/dev/full").with("--rate 1000/s").exits(6);
    // Not even its head could be written.
    run.says(["cannot write the report /dev/full", "No space left"])
        .server_saw(|seen| seen.starts, 0);

    // A file that may grow to 16 KiB: the head fits, and some lines.
    let line = "ulimit -f 16; exec PROGRAM run tasks.csv -o r.csv --esb URL --rate 2000/s \
                --no-journal";
    scene.shell(line).exits(6).says("cannot write the report r.csv");
    let starts = scene.seen().starts;
    assert!(starts > 0 && starts < 5000, "the run stopped: {starts} starts");
}

#[test]
fn a_task_is_started_once_however_often_it_stands_in_the_list() {
    launch("2,3\n2,4\n 02,003,cmdb_biz\n2,3\n")
        .with(QUICK)
        .exits(0)
        .reports_in_order(["started", "started", "duplicate", "duplicate"])
        .server_saw(|seen| seen.tasks["cmdb_biz/2/3"].requests, 1);
}

#[test]
fn one_run_writes_several_reports_and_each_is_a_valid_input() {
    let scene = scene("bk_biz_id,task_id,note\n2,3,=a\n2,4,b\n2,x,c\n");
    scene.run().with("-o r.jsonl -o r.tsv --on-invalid skip").exits(1);
    let json = scene.read("r.jsonl");
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let first = lines.iter().find(|line| line["line"] == 2).unwrap();
    assert_eq!((&first["task_id"], &first["result"]), (&3.into(), &true.into()));
    assert_eq!((&first["note"], &first["error"]), (&"=a".into(), &Value::Null));
    assert_eq!(first.as_object().unwrap().len(), 20);
    for (report, again) in [("r.csv", "2.csv"), ("r.jsonl", "3.csv"), ("r.tsv", "4.csv")] {
        let run = scene.run().input(report).report(again).with("--on-invalid skip").exits(1);
        let again = run.reports(2, "already_started").report();
        assert_eq!(again.columns.len(), 20, "{report}: {:?}", again.columns);
        let notes: Vec<_> = again.lines.iter().map(|line| &*line["note"]).collect();
        assert!(notes.contains(&"'=a"), "{report}: {notes:?}");
    }
}

#[test]
fn a_report_on_standard_output_may_be_cut_short() {
    let scene = scene(list(500));
    let to_stdout = || scene.run().report("-");
    let run = to_stdout().with(QUICK).exits(0);
    assert_eq!(run.stdout().lines().count(), 501);

    let closed = |flags: &str| {
        let mut run = to_stdout().with(flags).start();
        drop(run.child.stdout.take());
        run
    };
    closed("-o r.csv --rate unlimited --backoff 1ms..20ms").exits(0);
    scene.report("r.csv").is_complete(500);
    closed("--rate 500/s").exits(0);
    closed("--rate 500/s --no-journal").exits(6).says("standard output");
}

#[test]
fn a_pipe_and_a_device_need_no_force() {
    let scene = scene("2,3\n");
    scene.run().report("/dev/null").exits(0);
    let pipe = scene.path("p.csv");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let run = scene.run().report("p.csv").start();
    let read = in_time("writer of the pipe", || std::fs::read_to_string(pipe)).unwrap();
    run.exits(0);
    assert_eq!(read.lines().count(), 2, "{read}");
}
