//! Turns the texts of a row into a task, or says what is wrong with them.
//!
//! Pure, and the same for every format.

use super::null::NullWords;
use crate::domain::escape;
use crate::domain::row::{BadRow, Fault};
use crate::domain::task::{Business, Id, Scope, Task};

/// Maximum size of a record. A longer one is no row, so that memory does not depend on the input.
pub(super) const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// Maximum number of characters kept of a raw text.
const MAX_RAW_CHARS: usize = 200;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TaskFields<'a> {
    pub biz_id: &'a str,
    pub task_id: &'a str,
    pub scope: &'a str,
}

impl TaskFields<'_> {
    /// Returns the task, or what is wrong with the first invalid text; `nulls` mean "no value".
    pub(super) fn task(self, nulls: NullWords) -> Result<Task, Box<BadRow>> {
        let id = |column, text: &str| {
            if nulls.has(text) {
                return Err(self.bad(null(column, text)));
            }
            text.parse::<Id>().map_err(|error| self.bad(fault(column, &error, text)))
        };
        let business = id("bk_biz_id", self.biz_id)?;
        let task = id("task_id", self.task_id)?;
        let scope = if nulls.has(self.scope) { "" } else { self.scope };
        let scope = scope.parse::<Scope>();
        let scope = scope.map_err(|error| self.bad(fault("scope", &error, self.scope)))?;
        Ok(Task { business: Business { scope, id: business }, id: task })
    }

    #[must_use]
    #[expect(clippy::unnecessary_box_returns, reason = "a row holds it in a box")]
    pub(super) fn bad(self, fault: Fault) -> Box<BadRow> {
        let keep = |text: &str| text.chars().take(MAX_RAW_CHARS).collect();
        Box::new(BadRow {
            biz_id: keep(self.biz_id),
            task_id: keep(self.task_id),
            scope: keep(self.scope),
            fault,
        })
    }
}

fn fault(column: &'static str, error: &dyn std::fmt::Display, found: &str) -> Fault {
    let reason = if found.trim().is_empty() {
        error.to_string()
    } else if is_shortened(found.trim()) {
        let found = found.trim();
        format!(
            "is {found:.40}: Excel shortened it; give the column the number format 0, check the ids, \
             and save it again"
        )
    } else if let Some(unseen) = unseen(found) {
        format!("{error}; it holds {unseen}")
    } else {
        let found: String = found.chars().take(40).collect();
        format!("{error}, not {found:?}")
    };
    Fault { column: Some(column), reason }
}

/// Names the first character of a text that nobody sees there.
fn unseen(text: &str) -> Option<String> {
    Some(match escape::unseen(text)? {
        '\u{a0}' | '\u{202f}' => "a no-break space".to_owned(),
        '\u{3000}' => "a full-width space".to_owned(),
        '\u{200b}' => "a space without width".to_owned(),
        other => format!("a character that does not print (U+{:04X})", u32::from(other)),
    })
}

/// Whether a text is a long number as Excel shortens it, such as 1.23E+05.
#[must_use]
pub(super) fn is_shortened(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let (whole, part) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    digits(whole) && digits(part) && exponent.strip_prefix('+').is_some_and(digits)
}

/// Whether an id is written with zeros before it, which no request has.
#[must_use]
pub(super) fn has_leading_zeros(text: &str) -> bool {
    text.trim_start_matches([' ', '\t']).starts_with('0')
}

/// Returns the fault of an id that is a database's word for "no value".
fn null(column: &'static str, found: &str) -> Fault {
    let reason = format!("is {}, no value; a whole number from 1 is needed", found.trim());
    Fault { column: Some(column), reason }
}

#[must_use]
pub(super) fn whole(reason: String) -> Fault {
    Fault { column: None, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_column_is_named_with_what_would_be_right() {
        for (biz_id, task_id, scope, fault) in [
            ("", "1", "", "bk_biz_id is empty; a whole number from 1 is needed"),
            ("２", "1", "", "bk_biz_id must be written with the digits 0 to 9 alone, not \"２\""),
            ("2", "0", "", "task_id must be at least 1, not \"0\""),
            (
                "2",
                "\u{a0}7",
                "",
                "task_id must be written with the digits 0 to 9 alone; it holds a no-break space",
            ),
            (
                "2\u{3000}",
                "7",
                "",
                "bk_biz_id must be written with the digits 0 to 9 alone; it holds a full-width space",
            ),
            (
                "2",
                "7",
                "project\u{200e}",
                "scope must be cmdb_biz, project or empty (which means cmdb_biz); it holds a character that \
                 does not print (U+200E)",
            ),
            (
                "2",
                "\"7\n\\",
                "",
                "task_id must be written with the digits 0 to 9 alone, not \"\\\"7\\n\\\\\"",
            ),
            (
                "2",
                "99999999999999999999",
                "x",
                "task_id must be at most 9223372036854775807, not \"99999999999999999999\"",
            ),
            (
                "2",
                "1",
                "cmdb",
                "scope must be cmdb_biz, project or empty (which means cmdb_biz), not \"cmdb\"",
            ),
            (
                "2",
                "1.23E+05",
                "",
                "task_id is 1.23E+05: Excel shortened it; give the column the number format 0, check \
                 the ids, and save it again",
            ),
        ] {
            let bad = TaskFields { biz_id, task_id, scope }.task(NullWords::None).unwrap_err();
            assert_eq!(bad.fault.to_string(), fault);
            assert_eq!((&*bad.biz_id, &*bad.task_id, &*bad.scope), (biz_id, task_id, scope));
        }
    }

    #[test]
    fn a_number_that_excel_shortened_is_known() {
        for (text, is_short) in [
            ("1.23E+05", true),
            ("1E+10", true),
            ("1,23E+05", true),
            ("1.23e+05", true),
            ("1.23E-05", false),
            ("E+05", false),
            ("1.23E+", false),
            ("0E", false),
            ("123", false),
        ] {
            assert_eq!(is_shortened(text), is_short, "{text}");
        }
    }

    #[test]
    fn a_null_is_the_default_scope_or_a_missing_id() {
        let default = TaskFields { biz_id: "2", task_id: "17", scope: "" }.task(NullWords::None);
        for (biz_id, task_id, scope, fault) in [
            ("2", "17", "NULL", None),
            ("2", "17", "\\N", None),
            (
                "NULL",
                "17",
                "",
                Some("bk_biz_id is NULL, no value; a whole number from 1 is needed"),
            ),
            ("2", "\\N", "", Some("task_id is \\N, no value; a whole number from 1 is needed")),
            (
                "2",
                "17",
                "null",
                Some(
                    "scope must be cmdb_biz, project or empty (which means cmdb_biz), not \"null\"",
                ),
            ),
        ] {
            match (TaskFields { biz_id, task_id, scope }.task(NullWords::Sql), fault) {
                (Ok(task), None) => assert_eq!(Ok(task), default),
                (Err(bad), Some(fault)) => {
                    assert_eq!(bad.fault.to_string(), fault);
                    let raw = (&*bad.biz_id, &*bad.task_id, &*bad.scope);
                    assert_eq!(raw, (biz_id, task_id, scope), "the raw text is kept");
                }
                (found, _) => panic!("{found:?} of {biz_id:?} {task_id:?} {scope:?}"),
            }
            assert!(TaskFields { biz_id, task_id, scope }.task(NullWords::None).is_err());
        }
    }
}
