//! Throttled businesses: they wait, they do not fail, and they stop nobody else.

use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, EsbKind, FaultKind, MockBusiness, MockCounts, MockScope};

use crate::harness::{HEADER, each, launch, list, rows, well};

/// In microseconds.
const SECOND: u64 = 1_000_000;

/// Business 2 gets starts at this rate; others get as many as they want.
pub fn throttled(rate: &str) -> Behaviour {
    let key = MockBusiness { scope: MockScope::CmdbBiz, id: 2 };
    Behaviour { throttles: [(key, rate.parse().unwrap())].into(), ..well() }
}

/// So many rows of business 2, and then so many of business 3.
fn two_businesses(of_two: u64, of_three: u64) -> String {
    format!("{HEADER}{}{}", rows(2, 1, of_two), rows(3, 1, of_three))
}

/// Seconds from the first start to the last, of what a test of arrivals picks.
fn span(counts: &MockCounts, business: &str) -> (f64, f64) {
    let arrivals = &counts.arrivals;
    let own: Vec<_> =
        arrivals.iter().filter(|a| a.business == business).map(|a| a.micros).collect();
    let since = |micros: u64| Duration::from_micros(micros - arrivals[0].micros).as_secs_f64();
    (since(own[0]), since(own[own.len() - 1]))
}

#[test]
fn a_held_business_does_not_stop_the_one_behind_it() {
    let is_of_three = |key: &str| key.starts_with("cmdb_biz/3/");
    let run = launch(two_businesses(1500, 20)).against(throttled("2/m")).start().once(
        "the 20 were started",
        |seen| {
            seen.tasks.iter().filter(|(key, task)| is_of_three(key) && task.started).count() == 20
        },
    );
    let (_, last) = span(&run.scene.seen(), "cmdb_biz/3");
    // Business 2 is held for half a minute each time.
    assert!(last < 15.0, "the last of the 20 was sent after {last} s");
    run.signal("INT").exits(130).reports_all(1520).reports(22, "started");
}

#[test]
fn each_business_keeps_its_own_rate_and_none_waits_for_another() {
    // Retries are starts of their business, too.
    let run = launch(format!("{HEADER}{}{}", rows(2, 1, 25), rows(3, 101, 30)))
        .against(Behaviour { first: each(1..=5, FaultKind::Crash, 1), ..well() })
        .with("--rate unlimited --rate-per-biz 10/s --backoff 1ms..10ms")
        .exits(0);
    let counts = run.scene().seen();
    for business in ["cmdb_biz/2", "cmdb_biz/3"] {
        let own = counts.arrivals.iter().filter(|arrival| arrival.business == business);
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
    let (_, last) = span(&counts, "cmdb_biz/2");
    let (first, _) = span(&counts, "cmdb_biz/3");
    assert!(first < last / 2.0, "business 3 began after {first} s, and 2 ended after {last} s");
}

#[test]
fn no_row_of_a_throttled_business_fails() {
    launch(list(20))
        .against(throttled("4/s"))
        .with("--rate unlimited --concurrency 64 --retries 1")
        .exits(0)
        .server_saw(|seen| seen.started, 20);
}

#[test]
fn a_throttle_that_lets_nothing_through_is_given_up_after_the_patience() {
    let run = launch(two_businesses(3, 1))
        .against(throttled("1/h"))
        .with("--throttle-patience 1s --backoff 100ms..200ms")
        .exits(1)
        .reports(2, "started")
        .reports(2, "failed");
    let report = run.report();
    let failed = report.of("failed").next().unwrap();
    assert_eq!(failed["error"], "throttled_biz");
    assert!(failed["elapsed_ms"].parse::<u64>().unwrap() >= 1000);
}

#[test]
fn without_retries_a_throttled_row_fails_at_once() {
    launch(list(2))
        .against(throttled("1/h"))
        .with("--retries 0 --concurrency 1")
        .exits(1)
        .reports(1, "started")
        .reports(1, "failed")
        .server_saw(|seen| seen.starts, 2);
}

#[test]
fn a_limit_on_the_app_holds_everyone_for_the_stated_time() {
    for esb in [EsbKind::Legacy, EsbKind::Newer] {
        let run = launch(two_businesses(2, 2))
            .against(Behaviour { app_limit: Some("2/s".parse().unwrap()), esb, ..well() })
            .with("--rate unlimited --concurrency 1")
            .exits(0)
            .server_saw(|seen| seen.started, 4);
        let refused = run.scene().seen().answers["app_throttled"];
        assert!((1..=3).contains(&refused), "{esb:?}: the stated pause was kept: {refused}");
    }
}

#[test]
#[ignore = "needs real seconds, and a quiet machine"]
fn businesses_are_launched_side_by_side() {
    let businesses: String = (1..=5).map(|business| rows(business, 1, 100)).collect();
    let run = launch(format!("{HEADER}{businesses}"))
        .against(Behaviour { throttle: Some("20/s".parse().unwrap()), ..well() })
        .with("--rate unlimited");
    let begun = Instant::now();
    let run = run.exits(0);
    let took = begun.elapsed().as_secs_f64();
    assert!((3.9..5.6).contains(&took), "{took} s");
    run.server_saw(|seen| seen.started, 500);
}

#[test]
#[ignore = "needs two real minutes"]
fn at_two_starts_a_minute_no_row_fails() {
    launch(list(5))
        .against(throttled("2/m"))
        .with("--rate unlimited --concurrency 64")
        .exits(0)
        .server_saw(|seen| seen.started, 5);
}
