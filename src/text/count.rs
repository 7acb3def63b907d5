//! Counts as people say them.

/// `1 task`, `2 tasks`; `None` for none.
pub(crate) fn many(count: u64, one: &str, more: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {more}")),
    }
}
