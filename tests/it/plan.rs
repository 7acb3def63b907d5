//! A look before anything is sent: the plan, and a first few rows.

use std::net::TcpListener;

use bk_launch::mock::{Behaviour, Mock};

use crate::harness::{Folder, HEADER, rows};

#[test]
fn a_dry_run_tells_everything_and_sends_nothing() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,3\n2,4\n3,5,project\n2,3\n");
    let words = ["run", "tasks.csv", "--dry-run", "--rate", "2/s", "--esb", &mock.url()];
    let plan = folder.run(&words).exits(0);
    let told = plan.stdout();
    for part in [
        "3 tasks of 1 CMDB business and 1 project at http://127.0.0.1",
        "the token's user, by app app, at 2/s: at least 2 s",
        "rows: 4 (3 to start, 1 duplicates, 0 that cannot be used)",
        "business 2: 2",
        "rate = 2/s (command line)",
        "retries = 4 (default)",
        "BK_TOKEN is set (environment)",
        "POST http://127.0.0.1",
        "\"bk_app_secret\":\"***\"",
    ] {
        assert!(told.contains(part), "{part:?} in {plan}");
    }
    assert!(!told.contains("s3cret") && !told.contains("t0ken"), "{plan}");
    assert_eq!(mock.counts().requests, 0);
    folder.file("bad.csv", "bk_biz_id,task_id\n2,x\n");
    let bad = ["run", "bad.csv", "--dry-run", "--esb", &mock.url()];
    folder.run(&bad).exits(2).says(&["bad.csv:2: task_id"]);
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 2, "no file was made");
}

#[test]
fn scopes_that_are_null_are_counted_in_the_plan() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.tsv", "2\t3\tNULL\n2\t4\t\\N\n3\t5\tproject\n3\t6\t\n");
    folder.file("one.tsv", "2\t7\tNULL\n");
    folder.file("none.tsv", "2\t8\tproject\n");
    let run = |name: &str| {
        let words = ["run", name, "-o", "r.csv", "--force", "--esb", &mock.url()];
        let run = folder.run(&words).exits(0);
        run.stderr().lines().next().unwrap().to_owned()
    };
    let two = run("tasks.tsv");
    assert!(two.ends_with("; 2 rows have no scope (NULL), which means cmdb_biz"), "{two}");
    let one = run("one.tsv");
    assert!(one.ends_with("; 1 row has no scope (NULL), which means cmdb_biz"), "{one}");
    assert!(!run("none.tsv").contains("NULL"));
    let line = "cat tasks.tsv | PROGRAM run - --format tsv --dry-run --esb http://127.0.0.1:9";
    let plan = folder.shell(line).exits(0).stdout();
    assert!(plan.contains("; 2 rows have no scope (NULL)"), "{plan}");
    let tasks = mock.counts().tasks.into_keys().collect::<Vec<_>>();
    let expected = ["2/3", "2/4", "2/7", "3/6"].map(|task| format!("cmdb_biz/{task}"));
    assert_eq!(tasks[..4], expected);
    assert_eq!(tasks[4..], ["project/2/8", "project/3/5"]);
}

#[test]
fn before_a_launch_one_line_says_what_will_happen() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,3\n");
    let run = folder.run(&["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()]).exits(0);
    let first = run.stderr().lines().next().unwrap().to_owned();
    assert!(first.starts_with("1 task of 1 CMDB business at http://127.0.0.1"), "{run}");
}

#[test]
fn what_keeps_a_check_and_a_run_from_the_server_is_called_the_same() {
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let elsewhere = format!("{}/elsewhere", mock.url());
    for (url, said) in [
        (&*closed, "the server was never reached: no connection"),
        (&elsewhere, "this is no way to the API: "),
    ] {
        let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--retries", "0", "--esb", url];
        let check = folder.run(&[&words[..], &["--check"]].concat()).exits(3).says(&[said]);
        let run = folder.run(&words).exits(3).says(&[said]);
        let why = |said_by: &str| {
            let (_, why) = said_by.split_once(said).unwrap();
            why.lines().take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(why(&check.stderr()), why(&run.stderr()), "{check}{run}");
    }
}

#[test]
fn a_limit_launches_the_first_rows_and_leaves_the_others_pending() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}2,x\n2,1\n{}", rows(2, 1, 9)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--limit", "3", "--on-invalid", "skip"];
    folder.run(&[&words[..], &["--esb", &mock.url()]].concat()).exits(1);
    let report = folder.report("r.csv");
    report.is_complete(11);
    let started: Vec<_> = report
        .lines
        .iter()
        .filter(|line| line["outcome"] == "started")
        .map(|line| &*line["line"])
        .collect();
    assert_eq!(started, ["3", "5", "6"]);
    assert_eq!((report.counts()["invalid"], report.counts()["duplicate"]), (1, 1));
    assert_eq!(report.counts()["pending"], 6);
    folder.file("good.csv", format!("{HEADER}{}", rows(2, 11, 3)));
    let words = ["run", "good.csv", "-o", "s.csv", "--limit", "2", "--esb", &mock.url()];
    folder.run(&words).exits(0);
    assert_eq!(mock.counts().started, 5);
}
