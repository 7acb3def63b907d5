//! Throttled businesses: they wait, they do not fail, and they stop nobody else.

use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Mock, MockBusiness, MockScope};

use crate::harness::{Folder, HEADER, rows};

/// In microseconds.
const SECOND: u64 = 1_000_000;

fn throttled(rate: &str, business: u64) -> Mock {
    let key = MockBusiness { scope: MockScope::CmdbBiz, id: business };
    let throttles = [(key, rate.parse().unwrap())].into();
    Mock::start(Behaviour { throttles, ..Behaviour::default() }, 0).unwrap()
}

/// Seconds from the first start to the last, of what a test of arrivals picks.
fn span(mock: &Mock, business: &str) -> (f64, f64) {
    let counts = mock.counts();
    let arrivals = &counts.arrivals;
    let own: Vec<_> =
        arrivals.iter().filter(|a| a.business == business).map(|a| a.micros).collect();
    let since = |micros: u64| Duration::from_micros(micros - arrivals[0].micros).as_secs_f64();
    (since(own[0]), since(own[own.len() - 1]))
}

#[test]
fn a_held_business_does_not_stop_the_one_behind_it() {
    let (mock, folder) = (throttled("2/m", 2), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}{}", rows(2, 1, 1500), rows(3, 1, 20)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    let run = folder.start(&mut folder.program(&words));
    crate::harness::until("the 20 were started", || {
        mock.counts()
            .tasks
            .iter()
            .filter(|(key, task)| key.starts_with("cmdb_biz/3/") && task.started)
            .count()
            == 20
    });
    let (_, last) = span(&mock, "cmdb_biz/3");
    // Business 2 is held for half a minute each time.
    assert!(last < 15.0, "the last of the 20 was sent after {last} s");
    run.signal("INT");
    run.wait().exits(130);
    let report = folder.report("r.csv");
    report.is_complete(1520);
    assert_eq!(report.counts()["started"], 22);
}

#[test]
fn each_business_keeps_its_own_rate_and_none_waits_for_another() {
    // Retries are starts of their business, too.
    let first = (1..=5).map(|task| FirstFault { task, kind: FaultKind::Crash, times: 1 });
    let behaviour = Behaviour { first: first.collect(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}{}", rows(2, 1, 25), rows(3, 101, 30)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url(), "--rate", "unlimited"];
    folder
        .run(&[&words[..], &["--rate-per-biz", "10/s", "--backoff", "1ms..10ms"]].concat())
        .exits(0);
    let arrivals = mock.counts().arrivals;
    for business in ["cmdb_biz/2", "cmdb_biz/3"] {
        let own = arrivals.iter().filter(|arrival| arrival.business == business);
        let own: Vec<_> = own.map(|arrival| arrival.micros).collect();
        assert_eq!(own.len(), 30, "{business}");
        let within = |from: &u64| {
            let second = *from..*from + SECOND;
            own.iter().filter(|at| second.contains(*at)).count()
        };
        // One more may leave at once, and a busy machine lets some arrive together.
        let busiest = own.iter().map(within).max().unwrap();
        assert!(busiest <= 15, "{busiest} of {business} in a second: {own:?}");
        let lasted = own.iter().max().unwrap() - own.iter().min().unwrap();
        assert!(lasted > 2 * SECOND, "30 of {business} in {lasted} µs");
    }
    let (_, last) = span(&mock, "cmdb_biz/2");
    let (first, _) = span(&mock, "cmdb_biz/3");
    assert!(first < last / 2.0, "business 3 began after {first} s, and 2 ended after {last} s");
}

#[test]
fn no_row_of_a_throttled_business_fails() {
    let (mock, folder) = (throttled("4/s", 2), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 20)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    let fast = ["--rate", "unlimited", "--concurrency", "64", "--retries", "1"];
    folder.run(&[&words[..], &fast].concat()).exits(0);
    assert_eq!(mock.counts().started, 20);
}

#[test]
fn a_throttle_that_lets_nothing_through_is_given_up_after_the_patience() {
    let (mock, folder) = (throttled("1/h", 2), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}{}", rows(2, 1, 3), rows(3, 1, 1)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    let patience = ["--throttle-patience", "1s", "--backoff", "100ms..200ms"];
    folder.run(&[&words[..], &patience].concat()).exits(1);
    let report = folder.report("r.csv");
    assert_eq!((report.counts()["started"], report.counts()["failed"]), (2, 2));
    let failed = report.lines.iter().find(|line| line["outcome"] == "failed").unwrap();
    assert_eq!(failed["error"], "throttled_biz");
    assert!(failed["elapsed_ms"].parse::<u64>().unwrap() >= 1000);
}

#[test]
fn without_retries_a_throttled_row_fails_at_once() {
    let (mock, folder) = (throttled("1/h", 2), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 2)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url(), "--retries", "0"];
    folder.run(&[&words[..], &["--concurrency", "1"]].concat()).exits(1);
    let report = folder.report("r.csv");
    assert_eq!((report.counts()["started"], report.counts()["failed"]), (1, 1));
    assert_eq!(mock.counts().starts, 2);
}

#[test]
fn a_limit_on_the_app_holds_everyone_for_the_stated_time() {
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}{}", rows(2, 1, 2), rows(3, 1, 2)));
    let limit = Some("2/s".parse().unwrap());
    for esb in [bk_launch::mock::EsbKind::Legacy, bk_launch::mock::EsbKind::Newer] {
        let mock =
            Mock::start(Behaviour { app_limit: limit, esb, ..Behaviour::default() }, 0).unwrap();
        let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--esb", &mock.url()];
        folder.run(&[&words[..], &["--rate", "unlimited", "--concurrency", "1"]].concat()).exits(0);
        let counts = mock.counts();
        assert_eq!(counts.started, 4);
        let refused = counts.answers["app_throttled"];
        assert!((1..=3).contains(&refused), "{esb:?}: the stated pause was kept: {refused}");
    }
}

#[test]
#[ignore = "needs real seconds, and a quiet machine"]
fn businesses_are_launched_side_by_side() {
    let throttle = Some("20/s".parse().unwrap());
    let mock = Mock::start(Behaviour { throttle, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    let list: String = (1..=5).map(|business| rows(business, 1, 100)).collect();
    folder.file("tasks.csv", format!("{HEADER}{list}"));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url(), "--rate", "unlimited"];
    let begun = Instant::now();
    folder.run(&words).exits(0);
    let took = begun.elapsed().as_secs_f64();
    assert!((3.9..5.6).contains(&took), "{took} s");
    assert_eq!(mock.counts().started, 500);
}

#[test]
#[ignore = "needs two real minutes"]
fn at_two_starts_a_minute_no_row_fails() {
    let (mock, folder) = (throttled("2/m", 2), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 5)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    let fast = ["--rate", "unlimited", "--concurrency", "64"];
    folder.run(&[&words[..], &fast].concat()).exits(0);
    assert_eq!(mock.counts().started, 5);
}
