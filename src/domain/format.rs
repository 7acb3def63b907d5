//! Formats of inputs and reports, and their words.

use std::ffi::OsStr;
use std::path::Path;

use strum::{Display, EnumString, VariantNames};
use thiserror::Error;

/// Format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "lowercase", parse_err_ty = FormatError, parse_err_fn = FormatError::new)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// One JSON object per line.
    #[strum(serialize = "jsonl")]
    JsonLines,
}

impl Format {
    /// Returns the format named by the extension of `path`: CSV if it has none, `None` if the
    /// extension names no format.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        let Some(extension) = path.extension().map(OsStr::to_ascii_lowercase) else {
            return Some(Self::Csv);
        };
        extension.to_str()?.parse().ok()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a format is csv, tsv or jsonl")]
pub struct FormatError;

impl FormatError {
    const fn new(_: &str) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_named_by_its_word_and_by_an_extension() {
        for (word, format) in [
            ("csv", Ok(Format::Csv)),
            ("tsv", Ok(Format::Tsv)),
            ("jsonl", Ok(Format::JsonLines)),
            ("CSV", Err(FormatError)),
            ("ndjson", Err(FormatError)),
            ("json_lines", Err(FormatError)),
            ("", Err(FormatError)),
        ] {
            assert_eq!(word.parse(), format, "{word}");
            assert!(format.is_err() || format.is_ok_and(|format| format.to_string() == word));
        }
        for (name, format) in [
            ("a", Some(Format::Csv)),
            ("a.Csv", Some(Format::Csv)),
            ("a.b/c", Some(Format::Csv)),
            ("a.tsv", Some(Format::Tsv)),
            ("a.jsonl", Some(Format::JsonLines)),
            ("a.xlsx", None),
            ("a.", None),
        ] {
            assert_eq!(Format::of_path(Path::new(name)), format, "{name}");
        }
    }
}
