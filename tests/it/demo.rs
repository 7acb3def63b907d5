//! The demo: one command that shows it work.

use std::time::{Duration, Instant};

use crate::harness::{Folder, Report};

#[test]
fn the_demo_launches_the_sample_and_says_what_to_try_next() {
    let folder = Folder::new();
    let begun = Instant::now();
    let demo = folder.run(&["demo"]).exits(0);
    assert!(begun.elapsed() < Duration::from_mins(1));
    let told = demo.stdout();
    assert!(told.contains("what to try next"), "{demo}");
    let path = told.lines().find_map(|line| line.strip_prefix("report: ")).unwrap();
    let report = Report::read(std::path::Path::new(path));
    report.is_complete(55);
    for (outcome, count) in
        [("started", 51), ("already_started", 1), ("rejected", 2), ("duplicate", 1)]
    {
        assert_eq!(report.counts()[outcome], count, "{outcome}");
        assert!(told.contains(&format!("{count} {outcome}")), "{demo}");
    }
    let attempts = |line: &std::collections::BTreeMap<String, String>| {
        line["attempts"].parse::<u32>().unwrap()
    };
    assert!(report.lines.iter().any(|line| attempts(line) > 1), "some were sent again");
    let known_by_retry = report.lines.iter().filter(|line| line["known_by"] == "retry").count();
    assert_eq!(known_by_retry, 2);
    std::fs::remove_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
}
