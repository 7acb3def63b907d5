//! A look before anything is sent: the plan, and a first few rows.

use std::net::TcpListener;

use crate::harness::{HEADER, Outcome, Scene, launch, list, rows, scene, slow};

#[test]
fn a_dry_run_tells_everything_and_sends_nothing() {
    let scene = scene("2,3\n2,4\n3,5,project\n2,3\n");
    let plan = scene.run_kept().with("--dry-run --rate 2/s").exits(0).prints([
        "3 tasks of 1 business and 1 project at 127.0.0.1:",
        " as app app (token) at 2/s: at least 2 s",
        "rows: 4 (3 to start, 1 duplicate, 0 that cannot be used)",
        "business 2: 2",
        "rate = 2/s (command line)",
        "retries = 4 (default)",
        "BK_TOKEN is set (environment)",
        "POST http://127.0.0.1",
        "\"bk_app_secret\":\"***\"",
    ]);
    let page = plan.stdout();
    plan.never_prints(["s3cret", "t0ken"]).server_saw(|seen| seen.requests, 0);
    let (chosen, defaults) = page.split_once("BK_TOKEN is set").unwrap();
    assert!(!chosen.contains("(default)") && !defaults.contains("(command line)"), "defaults last");
    scene.file("bad.csv", "bk_biz_id,task_id\n2,x\n");
    let bad = scene.run_kept().input("bad.csv").with("--dry-run");
    bad.exits(2).says("bad.csv:2: task_id");
    assert_eq!(std::fs::read_dir(scene.path("")).unwrap().count(), 2, "no file was made");
}

#[test]
fn a_resume_tells_what_was_typed_from_what_the_run_kept() {
    let scene = scene("2,3\n2,4\n");
    scene.run_kept().with("--limit 1 --retries 2").exits(0);
    let plan = scene.resume().with("--rate 9/s --dry-run").exits(0).prints([
        "rate = 9/s (command line)",
        "dry-run = true (command line)",
        "retries = 2 (kept from the run)",
        "backoff = 500ms..30s (kept from the run)",
        "stage-ask = false (default)",
    ]);
    plan.prints(format!("esb = {} (kept from the run)", scene.url()));
}

#[test]
fn scopes_that_are_null_are_counted_in_the_plan() {
    let scene = Scene::new();
    scene.file("tasks.tsv", "2\t3\tNULL\n2\t4\t\\N\n3\t5\tproject\n3\t6\t\n");
    scene.file("one.tsv", "2\t7\tNULL\n");
    scene.file("none.tsv", "2\t8\tproject\n");
    let first_line = |name: &str| {
        let run = scene.run().input(name).with("--force").exits(0);
        run.stderr().lines().take(2).collect::<Vec<_>>().join("\n")
    };
    let two = first_line("tasks.tsv");
    assert!(two.contains("\n  2 rows have no scope (NULL), which means cmdb_biz"), "{two}");
    let one = first_line("one.tsv");
    assert!(one.contains("\n  1 row has no scope (NULL), which means cmdb_biz"), "{one}");
    assert!(!first_line("none.tsv").contains("NULL"));
    let line = "cat tasks.tsv | PROGRAM run - --format tsv --dry-run --esb http://127.0.0.1:9";
    scene.shell(line).exits(0).prints("; 2 rows have no scope (NULL)");
    let tasks = scene.seen().tasks.into_keys().collect::<Vec<_>>();
    let expected = ["2/3", "2/4", "2/7", "3/6"].map(|task| format!("cmdb_biz/{task}"));
    assert_eq!(tasks[..4], expected);
    assert_eq!(tasks[4..], ["project/2/8", "project/3/5"]);
}

#[test]
fn before_a_launch_one_line_says_what_will_happen() {
    let run = launch("2,3\n").exits(0);
    let first = run.stderr().lines().next().unwrap().to_owned();
    assert!(first.starts_with("1 task of 1 business at 127.0.0.1:"), "{run}");
    assert!(!first.contains("http"), "the host alone: {run}");
    let run = launch("2,3\n3,4\n3,5,project\n").with("--stop-at +1h").exits(0);
    let told = run.stderr().split_once("\nrun ").unwrap().0.to_owned();
    assert!(told.contains("\n  until "), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
}

#[test]
fn a_list_of_which_no_row_can_be_launched_is_called_that() {
    let bad = launch(format!("{HEADER}2,x\ny,3\n")).with("--on-invalid skip");
    let bad = bad.exits(1).reports(2, "invalid");
    let first = bad.stderr().lines().next().unwrap().to_owned();
    assert_eq!(first, "no row can be used: nothing to start", "{bad}");
    let scene = scene("2,1\n");
    scene.run_kept().exits(0);
    scene.resume().with("--dry-run").exits(0).prints("no row is left to start\n");
}

#[test]
fn what_keeps_a_check_and_a_run_from_the_server_is_called_the_same() {
    let scene = scene("2,3\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let elsewhere = format!("{}/elsewhere", scene.url());
    for (url, said) in [
        (&closed, "the server was never reached: no connection"),
        (&elsewhere, "the URL does not lead to bk-sops: "),
    ] {
        let run = || scene.run().at(url).with("--force --retries 0");
        let check = run().with("--check").exits(3).says(said);
        let run = run().exits(3).says(said);
        let why = |said_by: &Outcome| {
            let told = said_by.stderr();
            let (_, why) = told.split_once(said).unwrap();
            why.lines().take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(why(&check), why(&run), "{check}{run}");
    }
}

#[test]
fn a_limit_launches_the_first_rows_and_leaves_the_others_pending() {
    let run = launch(format!("{HEADER}2,x\n2,1\n{}", rows(2, 1, 9)))
        .with("--limit 3 --on-invalid skip")
        .exits(1)
        .reports_all(11)
        .reports(1, "invalid")
        .reports(1, "duplicate")
        .reports(6, "pending");
    let run = run.says(["3 of 9 tasks of", "--limit: 3 of 9 rows launched; 6 left pending"]);
    let report = run.report();
    let started: Vec<_> = report.of("started").map(|line| &*line["line"]).collect();
    assert_eq!(started, ["3", "5", "6"]);
    // Those that are left come last, in the order of the list.
    let last: Vec<_> = report.lines[5..].iter().map(|line| &*line["line"]).collect();
    assert_eq!(last, ["7", "8", "9", "10", "11", "12"][..]);
    let scene = run.scene();
    scene.file("good.csv", format!("{HEADER}{}", rows(2, 11, 3)));
    let good = scene.run().input("good.csv").report("s.csv").with("--limit 2");
    good.exits(0).server_saw(|seen| seen.started, 5);
}

#[test]
fn a_limit_is_explained_after_a_stop_too() {
    // All that may be launched is on its way when the stop comes.
    let run = launch(list(9)).against(slow(1_000)).with("--limit 3 --rate unlimited");
    let stopped = run.start().once_sent(3).signal("TERM").exits(143);
    stopped.reports(3, "started").reports(6, "pending").says([
        "9 rows: 3 started, 6 pending",
        "\n  --limit: 3 of 9 rows launched; 6 left pending\n",
        "\nstopped: by SIGTERM\n",
    ]);
    // Rows within the limit wait for their turn when the stop comes.
    let run = launch(list(9)).with("--limit 3 --rate 1/h");
    let stopped = run.start().once_sent(1).signal("TERM").exits(143);
    stopped
        .says("9 rows: 1 started, 8 pending")
        .says("\nstopped: by SIGTERM\n")
        .never_says("rows launched");
}
