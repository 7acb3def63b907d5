//! Counts as people say them.

/// Formats a number with its digits in groups of three: `2,000`. For people; programs get plain
/// digits.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number of things: `0 rows`, `1 row`, `2,000 rows`.
pub(crate) fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { more })
}

/// Formats the same with plain digits, for sentences that programs are told, too: `2000 rows`.
pub(crate) fn counted_plain(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_and_one_is_singular() {
        for (count, told) in [
            (0, "0 rows"),
            (1, "1 row"),
            (2, "2 rows"),
            (999, "999 rows"),
            (1_000, "1,000 rows"),
            (20_500, "20,500 rows"),
            (100_000, "100,000 rows"),
            (1_234_567, "1,234,567 rows"),
        ] {
            assert_eq!(counted(count, "row", "rows"), told);
            assert_eq!(counted_plain(count, "row", "rows"), told.replace(',', ""));
        }
    }
}
