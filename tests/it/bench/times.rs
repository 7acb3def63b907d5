//! Times that are true, whoever stands still: the server, or the machine that measures.

use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, Span};
use serde_json::Value;

use super::{MILLISECOND, Share, field, is_quiet, measured, within};
use crate::harness::slow;

/// What an open loop of `per_second` sees of a server that takes `service`, and stands
/// still for `stall` in the middle of `lasts`: the response time that `percent` of the
/// requests do not exceed, in microseconds.
fn expected(percent: f64, lasts: f64, stall: f64) -> f64 {
    // Whoever comes in the stall waits for the rest of it, evenly from none to all.
    let above = (1.0 - percent / 100.0) * lasts;
    (stall - above) * 1e6
}

fn stalls(lasts: u32, rate: &str, from: u32, stall: u32, share: Share) -> Value {
    let span = Span { from: from * MILLISECOND, lasts: stall * MILLISECOND };
    let scene = field(20_000).against(Behaviour { stall: Some(span), ..slow(1) });
    let bench = scene.bench().with(format!("--rate {rate} --duration {lasts}s"));
    let found = measured(bench.ends());
    if !is_quiet(&found) {
        return found;
    }
    let at = |percent| expected(percent, f64::from(lasts), f64::from(stall) / 1e3);
    for (key, percent) in [("p95", 95.0), ("p99", 99.0)] {
        within(key, &found["response"][key], at(percent), share);
        // With room for all in flight, the server is charged the same by both clocks.
        within(key, &found["service"][key], at(percent), share);
    }
    found
}

#[test]
fn a_stall_is_charged_to_all_who_would_have_waited() {
    stalls(4, "200/s", 1_000, 1_000, Share::Roughly(0.15));
}

#[test]
#[ignore = "needs real seconds, and a quiet machine"]
fn percentiles_of_a_stall_are_what_arithmetic_says() {
    let found = stalls(20, "500/s", 9_000, 2_000, Share::Exactly(0.05));
    assert!(is_quiet(&found));
}

/// Measures 300 requests, some of which a slack may join.
fn lateness_with(slack: &str, rate: &str) -> Value {
    let bench = field(300).against(slow(1)).bench();
    let found =
        measured(bench.with(format!("--rate {rate} --requests 300 --slack {slack}")).ends());
    assert_eq!(found["sent"], 300);
    found
}

#[test]
fn requests_within_a_slack_leave_together_and_their_times_count_from_when_each_was_due() {
    let found = lateness_with("5ms", "1000/s");
    let mean = |times: &str| found[times]["mean"].as_f64().unwrap();
    // Six a wake-up, which comes when the last is due: 5, 4, 3, 2, 1 and 0 ms before it.
    assert!(mean("lateness") >= 2_490.0, "none leaves before the last is due: {found}");
    let waited = mean("response") - mean("service");
    assert!((waited / mean("lateness") - 1.0).abs() < 0.05, "the wait is part of it: {found}");
    assert!(found["load"].as_str().unwrap().ends_with(", a slack of 5ms"), "{}", found["load"]);
}

#[test]
fn a_request_that_is_due_by_itself_does_not_wait_for_the_slack() {
    for (slack, rate) in [("5ms", "150/s"), ("off", "1000/s")] {
        let found = lateness_with(slack, rate);
        let median = found["lateness"]["p50"].as_f64().unwrap();
        assert!(!is_quiet(&found) || median < 2_500.0, "{slack} at {rate}: {median} us");
    }
    let load = lateness_with("100us", "1000/s")["load"].clone();
    assert!(!load.as_str().unwrap().contains("slack"), "the usual one goes without saying: {load}");
}

/// Stops the generator itself for a while. Whatever was due then is late, evenly from
/// none to all of it, so that the longest tenth of all are the first that were due.
fn stopped(rate: &str, lasts: u32, stop: Duration, share: Share) {
    let bench = field(20_000).against(slow(1)).bench();
    let run = bench.with(format!("--rate {rate} --duration {lasts}s")).start();
    let run = run.once("it goes on", |seen| seen.starts > 20).signal("STOP");
    let begun = Instant::now();
    std::thread::sleep(stop);
    let run = run.signal("CONT");
    let p90 = expected(90.0, f64::from(lasts), begun.elapsed().as_secs_f64());
    // A generator that was late for so many is the bottleneck, and says so.
    let found = run.exits(1).says("INVALID: this machine was too busy (").json();
    within("response p90", &found["response"]["p90"], p90, share);
    let service = found["service"]["p90"].as_f64().unwrap();
    let most = match share {
        Share::Exactly(_) => p90 / 3.0,
        Share::Roughly(_) => found["response"]["p90"].as_f64().unwrap() * 0.8,
    };
    assert!(service < most, "service times are the server's: {service}");
    assert!(found["generator"]["late_share"].as_f64().unwrap() > 0.1);
}

#[test]
fn a_generator_that_is_late_says_so() {
    stopped("50/s", 3, Duration::from_secs(1), Share::Roughly(0.2));
}

#[test]
#[ignore = "needs real seconds, and a quiet machine"]
fn response_times_count_from_the_due_time_and_service_times_from_the_send() {
    stopped("200/s", 6, Duration::from_millis(1_500), Share::Exactly(0.1));
}
