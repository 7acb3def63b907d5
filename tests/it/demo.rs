//! The demo: one command that shows it work.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{Report, Scene};

#[test]
fn the_demo_launches_the_sample_and_says_what_to_try_next() {
    let begun = Instant::now();
    let demo = Scene::new().command("demo").exits(0).prints("what to try next");
    assert!(begun.elapsed() < Duration::from_mins(1));
    let told = demo.stdout();
    let path = told.lines().find_map(|line| line.strip_prefix("report: ")).unwrap();
    let report = Report::read(Path::new(path));
    report.is_complete(55);
    let mut demo = demo;
    for (outcome, count) in
        [("started", 51), ("already_started", 1), ("rejected", 2), ("duplicate", 1)]
    {
        assert_eq!(report.count(outcome), count, "{outcome}");
        demo = demo.prints(format!("{count} {outcome}"));
    }
    let is_sent_again = |attempts: &str| attempts.parse::<u32>().unwrap() > 1;
    assert!(report.lines.iter().any(|line| is_sent_again(&line["attempts"])));
    assert_eq!(report.count_where("known_by", "retry"), 2);
    std::fs::remove_dir_all(Path::new(path).parent().unwrap()).unwrap();
}
