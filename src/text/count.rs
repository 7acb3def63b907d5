//! Counts in a list of things, of which there may be none.

use crate::domain::count::counted;

/// `1 task`, `2,000 tasks`; `None` for none.
pub(crate) fn many(count: u64, one: &str, more: &str) -> Option<String> {
    (count > 0).then(|| counted(count, one, more))
}
