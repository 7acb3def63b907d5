//! What the report says, held against what the server saw, under faults.

use std::time::Duration;

use bk_launch::mock::{Behaviour, Latency};

use crate::harness::{launch, list, sometimes, well};

const FAULTS: &str = "429 500 502 502-after 503-after hang reset-before reset-after broken-json";

/// Launches `count` rows under faults; every word of the report must be true.
fn every_word_is_true(seed: u64, percent: f64, count: u64, flags: &str) {
    let run = launch(list(count))
        .against(Behaviour {
            faults: sometimes(FAULTS, percent / 100.0),
            seed,
            latency: Latency::Exponential(Duration::from_millis(2)),
            ..well()
        })
        .with("--rate unlimited --timeout 300ms --backoff 1ms..50ms --concurrency 32")
        .with(flags)
        .ends()
        .reports_all(count);
    let counts = run.scene().seen();
    for line in &run.report().lines {
        // A task of which the server never heard is in no count.
        let task = counts.tasks.get(&format!("cmdb_biz/2/{}", line["task_id"]));
        let task = &task.cloned().unwrap_or_default();
        let attempts: u32 = line["attempts"].parse().unwrap();
        assert!(task.requests <= attempts, "seed {seed}: {line:?} {task:?}");
        match line["outcome"].as_str() {
            "started" => assert!(task.started, "seed {seed}: {line:?} {task:?}"),
            "failed" => assert!(!task.started, "seed {seed}: {line:?} {task:?}"),
            "unknown" => {}
            other => panic!("seed {seed}: {other} of a task that only we start: {run}"),
        }
        assert!(task.accepted <= 1, "seed {seed}: started twice: {line:?}");
    }
}

#[test]
fn every_word_of_the_report_is_true() {
    every_word_is_true(1, 2.0, 500, "");
}

#[test]
fn with_few_retries_and_many_faults_nothing_is_made_up() {
    every_word_is_true(2, 8.0, 200, "--retries 1");
    every_word_is_true(3, 8.0, 100, "--retries 0");
}

#[test]
#[ignore = "many rounds"]
fn every_word_of_the_report_is_true_many_times() {
    for seed in 10..15 {
        every_word_is_true(seed, 2.0, 1000, "");
        every_word_is_true(seed, 6.0, 200, "--retries 1");
    }
}
