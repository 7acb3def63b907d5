use super::*;
use crate::bench::measurement::{OnMiss, Sending};
use crate::bench::schedule::ArrivalPattern;
use crate::domain::answer::AnswerClass;
use crate::domain::answer::Reply;
use std::num::NonZeroUsize;

fn meter(began: Instant) -> Meter {
    let schedule = Schedule::steady(10.0, Duration::from_secs(3));
    let sending = Sending {
        spread: ArrivalPattern::Even,
        slack: Duration::ZERO,
        max_in_flight: NonZeroUsize::MIN,
    };
    Meter::new(
        began,
        &Measurement {
            load: Load::Open { schedule, sending },
            warmup: Duration::from_secs(1),
            slos: Vec::new(),
            on_miss: OnMiss::GoOn,
        },
    )
}

#[test]
fn a_request_is_measured_from_its_due_time_and_from_its_send() {
    let began = Instant::now();
    let at = |millis: u64| began + Duration::from_millis(millis);
    let mut meter = meter(began);
    let accepted = Answer::new(Verdict::Accepted, Reply::default());
    // The first request belongs to the warm-up; the last one is withdrawn.
    for (due, sent, ended) in [(500, 500, 1_500), (1_000, 1_020, 1_100), (2_100, 2_100, 2_200)] {
        meter.add_send(at(due), at(sent));
        let sample = RequestTimes { due: at(due), sent: at(sent), ended: at(ended) };
        meter.add_answer(sample, &accepted);
    }
    meter.add_send(at(2_300), at(2_300));
    meter.withdraw_send(at(2_300));
    meter.add_drop(at(2_400));
    assert_eq!((meter.sent, meter.late, meter.dropped, meter.in_flight), (2, 1, 1, 0));
    let times = meter.classes[AnswerClass::Accepted].as_ref().unwrap();
    let near = |found: u64, expected: u64| found.abs_diff(expected) < expected / 100;
    assert!(near(times.response.max(), 100_000) && near(times.service.max(), 100_000));
    // The late request took no longer from its send.
    assert!(near(times.response.min(), 100_000), "{}", times.response.min());
    assert!(near(times.service.min(), 80_000), "{}", times.service.min());
    let snapshot = meter.snapshot(at(3_200));
    let second = snapshot.last.unwrap();
    assert_eq!((snapshot.sent, second.at, second.sent, second.in_flight), (2, 1, 1, 0));
}

#[test]
fn requests_that_wait_for_this_machine_at_the_same_time_wait_once() {
    let began = Instant::now();
    let at = |millis: u64| began + Duration::from_millis(millis);
    let mut meter = meter(began);
    // Due, sent: one in time, three after a pause of 250 ms, one late by itself.
    for (due, sent) in
        [(1_000, 1_000), (1_100, 1_350), (1_200, 1_350), (1_300, 1_351), (1_400, 1_405)]
    {
        meter.add_send(at(due), at(sent));
    }
    assert_eq!(meter.waited, Duration::from_millis(250 + 1 + 5));
}

#[test]
fn response_times_grow_by_when_the_requests_were_due() {
    let began = Instant::now();
    let at = |millis: u64| began + Duration::from_millis(millis);
    let mut meter = meter(began);
    let accepted = Answer::new(Verdict::Accepted, Reply::default());
    // Each request takes longer by half of the time since the warm-up; the last answer comes first.
    for due in (10..30).rev().map(|tenth| tenth * 100) {
        let ended = at(due + 10 + (due - 1_000) / 2);
        meter.add_send(at(due), at(due));
        meter.add_answer(RequestTimes { due: at(due), sent: at(due), ended }, &accepted);
    }
    let growth = meter.by_due.unwrap().trend().unwrap();
    assert!((growth.slope - 0.5).abs() < 1e-6 && (growth.low - 0.5).abs() < 1e-6, "{growth:?}");
}
