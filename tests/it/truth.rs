//! What the report says, held against what the server saw, under faults.

use std::time::Duration;

use bk_launch::mock::{Behaviour, FaultChance, Latency, Mock};

use crate::harness::{Folder, HEADER, rows};

fn faulty(seed: u64, percent: f64) -> Mock {
    let kinds = [
        "429",
        "500",
        "502",
        "502-after",
        "503-after",
        "hang",
        "reset-before",
        "reset-after",
        "broken-json",
    ];
    let chance = percent / 100.0;
    let faults = kinds.map(|kind| FaultChance { kind: kind.parse().unwrap(), chance }).to_vec();
    let latency = Latency::Exponential(Duration::from_millis(2));
    Mock::start(Behaviour { faults, seed, latency, ..Behaviour::default() }, 0).unwrap()
}

/// Launches `count` rows under faults; every word of the report must be true.
fn launch(seed: u64, percent: f64, count: u64, flags: &[&str]) {
    let (mock, folder) = (faulty(seed, percent), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, count)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "unlimited", "--timeout", "300ms"];
    let quick = ["--backoff", "1ms..50ms", "--concurrency", "32"];
    let run = folder.run(&[&words[..], &quick, flags, &["--esb", &mock.url()]].concat());
    let report = folder.report("r.csv");
    report.is_complete(count);
    let counts = mock.counts();
    for line in &report.lines {
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
    launch(1, 2.0, 500, &[]);
}

#[test]
fn with_few_retries_and_many_faults_nothing_is_made_up() {
    launch(2, 8.0, 200, &["--retries", "1"]);
    launch(3, 8.0, 100, &["--retries", "0"]);
}

#[test]
#[ignore = "many rounds"]
fn every_word_of_the_report_is_true_many_times() {
    for seed in 10..15 {
        launch(seed, 2.0, 1000, &[]);
        launch(seed, 6.0, 200, &["--retries", "1"]);
    }
}
