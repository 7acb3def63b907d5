//! Tables of the manual that list what programs read: they name all of it, and nothing else.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::docs::root;
use crate::harness::{Scene, launch};

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
    let run = launch("2,1\n").exits(0);
    assert_eq!(listed("input-and-report.md", "### Columns"), run.report().columns);
}

#[test]
fn the_outcomes_and_keys_of_a_summary_are_listed() {
    let summary = launch("2,1\n").with("--json").exits(0).json();
    let listed = |heading| listed("input-and-report.md", heading).into_iter().collect();
    assert_eq!(keys(&summary), listed("## Summary"));
    assert_eq!(keys(&summary["outcomes"]), listed("### Outcomes"));
}

#[test]
fn the_metrics_are_listed() {
    let run = launch("2,1\n").with("--metrics-file m.prom --stop-at +2h").exits(0);
    let metrics = run.scene().read("m.prom");
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
    // A busy machine may be too slow for a measurement, but the result is written.
    let result = Scene::new().command("bench --rate 5/s --requests 2 --json").ends().json();
    let of_a_search = ["highest_per_second", "limited_by", "steps"].map(str::to_owned);
    let listed = listed("measuring.md", "## The result").into_iter().collect();
    assert_eq!(&keys(&result) | &of_a_search.into(), listed);
}
