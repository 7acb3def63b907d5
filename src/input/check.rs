//! Checks a whole input before anything is done with it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::InputError;
use super::jsonl::Keys;
use super::opened::OpenedInput;
use super::reading::{InputReader, ReadOptions};
use crate::domain::format::Format;
use crate::domain::row::{Fault, Row};
use crate::domain::task::Business;
use crate::rules::sample::RowSample;

/// Maximum number of invalid rows listed individually.
const MAX_BAD_LISTED: usize = 10;

#[derive(Debug)]
pub struct Checked {
    source: CheckedSource,
    name: String,
    format: Format,
    keys: Option<Keys>,
    pub rows: u64,
    /// Rows that cannot be used.
    pub bad: u64,
    /// First invalid rows: line, and what is wrong.
    pub first_bad: Vec<(u64, Fault)>,
    pub duplicates: u64,
    /// Rows with the default scope because theirs is a word for "no value".
    pub null_scopes: u64,
    /// Rows that can be launched, by business.
    pub businesses: BTreeMap<Business, u64>,
    /// Some of the rows that can be launched.
    pub sample: RowSample,
}

#[derive(Debug)]
enum CheckedSource {
    Path(PathBuf),
    Copy(Reopener),
    /// Can be read only once.
    Stream,
}

/// Opens an input from its first byte; can be called repeatedly.
pub(crate) type Reopen = Box<dyn Fn() -> Box<dyn Read + Send>>;

struct Reopener(Reopen);

impl fmt::Debug for Reopener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a copy")
    }
}

/// Checks the file at `path`; errors call it `name`.
///
/// # Errors
///
/// Returns an error if the file cannot be read, or holds no table of rows.
pub fn check(path: &Path, name: &str, format: Format) -> Result<Checked, InputError> {
    let reading = InputReader::of_file((path, name), format, ReadOptions::CHECK)?;
    check_all(reading, (CheckedSource::Path(path.to_owned()), name), format)
}

/// Checks an input that `reopen` opens; errors call it `name`.
pub(crate) fn check_again(
    reopen: Reopen,
    name: &str,
    format: Format,
) -> Result<Checked, InputError> {
    let reading = InputReader::new(reopen(), name.to_owned(), format, ReadOptions::CHECK)?;
    check_all(reading, (CheckedSource::Copy(Reopener(reopen)), name), format)
}

/// Checks a stream, which cannot be opened again; errors call it `name`.
pub(crate) fn check_stream(
    source: Box<dyn Read + Send>,
    name: &str,
    format: Format,
) -> Result<Checked, InputError> {
    let reading = InputReader::new(source, name.to_owned(), format, ReadOptions::CHECK)?;
    check_all(reading, (CheckedSource::Stream, name), format)
}

fn check_all(
    mut reading: InputReader,
    (source, name): (CheckedSource, &str),
    format: Format,
) -> Result<Checked, InputError> {
    let mut checked = Checked {
        source,
        name: name.to_owned(),
        format,
        keys: None,
        rows: 0,
        bad: 0,
        first_bad: Vec::new(),
        duplicates: 0,
        null_scopes: 0,
        businesses: BTreeMap::new(),
        sample: RowSample::default(),
    };
    let mut keys = Vec::new();
    for row in &mut reading {
        checked.add(row?, &mut keys);
    }
    checked.null_scopes = reading.null_scopes();
    checked.keys = reading.keys();
    checked.leave_out_duplicates(keys);
    Ok(checked)
}

impl Checked {
    /// Adds a row, and the key of its task to `keys`: sorting them at the end takes half the memory
    /// of a hash table.
    fn add(&mut self, row: Row, keys: &mut Vec<u128>) {
        self.rows += 1;
        match row.task {
            Err(bad) => {
                self.bad += 1;
                if self.first_bad.len() < MAX_BAD_LISTED {
                    self.first_bad.push((row.line, bad.fault));
                }
            }
            Ok(task) => {
                *self.businesses.entry(task.business).or_default() += 1;
                self.sample.add(row.line, task);
                keys.push(task.key());
            }
        }
    }

    fn leave_out_duplicates(&mut self, mut keys: Vec<u128>) {
        keys.sort_unstable();
        for pair in keys.windows(2).filter(|pair| pair[0] == pair[1]) {
            self.duplicates += 1;
            if let Some(count) = self.businesses.get_mut(&Business::of_key(pair[0])) {
                *count -= 1;
            }
        }
    }

    #[must_use]
    pub fn launchable(&self) -> u64 {
        self.rows - self.bad - self.duplicates
    }

    /// Name of the input in errors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn open(&self) -> Result<OpenedInput, InputError> {
        let Self { source, name, format, .. } = self;
        let options = ReadOptions { keys: self.keys.clone(), ..ReadOptions::STREAM };
        let source: Box<dyn Read + Send> = match source {
            CheckedSource::Path(path) => {
                return InputReader::of_file((path, name), *format, options)
                    .map(InputReader::opened);
            }
            CheckedSource::Copy(Reopener(reopen)) => reopen(),
            CheckedSource::Stream => Box::new(io::empty()),
        };
        InputReader::new(source, name.clone(), *format, options).map(InputReader::opened)
    }
}
