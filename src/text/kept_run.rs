//! The counts of a run whose reports were written again, for people and for programs.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::count::many;
use super::location::RunLocation;
use super::summary::counts;
use super::summary::unfinished::read_so_far;
use crate::domain::count::{Digits, counted};
use crate::domain::record::OutcomeKind;
use crate::rules::outcome_filter::OutcomeWord;
use crate::rules::stats::Summary;
use crate::session::run::Run;

/// Rows of a run that its reports were written with.
pub(crate) struct Written<'a> {
    /// What `--only` named; nothing for all rows.
    pub only: &'a [OutcomeWord],
    pub rows: u64,
}

/// The counts of a run, what of it was written, and where its reports are, for people.
pub(crate) fn text(
    summary: &Summary,
    is_part: bool,
    reports: &[PathBuf],
    written: Option<&Written<'_>>,
) -> String {
    let mut text = counts(summary);
    if is_part {
        let _ = write!(text, "\n{}", read_so_far(summary, Digits::Grouped));
    }
    if let Some(Written { only, rows }) = written.filter(|written| !written.only.is_empty()) {
        let rows = counted(*rows, "row", "rows");
        let only: Vec<_> = only.iter().map(ToString::to_string).collect();
        let _ = write!(text, "\nwritten: {rows} (--only {})", only.join(","));
    }
    for report in reports.iter().filter(|report| report.as_os_str() != "-") {
        let _ = write!(text, "\nreport: {}", report.display());
    }
    text
}

/// Says how rows that ended bad can be sent again; nothing if there are none. Invalid ones cannot.
pub(crate) fn again(summary: &Summary, location: &RunLocation) -> String {
    let bad = summary.bad() - summary.by_outcome()[OutcomeKind::Invalid];
    let resume = location.resume();
    match many(bad, "row", "rows") {
        Some(rows) => {
            format!("\nnext: {resume} --retry-failed sends again the {rows} that ended bad")
        }
        None => String::new(),
    }
}

/// Returns the same for programs.
pub(crate) fn json(run: &Run, summary: &Summary, reports: &[PathBuf], exit: Option<u8>) -> Value {
    json!({
        "run": run.folder.id.as_str(),
        "folder": run.folder.path.display().to_string(),
        "rows": summary.rows(),
        "outcomes": summary.all_counts().collect::<std::collections::BTreeMap<_, _>>(),
        "bad": summary.bad(),
        "reports": reports.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "exit": exit,
    })
}
