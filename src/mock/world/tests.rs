//! Results of starts in a world; the time is a parameter.

use super::super::behaviour::{FirstFault, MockScope};
use super::*;

fn key(id: u64) -> TaskKey {
    TaskKey { business: MockBusiness { scope: MockScope::CmdbBiz, id: 2 }, id }
}

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_task_is_started_once() {
    let mut world = World::new(Behaviour::default());
    assert_eq!(world.start(key(1), "a", at(0.0)), StartResult::Accepted);
    assert_eq!(world.start(key(1), "b", at(1.0)), StartResult::AlreadyStarted);
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
    assert_eq!(world.start(key(1), "", at(0.0)), StartResult::Accepted);
    assert_eq!(world.start(key(9), "", at(0.0)), StartResult::Missing, "costs no token");
    assert_eq!(world.start(key(8), "", at(0.0)), StartResult::Denied, "costs no token");
    assert_eq!(world.start(key(7), "", at(0.0)), StartResult::AlreadyStarted, "costs one");
    assert_eq!(world.start(key(3), "", at(29.0)), StartResult::Throttled);
    assert_eq!(world.start(key(3), "", at(30.0)), StartResult::Accepted);
    assert_eq!(world.start(key(4), "", at(31.0)), StartResult::Throttled);
    assert_eq!(world.start(key(4), "", at(999.0)), StartResult::Accepted);
    assert_eq!(world.start(key(5), "", at(999.0)), StartResult::Accepted);
    assert_eq!(world.start(key(6), "", at(999.0)), StartResult::Throttled, "never more than two");
}

#[test]
fn faults_take_the_start_or_not() {
    for (kind, name, started, again) in [
        (FaultKind::Hang, "hang", 0, StartResult::Accepted),
        (FaultKind::ResetBefore, "reset-before", 0, StartResult::Accepted),
        (FaultKind::ResetAfter, "reset-after", 1, StartResult::AlreadyStarted),
        (FaultKind::BadGatewayAfter, "502-after", 1, StartResult::AlreadyStarted),
        (FaultKind::BrokenJson, "broken-json", 1, StartResult::AlreadyStarted),
        (FaultKind::Silent, "silent", 0, StartResult::Accepted),
    ] {
        let first = vec![FirstFault { task: 1, kind, times: 1 }];
        let mut world = World::new(Behaviour { first, ..Behaviour::default() });
        assert_eq!(world.start(key(1), "", at(0.0)), StartResult::Fault(kind));
        assert_eq!(world.counts().started, started, "{name}");
        assert_eq!(world.start(key(1), "", at(0.0)), again, "{name}");
        assert_eq!(world.counts().answers[name], 1);
    }
}

#[test]
fn a_start_lies_in_the_queue_before_it_happens() {
    let queue = Duration::from_secs(2);
    let mut world = World::new(Behaviour { queue, ..Behaviour::default() });
    assert_eq!(world.start(key(1), "", at(0.0)), StartResult::Accepted);
    assert_eq!(
        world.start(key(1), "", at(1.0)),
        StartResult::Accepted,
        "the worker is to refuse it"
    );
    assert!(!world.is_started(key(1), at(1.9)) && world.is_started(key(1), at(2.0)));
    assert_eq!(world.start(key(1), "", at(2.0)), StartResult::AlreadyStarted);
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

#[test]
fn a_limit_that_never_frees_comes_after_the_checks_of_the_task() {
    let business = MockBusiness { scope: MockScope::CmdbBiz, id: 2 };
    let mut world = World::new(Behaviour {
        limit_reached: [business].into(),
        missing: [9].into(),
        denied: [8].into(),
        started: [7].into(),
        ..Behaviour::default()
    });
    for (id, expected) in [
        (9, StartResult::Missing),
        (8, StartResult::Denied),
        (7, StartResult::Throttled),
        (1, StartResult::Throttled),
    ] {
        assert_eq!(world.start(key(id), "", at(1e6)), expected, "task {id}");
    }
    let project = MockBusiness { scope: MockScope::Project, ..business };
    let other = TaskKey { business: project, id: 1 };
    assert_eq!(world.start(other, "", at(0.0)), StartResult::Accepted, "another business");
}

#[test]
fn bk_sops_goes_and_comes_by_the_time_since_the_first_request() {
    let gone = ["nginx=1s+2s", "esb=2s+2s", "nginx=8s+1s"].map(|text| text.parse().unwrap());
    let mut world = World::new(Behaviour { gone: gone.to_vec(), ..Behaviour::default() });
    let fronts = |world: &World, seconds| world.gone(at(seconds)).collect::<Vec<_>>();
    assert_eq!(fronts(&world, 2.0), [], "no request came yet");
    world.enter(at(10.0));
    world.enter(at(10.5));
    for (seconds, expected) in [
        (10.9, &[][..]),
        (11.0, &[Front::Nginx]),
        (12.0, &[Front::Nginx, Front::Esb]),
        (13.0, &[Front::Esb]),
        (14.0, &[]),
        (18.5, &[Front::Nginx]),
        (19.0, &[]),
    ] {
        assert_eq!(fronts(&world, seconds), expected, "at {seconds} s");
    }
    world.start_while_gone(key(1), "a", at(11.0));
    let counts = world.counts();
    assert_eq!((counts.starts, counts.started, counts.answers["gone"]), (1, 0, 1));
    assert_eq!(counts.tasks["cmdb_biz/2/1"].request_ids, ["a"]);
}

#[test]
fn a_broker_forgets_from_when_to_when() {
    let span = Some("1s+2s".parse().unwrap());
    let mut world = World::new(Behaviour { broker_forgets: span, ..Behaviour::default() });
    world.enter(at(10.0));
    for (id, seconds, expected) in [
        (1, 10.0, TaskPhase::Running { since: at(10.0) }),
        (2, 11.0, TaskPhase::Created),
        (3, 12.9, TaskPhase::Created),
        (4, 13.0, TaskPhase::Running { since: at(13.0) }),
    ] {
        assert_eq!(world.start(key(id), "", at(seconds)), StartResult::Accepted);
        assert_eq!(world.state(key(id), at(99.0)), expected, "task {id}");
    }
    assert_eq!(world.counts().started, 2);
}

#[test]
fn a_task_runs_for_its_time() {
    let (run_time, no_plugin) = (Some(Duration::from_secs(5)), [2].into());
    let mut world =
        World::new(Behaviour { run_time, no_plugin, started: [3].into(), ..Behaviour::default() });
    for id in [1, 2] {
        world.start(key(id), "", at(1.0));
        assert_eq!(world.state(key(id), at(5.9)), TaskPhase::Running { since: at(1.0) });
    }
    assert_eq!(
        world.state(key(1), at(6.0)),
        TaskPhase::Finished { since: at(1.0), until: at(6.0) }
    );
    assert_eq!(world.state(key(2), at(1e6)), TaskPhase::Running { since: at(1.0) });
    assert_eq!(world.state(key(3), at(1e6)), TaskPhase::RunningBefore);
    assert_eq!(world.state(key(4), at(1e6)), TaskPhase::Created);
}
