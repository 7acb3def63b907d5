//! What is said if a flag names a column that the input has not.

use crate::domain::task_column::TaskColumn;
use crate::rules::selection::Condition;

/// Maximum number of columns listed in a message.
const MAX_LISTED: usize = 30;

/// Minimum likeness of a name that is proposed for an unknown one.
const MIN_LIKENESS: f64 = 0.7;

/// Whether two names are the same but for case, and for blanks around them.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

/// Says that there is no column of this name, and which there are.
pub(super) fn unknown(condition: &Condition, columns: &[&str]) -> String {
    let column = &condition.column;
    let likeness =
        |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &column.to_lowercase());
    let nearest = columns.iter().map(|known| (likeness(known), known));
    let nearest = nearest.max_by(|one, other| one.0.total_cmp(&other.0));
    let hint = match nearest {
        Some((likeness, known)) if likeness > MIN_LIKENESS => format!(" (did you mean {known}?)"),
        _ => String::new(),
    };
    format!(
        "--where '{condition}': there is no column {column}{hint}; there are {}",
        listed(columns)
    )
}

/// Says that there is no column to which one was mapped, and which there are.
pub(super) fn unmapped(column: TaskColumn, header: &str, columns: &[&str]) -> String {
    let column = column.name();
    format!("--map {column}={header}: there is no column {header}; there are {}", listed(columns))
}

fn listed(columns: &[&str]) -> String {
    let shown: Vec<_> = columns.iter().take(MAX_LISTED).map(|name| format!("{name:.40}")).collect();
    let more = if columns.len() > MAX_LISTED { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}
