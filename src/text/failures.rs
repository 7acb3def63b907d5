//! Failures of a run by kind, each with what to do about it, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::advice::advice;
use super::count::lines;
use crate::domain::count::{counted, number};
use crate::domain::escape::escape_control;
use crate::rules::stats::{Group, Summary};

/// Maximum number of groups of failures shown to people; programs get them all.
const MAX_GROUPS: usize = 10;

/// Returns two lines for each kind of failure, each with a line end before it.
pub(super) fn text(summary: &Summary) -> String {
    let groups = summary.failures();
    let mut text = String::new();
    for group in groups.iter().take(MAX_GROUPS) {
        let _ = write!(text, "\n{}", failure(group));
    }
    if groups.len() > MAX_GROUPS {
        let more = counted((groups.len() - MAX_GROUPS) as u64, "more kind", "more kinds");
        let _ = write!(text, "\n  and {more}; the report has each row");
    }
    text
}

fn failure(group: &Group) -> String {
    let Group { outcome, error, message, examples, rows } = group;
    let said =
        if message.is_empty() { String::new() } else { format!(": {}", escape_control(message)) };
    let mut examples = examples.clone();
    examples.sort_unstable();
    let many = match (*rows, examples.len() as u64) {
        (1, _) => lines(&examples),
        (rows, known) if rows == known => format!("{} rows, {}", number(rows), lines(&examples)),
        (rows, _) => format!("{} rows, such as {}", number(rows), lines(&examples)),
    };
    let kind =
        if error.is_empty() { String::new() } else { format!(" ({})", escape_control(error)) };
    format!("  {outcome}{kind} {many}{said}\n    {}", advice(*outcome, error))
}

/// Returns the same for programs.
pub(super) fn json(summary: &Summary) -> Vec<Value> {
    let group = |group: &Group| {
        json!({
            "outcome": group.outcome.as_str(),
            "error": group.error,
            "message": group.message,
            "rows": group.rows,
            "example_line": group.examples.first(),
            "example_lines": group.examples,
            "advice": advice(group.outcome, &group.error),
        })
    };
    summary.failures().into_iter().map(group).collect()
}
