//! Counts as people say them.

/// Layout of the digits of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digits {
    /// In groups of three, for people: `2,000`.
    Grouped,
    /// As programs read them, also in a sentence: `2000`.
    Plain,
}

impl Digits {
    pub(crate) fn number(self, count: u64) -> String {
        let digits = count.to_string();
        if self == Self::Plain {
            return digits;
        }
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.char_indices() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }

    /// Formats a number of things: `0 rows`, `1 row`, `2 rows`.
    pub(crate) fn counted(self, count: u64, one: &str, more: &str) -> String {
        format!("{} {}", self.number(count), if count == 1 { one } else { more })
    }
}

/// Formats a number for people: `2,000`.
pub(crate) fn number(count: u64) -> String {
    Digits::Grouped.number(count)
}

/// Formats a number of things for people: `0 rows`, `1 row`, `2,000 rows`.
pub(crate) fn counted(count: u64, one: &str, more: &str) -> String {
    Digits::Grouped.counted(count, one, more)
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
            assert_eq!(Digits::Plain.counted(count, "row", "rows"), told.replace(',', ""));
        }
    }
}
