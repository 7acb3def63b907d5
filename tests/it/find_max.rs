//! `bench --find-max`: it finds the rate that a server of known capacity takes, also beside a
//! busy process, and tells this machine's limit from the server's. Tests that need many seconds
//! are ignored; each has a short form.

use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use bk_launch::internals::domain::rate::Rate;
use bk_launch::mock::{Behaviour, Memory};
use serde_json::Value;

use crate::bench::{MILLISECOND, Share, field, within};
use crate::harness::{Outcome, Scene, well};

/// A list of `rows` rows, and a server that works off so many requests per second.
fn server(per_second: u32, rows: u64) -> Scene {
    let capacity: Rate = format!("{per_second}/s").parse().unwrap();
    let memory = Memory::Counts;
    field(rows).against(Behaviour { capacity: Some(capacity), memory, ..well() })
}

/// The capacity that was found, checked against what the server counted; a search that ended at
/// this machine's limit says so.
#[track_caller]
fn found(finished: Outcome, capacity: u32, share: Share) -> Value {
    let found = finished.json();
    assert_eq!(found["rows"]["started"], finished.scene().seen().started, "of all steps");
    within("the highest rate", &found["highest_per_second"], f64::from(capacity), share);
    if found["limited_by"] == "machine" {
        finished.exits(1).says("above it this machine was the limit");
    } else {
        assert_eq!(found["limited_by"], "server");
        finished.exits(0).says("the highest rate that holds");
    }
    found
}

/// The verdicts of the steps at a rate, in their order.
fn verdicts(found: &Value, rate: f64) -> Vec<&str> {
    let steps = found["steps"].as_array().unwrap().iter();
    let at_rate = steps.filter(|step| step["wanted_per_second"] == rate);
    at_rate.map(|step| step["verdict"].as_str().unwrap()).collect()
}

#[test]
fn the_highest_rate_is_found_by_steps() {
    let flags = "--find-max --slo p99<500ms --rate 80/s --duration 1s";
    let finished = server(120, 20_000).bench().with(flags).ends();
    let finished = finished.says(["80.0/s held", "did not hold: "]);
    let found = found(finished, 120, Share::Exactly(0.15));
    assert_eq!(verdicts(&found, 160.0), ["failed"]);
    assert!(found["response"]["p99"].as_u64().unwrap() < 500_000);
}

/// A search that stands still for `pause` and goes on for as long, over and over, as on a machine
/// that is very busy, until so many starts were sent.
fn disturbed(scene: &Scene, flags: &str, pause: Duration, until_sent: u64) -> Outcome {
    let run = scene.bench().with("--find-max").with(flags).start();
    let mut run = run.once("it began", |seen| seen.starts > 5);
    while run.child.try_wait().unwrap().is_none() && scene.seen().starts <= until_sent {
        run = run.signal("STOP");
        thread::sleep(pause);
        run = run.signal("CONT");
        thread::sleep(pause);
    }
    run.ends()
}

#[test]
fn a_step_that_this_machine_spoiled_is_repeated_and_the_search_goes_on() {
    let flags = "--slo p99<150ms --rate 40/s --duration 2s";
    // 80 requests are the first step.
    let finished = disturbed(&server(120, 20_000), flags, 250 * MILLISECOND, 70);
    let finished = finished.says([
        "40.0/s: INVALID: this machine was too busy (",
        " sends late); it is measured again",
    ]);
    let found = found(finished, 120, Share::Exactly(0.15));
    let verdicts = verdicts(&found, 40.0);
    assert!(verdicts[0] == "spoiled" && verdicts.len() > 1, "{verdicts:?}");
    assert!(found["steps"][0]["late_share"].as_f64().unwrap() > 0.1);
}

#[test]
fn a_rate_that_holds_although_requests_are_late_holds() {
    // 200 requests are the first step, and 600 are enough to repeat it, twice as long.
    let flags = "--slo p99<5s --rate 50/s --duration 4s";
    let finished = disturbed(&server(60, 700), flags, 40 * MILLISECOND, u64::MAX).exits(1);
    let finished = finished.says([
        "/s held, although this machine was too busy (",
        " late)",
        "longer than the server's own",
    ]);
    let found = finished.json();
    assert!(found["highest_per_second"].as_f64().unwrap() <= 51.0, "{finished}");
    assert!(found["stopped"].as_str().unwrap().contains("rows were used up"), "{finished}");
}

#[test]
fn a_machine_that_spoils_every_step_is_said_to_be_the_limit() {
    let flags = "--slo p99<150ms --rate 640/s --duration 600ms";
    let finished = disturbed(&server(2_000, 20_000), flags, 250 * MILLISECOND, u64::MAX);
    let found = finished
        .exits(1)
        .says([
            "640.0/s: INVALID: this machine was too busy (",
            " sends late); the search goes on at 320.0/s",
            " sends late); the search ends",
            "no rate held, since this machine was the limit: that says nothing about the server",
        ])
        // Figures of a step that is spoiled, or the reason once more, would be read as the server's.
        .never_says(["requests in ", "p99.99", "stopped: "])
        .json();
    assert_eq!((&found["limited_by"], &found["exit"]), (&"machine".into(), &1.into()));
    assert!(found.get("highest_per_second").is_none());
    assert!(found["stopped"].as_str().unwrap().contains("this machine's own limit"));
    for rate in [640.0, 320.0, 160.0, 80.0, 40.0] {
        assert_eq!(verdicts(&found, rate), ["spoiled", "spoiled"], "at {rate}/s");
    }
}

/// A process that keeps one core busy, until it is dropped.
struct Busy(Child);

impl Busy {
    /// On the first core alone, or wherever it finds room.
    fn begin(core: Core) -> Self {
        let mut command = match core {
            Core::First => Command::new("taskset"),
            Core::Any => Command::new("env"),
        };
        if let Core::First = core {
            command.args(["--cpu-list", "0"]);
        }
        Self(command.args(["sh", "-c", "while :; do :; done"]).spawn().unwrap())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[derive(Clone, Copy)]
enum Core {
    First,
    Any,
}

/// Searches servers of known capacity, from the default rate on.
fn capacities_are_found(busy: Option<Core>) {
    for capacity in [20, 80, 230, 1_000] {
        let _busy = busy.map(Busy::begin);
        let finished = server(capacity, 200_000).bench().with("--find-max --duration 5s").ends();
        found(finished, capacity, Share::Exactly(0.05));
    }
}

/// Run by `.ci/long`.
mod long {
    use super::*;

    #[test]
    #[ignore = "needs minutes"]
    fn capacities_are_found_within_five_percent_on_a_quiet_machine() {
        capacities_are_found(None);
    }

    #[test]
    #[ignore = "needs minutes, and keeps a core busy"]
    fn capacities_are_found_within_five_percent_beside_a_busy_process() {
        capacities_are_found(Some(Core::Any));
    }

    #[test]
    #[ignore = "needs minutes, and keeps a core busy"]
    fn capacities_are_found_within_five_percent_beside_a_process_that_keeps_its_core() {
        capacities_are_found(Some(Core::First));
    }
}
