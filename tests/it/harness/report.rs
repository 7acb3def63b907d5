//! A report, read back.

use std::collections::BTreeMap;
use std::ops::Index;
use std::path::Path;

/// The fields of one line, by column.
pub type Fields = BTreeMap<String, String>;

pub struct Report {
    pub columns: Vec<String>,
    pub lines: Vec<Fields>,
}

/// Outcome, how it is known, and attempts.
fn known(fields: &Fields) -> String {
    format!("{} {} {}", fields["outcome"], fields["known_by"], fields["attempts"])
}

impl Report {
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let mut reader = csv::Reader::from_path(path).unwrap();
        let columns: Vec<String> = reader.headers().unwrap().iter().map(Into::into).collect();
        let lines = reader
            .records()
            .map(|record| {
                let record = record.unwrap();
                columns.iter().cloned().zip(record.iter().map(Into::into)).collect()
            })
            .collect();
        Self { columns, lines }
    }

    /// The line of the input row on `line`.
    #[track_caller]
    pub fn line(&self, line: u64) -> &Fields {
        let line = line.to_string();
        let mut found = self.lines.iter().filter(|fields| fields["line"] == line);
        let first = found.next().unwrap_or_else(|| panic!("the report lacks line {line}"));
        assert!(found.next().is_none(), "line {line} is there twice");
        first
    }

    #[track_caller]
    pub fn outcome(&self, line: u64) -> &str {
        &self.line(line)["outcome"]
    }

    /// How many lines have each outcome.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            *counts.entry(line["outcome"].as_str()).or_default() += 1;
        }
        counts
    }

    /// How many lines have this outcome.
    pub fn count(&self, outcome: &str) -> u64 {
        self.of(outcome).count() as u64
    }

    /// The lines that have this outcome.
    pub fn of<'a>(&'a self, outcome: &'a str) -> impl Iterator<Item = &'a Fields> {
        self.lines.iter().filter(move |fields| fields["outcome"] == outcome)
    }

    /// How many lines have `value` in a column.
    pub fn count_where(&self, column: &str, value: &str) -> usize {
        self.lines.iter().filter(|fields| fields[column] == value).count()
    }

    /// All lines, in the order of the input.
    fn in_order(&self) -> impl Iterator<Item = &Fields> {
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by_key(|fields| fields["line"].parse::<u64>().unwrap());
        lines.into_iter()
    }

    /// The outcome of each row, in the order of the input.
    pub fn outcomes(&self) -> Vec<&str> {
        self.in_order().map(|fields| &*fields["outcome"]).collect()
    }

    /// Outcome, how it is known, and attempts of each row, in the order of the input.
    pub fn known(&self) -> Vec<String> {
        self.in_order().map(known).collect()
    }

    /// Ends the test unless every line of an input of `rows` rows with a header is there exactly
    /// once.
    #[track_caller]
    pub fn is_complete(&self, rows: u64) {
        let mut lines: Vec<u64> =
            self.lines.iter().map(|fields| fields["line"].parse().unwrap()).collect();
        lines.sort_unstable();
        assert!(lines.iter().copied().eq(2..2 + rows), "{rows} rows, found {lines:?}");
    }
}

/// One row, as a report has it.
pub struct Row {
    pub report: Report,
    pub fields: Fields,
}

impl Index<&str> for Row {
    type Output = str;

    fn index(&self, column: &str) -> &str {
        &self.fields[column]
    }
}

impl Row {
    /// Another row of the same report.
    #[track_caller]
    pub fn row(self, line: u64) -> Self {
        let fields = self.report.line(line).clone();
        Self { fields, ..self }
    }

    /// The row came out like this, and it is known like this.
    #[track_caller]
    pub fn is(self, outcome: &str, known_by: &str) -> Self {
        self.has("outcome known_by", [outcome, known_by])
    }

    /// Outcome, how it is known, and attempts are these.
    #[track_caller]
    pub fn known_as(self, as_words: &str) -> Self {
        assert_eq!(known(&self.fields), as_words, "{:?}", self.fields);
        self
    }

    /// These columns hold these values.
    #[track_caller]
    pub fn has<const N: usize>(self, columns: &str, values: [&str; N]) -> Self {
        let found: Vec<_> = columns.split(' ').map(|column| &self[column]).collect();
        assert_eq!(found, values, "{columns} of {:?}", self.fields);
        self
    }
}
