//! What starts come to in a world, with the time handed in.

use super::super::behaviour::{FirstFault, Scope};
use super::*;

fn key(id: u64) -> TaskKey {
    TaskKey { business: Business { scope: Scope::CmdbBiz, id: 2 }, id }
}

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_task_is_started_once() {
    let mut world = World::new(Behaviour::default());
    assert_eq!(world.start(key(1), "a", at(0.0)), Start::Accepted);
    assert_eq!(world.start(key(1), "b", at(1.0)), Start::AlreadyStarted);
    let counts = world.counts();
    assert_eq!((counts.starts, counts.started), (2, 1));
    let task = &counts.tasks["cmdb_biz/2/1"];
    assert_eq!((task.requests, task.accepted, task.started), (2, 1, true));
    assert_eq!(task.request_ids, ["a", "b"]);
    assert_eq!(counts.arrivals[1].micros, 1_000_000);
}

#[test]
fn a_bucket_starts_full_and_refills_continuously() {
    let mut world = World::new(Behaviour {
        throttle: Some("2/m".parse().unwrap()),
        missing: [9].into(),
        denied: [8].into(),
        started: [7].into(),
        ..Behaviour::default()
    });
    assert_eq!(world.start(key(1), "", at(0.0)), Start::Accepted);
    assert_eq!(world.start(key(9), "", at(0.0)), Start::Missing, "costs no token");
    assert_eq!(world.start(key(8), "", at(0.0)), Start::Denied, "costs no token");
    assert_eq!(world.start(key(7), "", at(0.0)), Start::AlreadyStarted, "costs one");
    assert_eq!(world.start(key(3), "", at(29.0)), Start::Throttled);
    assert_eq!(world.start(key(3), "", at(30.0)), Start::Accepted);
    assert_eq!(world.start(key(4), "", at(31.0)), Start::Throttled);
    assert_eq!(world.start(key(4), "", at(999.0)), Start::Accepted);
    assert_eq!(world.start(key(5), "", at(999.0)), Start::Accepted);
    assert_eq!(world.start(key(6), "", at(999.0)), Start::Throttled, "never more than two");
}

#[test]
fn faults_take_the_start_or_not() {
    for (kind, name, started, again) in [
        (FaultKind::Hang, "hang", 0, Start::Accepted),
        (FaultKind::ResetBefore, "reset-before", 0, Start::Accepted),
        (FaultKind::ResetAfter, "reset-after", 1, Start::AlreadyStarted),
        (FaultKind::BadGatewayAfter, "502-after", 1, Start::AlreadyStarted),
        (FaultKind::BrokenJson, "broken-json", 1, Start::AlreadyStarted),
        (FaultKind::Silent, "silent", 0, Start::Accepted),
    ] {
        let first = vec![FirstFault { task: 1, kind, times: 1 }];
        let mut world = World::new(Behaviour { first, ..Behaviour::default() });
        assert_eq!(world.start(key(1), "", at(0.0)), Start::Fault(kind));
        assert_eq!(world.counts().started, started, "{name}");
        assert_eq!(world.start(key(1), "", at(0.0)), again, "{name}");
        assert_eq!(world.counts().answers[name], 1);
    }
}

#[test]
fn a_start_lies_in_the_queue_before_it_happens() {
    let queue = Duration::from_secs(2);
    let mut world = World::new(Behaviour { queue, ..Behaviour::default() });
    assert_eq!(world.start(key(1), "", at(0.0)), Start::Accepted);
    assert_eq!(world.start(key(1), "", at(1.0)), Start::Accepted, "the worker is to refuse it");
    assert!(!world.is_started(key(1), at(1.9)) && world.is_started(key(1), at(2.0)));
    assert_eq!(world.start(key(1), "", at(2.0)), Start::AlreadyStarted);
    assert_eq!((world.counts().started, world.counts().tasks["cmdb_biz/2/1"].accepted), (1, 2));
}

#[test]
fn the_same_seed_brings_the_same_faults() {
    let outcomes = |seed| {
        let faults = vec!["502=50%".parse().unwrap()];
        let mut world = World::new(Behaviour { faults, seed, ..Behaviour::default() });
        (0..64).map(|id| world.start(key(id), "", at(0.0))).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(1), outcomes(1));
    assert_ne!(outcomes(1), outcomes(2));
}
