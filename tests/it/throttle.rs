//! A limit that lets nothing through is waited for once, and not by every row.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, Mock, MockBusiness, MockScope};

use crate::first_answer::always;
use crate::harness::{Finished, Folder, HEADER, rows};

const IMPATIENT: [&str; 6] =
    ["--throttle-patience", "1s", "--backoff", "20ms..100ms", "--rate", "unlimited"];

fn launch(folder: &Folder, mock: &Mock, flags: &[&str]) -> Finished {
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    folder.run(&[&words[..], &IMPATIENT, flags].concat())
}

/// Business 2 has one start an hour; business 3 has as many as it wants.
fn starving() -> Mock {
    let two = MockBusiness { scope: MockScope::CmdbBiz, id: 2 };
    let throttles = [(two, "1/h".parse().unwrap())].into();
    Mock::start(Behaviour { throttles, ..Behaviour::default() }, 0).unwrap()
}

#[test]
fn the_rows_of_a_starving_business_fail_together() {
    let (mock, folder) = (starving(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}{}", rows(2, 1, 200), rows(3, 1001, 50)));
    let begun = Instant::now();
    let run = launch(&folder, &mock, &[]).exits(1);
    assert!(begun.elapsed() < Duration::from_secs(20), "once, and not for every row: {run}");
    let report = folder.report("r.csv");
    report.is_complete(250);
    assert_eq!((report.counts()["started"], report.counts()["failed"]), (51, 199));
    let never_sent = report.lines.iter().filter(|line| line["attempts"] == "0").count();
    assert!(never_sent > 150, "{never_sent} rows failed without another request");
    for line in report.lines.iter().filter(|line| line["outcome"] == "failed") {
        assert_eq!(line["error"], "throttled_biz", "{line:?}");
        assert!(line["message"].ends_with("reach the limit of starting tasks"), "{line:?}");
    }
    assert!(mock.counts().starts < 51 + 49, "{:?}", mock.counts().starts);
    folder.run(&["report", "-o", "again.csv"]).exits(0);
    let again = folder.report("again.csv");
    assert_eq!(again.line(201), report.line(201), "word for word in every report");
}

#[test]
fn rows_that_starve_fail_through_the_budget() {
    let (mock, folder) = (starving(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 100)));
    launch(&folder, &mock, &["--max-failures", "3"]).exits(3).says(&["--max-failures"]);
    let report = folder.report("r.csv");
    report.is_complete(100);
    let counts = report.counts();
    assert_eq!((counts["started"], counts["failed"], counts["pending"]), (1, 4, 95));
}

#[test]
fn rows_that_come_later_wait_for_one_probe_a_step() {
    let (mock, folder) = (starving(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 60)));
    let run = launch(&folder, &mock, &["--lookahead", "20"]).exits(1);
    let report = folder.report("r.csv");
    report.is_complete(60);
    assert_eq!((report.counts()["started"], report.counts()["failed"]), (1, 59), "{run}");
    assert!(mock.counts().starts < 50, "three times 20 rows, not 60 waits: {run}");
}

#[test]
fn an_app_that_starves_stops_the_run_and_the_rest_stays_pending() {
    let (url, asked) = always("429 Too Many Requests", "<html>429");
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 40)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &url];
    let run = folder.run(&[&words[..], &IMPATIENT].concat()).exits(3);
    run.says(&["refused for the whole of --throttle-patience", "HTTP 429", "go on with"]);
    let report = folder.report("r.csv");
    report.is_complete(40);
    assert_eq!(report.counts()["pending"], 40);
    let asked = asked.load(Ordering::SeqCst);
    assert!((4..60).contains(&asked), "by the backoff: {asked}");
}

#[test]
fn the_time_that_the_gateway_states_is_no_starving() {
    let app_limit = Some("5/h".parse().unwrap());
    let mock = Mock::start(Behaviour { app_limit, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 40)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--gateway", &mock.gateway()];
    folder.run(&[&words[..], &IMPATIENT, &["--stop-at", "+4s"]].concat()).exits(4);
    assert_eq!(folder.report("r.csv").counts()["pending"], 35);
}
