//! Notes of a plan on its rows, beside their number.

use std::fmt::Write;

use super::count::many;
use crate::domain::task::Id;
use crate::input::{Checked, NullWords};
use crate::rules::selection::Selection;
use crate::session::plan::Rows;

/// Maximum number of absent task ids listed individually.
const MAX_ABSENT: usize = 10;

/// Says why there is nothing to start, if no row can be launched.
pub(super) fn nothing_to_start(rows: &Rows<'_>) -> Option<&'static str> {
    match rows {
        Rows::Known(checked) => match (checked.rows, checked.left_out) {
            (0, 0) => Some("the list is empty: nothing to start"),
            (0, _) => Some("nothing to start"),
            _ if checked.launchable() == 0 => Some("no row can be used: nothing to start"),
            _ => None,
        },
        Rows::Left(left) if left.launchable() == 0 => Some("no row is left to start"),
        Rows::Left(_) | Rows::Unknown(_) => None,
    }
}

/// The rest of a plan's line, and lines after it.
pub(super) fn row_notes(rows: &Rows<'_>) -> String {
    match rows {
        Rows::Known(checked) => of_file(checked),
        Rows::Left(_) => String::new(),
        Rows::Unknown(input) => {
            let filters = input.selection.filters().join(", ");
            let only =
                if filters.is_empty() { filters } else { format!("; only those of {filters}") };
            match NullWords::of(input.format) {
                NullWords::Sql => only + "; a scope that is NULL means cmdb_biz",
                NullWords::None => only,
            }
        }
    }
}

fn of_file(checked: &Checked) -> String {
    let mut notes = left_out(checked.selection(), checked.left_out);
    if let Some(rows) = many(checked.null_scopes, "row has", "rows have") {
        let _ = write!(notes, "; {rows} no scope (NULL), which means cmdb_biz");
    }
    if let Some(rows) = many(checked.leading_zeros, "row has", "rows have") {
        let _ = write!(notes, "\nnote: {rows} ids with leading zeros; they are sent without them");
    }
    notes + &absent(&checked.absent)
}

fn left_out(selection: &Selection, rows: u64) -> String {
    let filters = selection.filters().join(", ");
    match many(rows, "row is", "rows are") {
        None if filters.is_empty() => String::new(),
        None => format!("; no row is left out ({filters})"),
        Some(rows) => format!("; {rows} left out ({filters})"),
    }
}

/// Names listed tasks that no row has: a typo in `--skip` would start what was to be spared.
fn absent(absent: &[(&'static str, Id)]) -> String {
    if absent.is_empty() {
        return String::new();
    }
    let named = absent.iter().take(MAX_ABSENT).map(|(flag, id)| format!("{id} ({flag})"));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = absent.len().saturating_sub(MAX_ABSENT);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("\nnote: no row has task {named}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_left_out_are_counted_with_the_flag_that_did_it() {
        let selection = Selection { lines: "2-3".parse().unwrap(), ..Selection::default() };
        for (selection, rows, said) in [
            (&selection, 0, "; no row is left out (--lines)"),
            (&selection, 1, "; 1 row is left out (--lines)"),
            (&selection, 12, "; 12 rows are left out (--lines)"),
            (&Selection::default(), 0, ""),
        ] {
            assert_eq!(left_out(selection, rows), said);
        }
    }

    #[test]
    fn tasks_that_no_row_has_are_named() {
        let listed = |count: u64| {
            let ids = (1..=count).map(|id| ("--skip", id.to_string().parse().unwrap()));
            absent(&ids.collect::<Vec<_>>())
        };
        assert_eq!(listed(0), "");
        assert_eq!(listed(2), "\nnote: no row has task 1 (--skip), 2 (--skip)");
        assert!(listed(12).ends_with("10 (--skip) and 2 more"));
    }
}
