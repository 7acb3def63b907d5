//! What is accepted, and what then becomes of it: the claims of
//! `docs/what-started-means.md`.

use std::time::Duration;

use bk_launch::mock::{Behaviour, Span};

use crate::harness::{launch, scene, well};

const LIST: &str = "2,11\n2,12\n2,13\n2,14\n";
const FLAGS: &str = "--force --backoff 1ms..20ms";

#[test]
fn what_never_runs_is_started_unless_somebody_looks() {
    let behaviour = Behaviour {
        unclaimed: [11].into(),
        deleted: [12].into(),
        no_plugin: [13].into(),
        ..well()
    };
    let plain = launch(LIST).against(behaviour.clone()).with(FLAGS).exits(0);
    plain.reports_known(["started reply 1"; 4]);
    // Unclaimed, deleted, without its plugin, well; the deleted one runs, too.
    launch(LIST)
        .against(behaviour)
        .with(FLAGS)
        .with("--confirm=600ms --retries 1")
        .exits(1)
        .reports_known(["unconfirmed  2", "unconfirmed  1", "started status 1", "started status 1"])
        .server_saw(|seen| seen.started, 3);
}

#[test]
fn what_a_broker_forgot_is_started_by_the_same_list_again() {
    let scene = scene(LIST).against(Behaviour { broker_forgets: Some(Span::ALWAYS), ..well() });
    let run = || scene.run().with(FLAGS).exits(0);
    run().reports_known(["started reply 1"; 4]).server_saw(|seen| seen.started, 0);
    scene.change(|behaviour| behaviour.broker_forgets = None);
    run().reports_known(["started reply 1"; 4]).server_saw(|seen| seen.started, 4);
    run().reports_known(["already_started  1"; 4]);
}

#[test]
fn what_a_broker_forgot_is_sent_again_by_a_run_that_confirms() {
    let run = launch(LIST)
        .against(Behaviour { broker_forgets: Some(Span::ALWAYS), ..well() })
        .with("--confirm=2s --backoff 1ms..20ms")
        .start()
        .once("all were accepted", |seen| seen.starts == 4);
    run.scene.change(|behaviour| behaviour.broker_forgets = None);
    run.exits(0).reports_known(["started status 2"; 4]);
}

#[test]
fn of_two_who_launch_one_list_at_a_time_both_read_started_and_each_task_runs_once() {
    let scene = scene(LIST).against(Behaviour { queue: Duration::from_mins(1), ..well() });
    for _ in 0..2 {
        scene.run().with(FLAGS).exits(0).reports_known(["started reply 1"; 4]);
    }
    assert_eq!((scene.seen().started, scene.seen().answers["accepted"]), (4, 8));
}
