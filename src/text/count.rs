//! Counts in a list of things, of which there may be none.

use crate::domain::count::counted;

/// `1 task`, `2,000 tasks`; `None` for none.
pub(crate) fn many(count: u64, one: &str, more: &str) -> Option<String> {
    (count > 0).then(|| counted(count, one, more))
}

/// `line 3`, `lines 3 and 7`, `lines 3, 7 and 9`
pub(crate) fn lines(numbers: &[u64]) -> String {
    let words: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [] => "no line".into(),
        [one] => format!("line {one}"),
        [all @ .., last] => format!("lines {} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_listed_as_people_do() {
        for (numbers, told) in
            [(&[3][..], "line 3"), (&[3, 7], "lines 3 and 7"), (&[3, 7, 9], "lines 3, 7 and 9")]
        {
            assert_eq!(lines(numbers), told);
        }
    }
}
