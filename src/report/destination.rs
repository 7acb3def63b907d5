//! Where a report goes: opened before anything is sent.

use std::io::{self, Write};
use std::path::Path;

use jiff::tz::TimeZone;

use super::csv::Csv;
use super::error::ReportError;
use super::file::{OutputFile, Placement};
use super::form::Report;
use super::jsonl::JsonLines;
use super::name::{IfExists, ReportName};
use super::open::OpenReport;
use crate::domain::format::Format;
use crate::domain::row::Columns;

/// The format that the extension of `path` names; CSV if there is none.
fn format_of(path: &Path) -> Result<Format, ReportError> {
    Format::of_path(path).ok_or_else(|| ReportError::Extension { path: path.to_owned() })
}

/// Destination of a report: open, and still empty.
pub struct Destination {
    name: ReportName,
    format: Format,
    /// `None` for standard output.
    file: Option<OutputFile>,
    out: Box<dyn Write + Send>,
}

impl Destination {
    /// Standard output, as CSV; `out` writes there.
    #[must_use]
    pub fn stdout(out: Box<dyn Write + Send>) -> Self {
        Self { name: ReportName::Stdout, format: Format::Csv, file: None, out }
    }

    /// Opens `path` for writing, before anything is sent.
    pub fn file(
        path: &Path,
        existing: IfExists,
        placement: Placement<'_>,
    ) -> Result<Self, ReportError> {
        let format = format_of(path)?;
        let file = OutputFile::open(path, existing, placement)?;
        let out = file.writer();
        Ok(Self { name: ReportName::File(path.to_owned()), format, file: Some(file), out })
    }

    /// Removes what was made for it.
    pub fn discard(self) {
        if let Some(file) = self.file {
            file.discard();
        }
    }

    /// Begins the report, with the input's further columns.
    pub fn begin(self, columns: &Columns, zone: &TimeZone) -> Result<OpenReport, ReportError> {
        let Self { name, format, file, out } = self;
        let zone = zone.clone();
        let separated = |delimiter, out, zone| -> io::Result<Box<dyn Report>> {
            Ok(Box::new(Csv::begin(out, delimiter, columns, zone)?))
        };
        let report = match format {
            Format::Csv => separated(b',', out, zone),
            Format::Tsv => separated(b'\t', out, zone),
            Format::JsonLines => {
                Ok(Box::new(JsonLines::new(out, columns.clone(), zone)) as Box<dyn Report>)
            }
        };
        match report {
            Ok(report) => Ok(OpenReport { name, report, file }),
            Err(source) => Err(ReportError::Write { name, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_never_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.csv");
        std::fs::write(&path, "precious").unwrap();
        let open = |existing| Destination::file(&path, existing, Placement::InPlace);
        let refused = open(IfExists::Refuse).err();
        assert!(matches!(refused, Some(ReportError::Exists { .. })), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        drop(open(IfExists::Overwrite).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn the_extension_names_the_form() {
        for (name, format) in [
            ("a", Some(Format::Csv)),
            ("a.csv", Some(Format::Csv)),
            ("a.CSV", Some(Format::Csv)),
            ("a.b/c", Some(Format::Csv)),
            ("a.tsv", Some(Format::Tsv)),
            ("a.jsonl", Some(Format::JsonLines)),
            ("a.xlsm", None),
        ] {
            assert_eq!(format_of(Path::new(name)).ok(), format, "{name}");
        }
    }
}
