//! Texts that come before the summary.

use std::collections::BTreeMap;

use super::super::count::many;
use crate::domain::count::{counted, number};
use crate::domain::task::Business;

pub(crate) const NO_INPUT: &str =
    "no INPUT, so a mock inside is measured; it shares this machine's cores";

/// Maximum number of businesses that are listed.
const MAX_NAMED_BUSINESSES: usize = 5;

/// Says what a measurement would start.
pub(crate) fn starts(tasks: u64, businesses: &BTreeMap<Business, u64>, target: &str) -> String {
    let tasks = counted(tasks, "task", "tasks");
    let names: Vec<_> =
        businesses.keys().take(MAX_NAMED_BUSINESSES).map(ToString::to_string).collect();
    let mut names = names.join(", ");
    let more = businesses.len().saturating_sub(MAX_NAMED_BUSINESSES) as u64;
    if let Some(more) = many(more, "more business", "more businesses") {
        names = format!("{names} and {more}");
    }
    format!("this starts {tasks} of {names} at {target}")
}

/// Says that a file has fewer rows than the load has requests.
pub(crate) fn too_few_rows(requests: u64, input: &str, rows: u64) -> String {
    format!(
        "the load has {} requests, but {input} has {}: it ends when all rows are used",
        number(requests),
        counted(rows, "row", "rows")
    )
}

/// Says that the rows did not last for all that `--slo` is about.
pub(crate) fn judged_too_early(sent: u64) -> String {
    format!(
        "the rows were used up before the load was over, so --slo was judged by {} alone: exit 1",
        counted(sent, "request", "requests")
    )
}
