//! Inputs: files that are checked first, and streams that are not.

use std::process::Command;

use crate::harness::{QUICK, Scene, bare_list, in_time, launch, scene, until};

#[test]
fn a_bad_file_is_told_row_by_row_and_starts_nothing() {
    let bad: String = (0..12).map(|_| "2,\u{ff11}\n").collect();
    let scene = scene(format!("biz_id,task_id,scope\n2,3,cmdb\n2,4,project\n2,4,x,y\n{bad}"));
    let refused = scene.run().exits(2).says([
        "14 of 15 rows of tasks.csv cannot be used, so nothing was started",
        "tasks.csv:2: scope must be cmdb_biz, project or empty",
        "tasks.csv:4: has 4 fields, and the header 3",
        "tasks.csv:5: task_id must be written with the digits 0 to 9",
        "and 4 more",
        "--on-invalid skip",
    ]);
    refused.server_saw(|seen| seen.requests, 0);
    assert!(!scene.has("r.csv"));

    let skipped = scene
        .run()
        .with("--on-invalid skip")
        .exits(1)
        .reports_all(15)
        .reports(14, "invalid")
        .server_saw(|seen| seen.started, 1);
    let invalid = skipped.row(2).has("bk_biz_id task_id scope", ["2", "3", "cmdb"]);
    assert!(invalid["error"].starts_with("scope must be cmdb_biz"), "{}", &invalid["error"]);
}

#[test]
fn every_format_and_form_is_launched() {
    let scene = Scene::new();
    for (name, content, line) in [
        ("a.csv", "\u{feff}TASK_ID;x,Biz_id,task_id\r\n1,2,101\r\n", 2),
        ("b.tsv", "bk_biz_id\ttask_id\tscope\n2\t102\tproject\n", 2),
        ("c.jsonl", "{\"biz_id\":2,\"task_id\":103,\"owner\":{\"a\":1}}\n", 1),
        ("d", "2,104\n", 1),
        ("e.csv", "\n\n\"2\",\"105\"\n", 3),
    ] {
        scene.file(name, content);
        scene.run().input(name).with("--force").exits(0).row(line).is("started", "reply");
    }
    assert_eq!(scene.report("r.csv").columns.len(), 19);
    assert_eq!(scene.seen().started, 5);
    scene.file("f.txt", "2,106\n");
    let text = scene.run().input("f.txt").report("s.csv");
    text.clone().exits(2).says(["f.txt", "--format"]);
    text.with("--format csv").exits(0);
}

#[test]
fn a_typed_row_is_sent_while_others_are_still_being_typed() {
    let scene = Scene::new();
    for words in ["run -", "run"] {
        let before = scene.seen().starts;
        let run = scene.command(words).by_esb().report("r.csv").with("--force");
        let mut run = run
            .typing("bk_biz_id,task_id\n2,3\n")
            .start()
            .once("the first row was sent", |seen| seen.starts == before + 1);
        until("its line was written", || scene.report("r.csv").lines.len() == 1);
        run.types("2,x\n2,4");
        run.hangs_up()
            .exits(1)
            .says(["3 rows", "1 invalid"])
            .server_saw(|seen| seen.starts, before + 2)
            .row(3)
            .is("invalid", "");
    }
}

#[test]
fn a_named_pipe_is_a_stream() {
    let scene = Scene::new();
    let pipe = scene.path("pipe.csv");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let run = scene.run().input("pipe.csv").start();
    in_time("reader of the pipe", || std::fs::write(pipe, "2,3\n2,4\n")).unwrap();
    let run = run.exits(0).server_saw(|seen| seen.started, 2);
    let first = "waiting for a program that writes to the named pipe pipe.csv\n";
    assert!(run.stderr().starts_with(first), "{run}");
}

#[test]
fn a_long_stream_is_launched_in_full() {
    let run = Scene::new().run().piped(bare_list(3000)).with("--lookahead 7").with(QUICK).exits(0);
    let run = run.server_saw(|seen| seen.started, 3000);
    assert_eq!(run.report().lines.len(), 3000);
    let most = run.scene().seen().most_in_flight;
    assert!(most <= 7, "{most}");
}

#[test]
fn a_file_that_is_rewritten_after_its_check_is_launched_as_it_was_checked() {
    // Longer than what is read ahead of the first row, and than what memory holds.
    let list = |first: u64| -> String {
        let note = "n".repeat(4000);
        let rows = (first..first + 300).map(|task| format!("2,{task},,{note}\n"));
        format!("bk_biz_id,task_id,scope,note\n{}", rows.collect::<String>())
    };
    for journal in ["--no-journal", ""] {
        let run = launch(list(12_001)).with("--start-at +2s").with(QUICK).with(journal);
        let (scene, run) = (run.scene(), run.start());
        until("the file was checked", || scene.has("r.csv"));
        // In place, so that the lines of the two do not lie at the same bytes.
        scene.file("tasks.csv", list(1));
        run.exits(0).reports_all(300);
        let counts = scene.seen();
        assert_eq!(counts.starts, 300);
        let is_old = |task: u64| counts.tasks.contains_key(&format!("cmdb_biz/2/{task}"));
        assert!((12_001..12_301).all(is_old), "{journal:?}");
    }
}
