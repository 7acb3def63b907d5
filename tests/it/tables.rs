//! Tables of the manual that list what programs read: they name all of it, and nothing else.

use std::collections::BTreeSet;
use std::fs;

use bk_launch::mock::{Behaviour, Mock};
use serde_json::Value;

use crate::docs::root;
use crate::harness::Folder;

/// The words of code in the first cells of the table that follows `heading` in `page`.
fn listed(page: &str, heading: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
    let section = text.split(&format!("\n{heading}\n")).nth(1).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let cells =
        rows.take_while(|line| line.starts_with('|')).map(|row| row.split('|').nth(1).unwrap());
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(str::to_owned).collect()
}

fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_columns_of_a_report_are_listed_in_their_order() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    folder.run(&["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()]).exits(0);
    let report = fs::read_to_string(folder.path("r.csv")).unwrap();
    let header: Vec<_> = report.lines().next().unwrap().split(',').collect();
    assert_eq!(listed("input-and-report.md", "### Columns"), header);
}

#[test]
fn the_outcomes_and_keys_of_a_summary_are_listed() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    let run = folder.run(&["run", "tasks.csv", "--json", "--esb", &mock.url()]).exits(0);
    let summary: Value = serde_json::from_str(&run.stdout()).unwrap();
    let listed = |heading| listed("input-and-report.md", heading).into_iter().collect();
    assert_eq!(keys(&summary), listed("## Summary"));
    assert_eq!(keys(&summary["outcomes"]), listed("### Outcomes"));
}

#[test]
fn the_metrics_are_listed() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    let words = ["run", "tasks.csv", "--metrics-file", "m.prom", "--stop-at", "+2h"];
    folder.run(&[&words[..], &["--esb", &mock.url()]].concat()).exits(0);
    let metrics = fs::read_to_string(folder.path("m.prom")).unwrap();
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let written: BTreeSet<_> = types.map(|line| line.split(' ').next().unwrap()).collect();
    let listed = listed("cron-and-monitoring.md", "## Metrics");
    let listed: BTreeSet<_> = listed.iter().map(|name| name.split('{').next().unwrap()).collect();
    // These two are unknown once a run is over.
    let of_a_run_that_goes_on =
        ["bk_launch_forecast_end_timestamp_seconds", "bk_launch_forecast_rows_left"];
    assert_eq!(&written | &BTreeSet::from(of_a_run_that_goes_on), listed);
}

#[test]
fn the_keys_of_a_measurement_are_listed() {
    let folder = Folder::new();
    // A busy machine may be too slow for a measurement, but the result is written.
    let bench = folder.run(&["bench", "--rate", "5/s", "--requests", "2", "--json"]);
    let result: Value = serde_json::from_str(&bench.stdout()).unwrap();
    let of_a_search = ["highest_per_second", "limited_by", "steps"].map(str::to_owned);
    let listed = listed("measuring.md", "## The result").into_iter().collect();
    assert_eq!(&keys(&result) | &of_a_search.into(), listed);
}
