//! Words that mean "no value" in the columns that name a task.

use crate::domain::format::Format;

/// Words that mean "no value", besides an empty text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NullWords {
    None,
    /// Of SQL databases: `NULL` by `mysql -B`; `\N` by `mysqldump --tab`, `SELECT ... INTO OUTFILE`
    /// and `COPY`.
    Sql,
}

impl NullWords {
    /// Returns the words of a format: databases write TSV.
    #[must_use]
    pub(crate) const fn of(format: Format) -> Self {
        match format {
            Format::Tsv => Self::Sql,
            Format::Csv | Format::JsonLines => Self::None,
        }
    }

    /// Whether `text` is one of the words. As with ids and scopes, blanks around it do not count.
    #[must_use]
    pub(crate) fn has(self, text: &str) -> bool {
        self == Self::Sql && matches!(text.trim_matches([' ', '\t']), "NULL" | "\\N")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tsv_has_such_words_and_only_those_that_databases_write() {
        for (text, is_null) in [
            ("NULL", true),
            (" NULL ", true),
            ("\\N", true),
            ("null", false),
            ("\\n", false),
            ("N", false),
            ("", false),
            ("NULL NULL", false),
        ] {
            assert_eq!(NullWords::of(Format::Tsv).has(text), is_null, "{text:?}");
            assert!(!NullWords::of(Format::Csv).has(text), "{text:?}");
            assert!(!NullWords::of(Format::JsonLines).has(text), "{text:?}");
        }
    }
}
