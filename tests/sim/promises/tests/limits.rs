//! Nights in which too much leaves, or too early.

use std::time::Duration;

use serde_json::json;

use super::night::{Told, answer, flag, millis};
use crate::history::Flag;
use crate::promises::{Going, Settings, at_departure};
use crate::server::{Refusal, Whom};
use crate::world::witness::Back;

/// Rows whose starts leave at these moments.
fn leaving(at: [u64; 4], mut flags: Vec<Flag>) -> Told {
    if !flags.iter().any(|flag| flag.name == "rate") {
        flags.push(flag("rate", "unlimited"));
    }
    let mut told = Told::new().with(flags);
    for ((line, at), departure) in (2..).zip(at).zip(&mut told.witness.departures) {
        assert_eq!(departure.line, Some(line));
        departure.at = millis(at);
        departure.back.as_mut().unwrap().0 = millis(at + 50);
    }
    told
}

#[test]
fn a_night_that_keeps_its_promises_breaks_none() {
    Told::new().keeps();
}

#[test]
fn no_second_holds_more_than_the_rate_and_one() {
    let flags = || vec![flag("rate", "2/s")];
    leaving([0, 500, 1000, 1500], flags()).keeps();
    leaving([0, 500, 800, 990], flags()).breaks("rate");
    leaving([0, 100, 200, 1500], vec![flag("rate", "1/s"), flag("burst", "3")]).keeps();
    leaving([0, 100, 200, 300], vec![flag("rate", "1/s"), flag("burst", "2")]).breaks("rate");
    leaving([0, 3000, 32_000, 62_000], vec![flag("rate", "2/m")]).breaks("rate");
    leaving([0, 30_000, 60_000, 90_000], vec![flag("rate", "2/m")]).keeps();
    leaving([0, 490, 990, 1490], vec![flag("rate", "2/s")]).keeps();
    leaving([0, 400, 1000, 1500], vec![flag("rate", "2/s")]).breaks("rate");
    leaving([0, 60, 120, 180], vec![flag("rate", "unlimited")]).keeps();
}

#[test]
fn a_business_has_a_rate_of_its_own() {
    // Lines 2 and 4 are of one business, lines 3 and 5 of the other.
    let flags = || vec![flag("rate-per-biz", "30/m")];
    leaving([0, 100, 2000, 2100], flags()).keeps();
    leaving([0, 100, 900, 2100], flags()).breaks("rate of a business");
    leaving([0, 100, 1900, 62_000], vec![flag("rate-per-biz", "1/m")]).breaks("rate of a business");
}

#[test]
fn slots_are_held_while_a_request_is_out() {
    leaving([0, 60, 70, 80], vec![flag("concurrency", "3")]).keeps();
    leaving([0, 60, 70, 80], vec![flag("concurrency", "2")]).breaks("requests out at once");
    leaving([0, 60, 70, 80], vec![flag("lookahead", "2")]).breaks("requests out at once");
    let alike = "starts of a business out at once";
    leaving([0, 60, 70, 80], vec![flag("concurrency-per-biz", "1")]).breaks(alike);
    // One that is back at that very moment is out no more.
    leaving([0, 60, 110, 160], vec![flag("concurrency", "1")]).keeps();
}

#[test]
fn a_row_has_one_request_out() {
    let mut told = leaving([0, 60, 120, 180], Vec::new());
    told.ask(0, 5, 200, "RUNNING");
    told.breaks("one request of a row at a time");
}

#[test]
fn no_more_starts_are_out_than_may_fail() {
    leaving([0, 60, 70, 200], vec![flag("max-failures", "1")]).keeps();
    let promise = "no more starts out than may fail";
    leaving([0, 60, 70, 80], vec![flag("max-failures", "1")]).breaks(promise);
    leaving([0, 60, 70, 80], vec![flag("max-failures", "49%")]).breaks(promise);
    leaving([0, 60, 70, 80], vec![flag("max-failures", "50%")]).keeps();
}

#[test]
fn little_leaves_before_the_first_answer() {
    let mut told = leaving([0, 40, 70, 80], Vec::new());
    told.breaks("little leaves before the first answer");
    told = leaving([0, 5000, 10_000, 10_060], Vec::new());
    told.first(2).back = Some((millis(10_050), Back::Lost));
    told.first(3).back = Some((millis(10_050), Back::Lost));
    let going = Going { session: 0, began: millis(0), signal: None };
    told.witness.departures.truncate(3);
    let settings = Settings::of(&told.history, 0);
    assert_eq!(at_departure(&told.night(), &settings, going), Ok(()));
    told.witness.departures[2].at = millis(9999);
    assert!(at_departure(&told.night(), &settings, going).is_err());
}

#[test]
fn a_stage_is_settled_before_the_next() {
    let flags = || vec![flag("stages", "2,100%")];
    leaving([0, 60, 200, 260], flags()).keeps();
    let promise = "a stage is settled before the next begins";
    leaving([0, 60, 100, 260], flags()).breaks(promise);
    let mut told = leaving([0, 60, 200, 260], flags());
    told.ask(0, 2, 400, "RUNNING");
    told.breaks(promise);
}

fn refused(told: &mut Told, line: u64, whom: Whom, stated: Option<Duration>) {
    let departure = told.first(line);
    let (at, _) = departure.back.clone().unwrap();
    departure.back = Some((at, answer(&json!({ "result": false, "code": 1_642_901 }))));
    let id = departure.id.clone();
    told.refusals.push(Refusal { id, at: at.saturating_sub(millis(10)), whom, stated });
    let key = told.key(line);
    told.truth.remove(&key);
    told.settle(0, line, "failed");
    told.tell(0);
}

#[test]
fn nothing_leaves_in_a_hold() {
    let second = Some(Duration::from_secs(1));
    for (at, whom, stated, is_kept) in [
        ([0, 1050, 1100, 1150], Whom::Everyone, second, true),
        ([0, 1049, 1100, 1150], Whom::Everyone, second, false),
        // The backoff's first step.
        ([0, 550, 600, 650], Whom::Everyone, None, true),
        ([0, 549, 600, 650], Whom::Everyone, None, false),
        ([0, 60, 550, 600], Whom::Business("project".into(), 3), None, true),
        ([0, 60, 540, 600], Whom::Business("project".into(), 3), None, false),
    ] {
        let mut told = leaving(at, Vec::new());
        refused(&mut told, 2, whom.clone(), stated);
        let broken = told.check().err().map(|broken| broken.promise);
        let expected = if is_kept { None } else { Some("nothing leaves in a hold") };
        assert_eq!(broken, expected, "{at:?} {whom:?} {stated:?}");
    }
}

#[test]
fn a_business_gets_little_after_a_throttle() {
    let mut told = leaving([0, 560, 600, 700], Vec::new());
    for row in &mut told.history.list {
        row.biz = "3".into();
    }
    let keys: Vec<_> = (2..=5).map(|line| told.key(line)).collect();
    told.truth =
        told.truth.into_values().zip(&keys).map(|(truth, key)| (key.clone(), truth)).collect();
    for (departure, key) in told.witness.departures.iter_mut().zip(keys) {
        departure.key = key;
    }
    for line in 2..=5 {
        told.settle(0, line, "started");
    }
    refused(&mut told, 2, Whom::Business("project".into(), 3), None);
    told.keeps();
    told.first(4).back.as_mut().unwrap().0 = millis(900);
    told.first(5).back.as_mut().unwrap().0 = millis(900);
    told.keeps();
    told.start(0, 2, 800, 2);
    told.settle(0, 2, "started");
    told.tell(0);
    told.breaks("little at a time after a throttle");
}

#[test]
fn the_budget_is_not_overspent() {
    let mut told = Told::new().with(vec![flag("max-failures", "1")]);
    for line in 2..=4 {
        let key = told.key(line);
        told.truth.remove(&key);
        told.first(line).back.as_mut().unwrap().1 = answer(&json!({ "result": false }));
        told.settle(0, line, "rejected");
        told.tell(0);
        if line < 4 {
            told.keeps();
        }
    }
    told.breaks("the budget is not overspent");
}
