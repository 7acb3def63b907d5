//! Checks a whole input before anything is done with it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::InputError;
use super::keys::Keys;
use super::opened::OpenedInput;
use super::reading::{InputReader, ReadCounts, ReadOptions};
use crate::domain::format::Format;
use crate::domain::row::{Fault, Row};
use crate::domain::task::{Business, Id};
use crate::rules::sample::RowSample;
use crate::rules::selection::Selection;

/// Maximum number of invalid rows listed individually.
const MAX_BAD_LISTED: usize = 10;

#[derive(Debug)]
pub struct Checked {
    source: CheckedSource,
    name: String,
    format: Format,
    selection: Arc<Selection>,
    keys: Option<Keys>,
    /// Rows of the run: those that the selection leaves out are not counted.
    pub rows: u64,
    pub left_out: u64,
    /// Listed task ids that no row has, each with the flag that lists it.
    pub absent: Vec<(&'static str, Id)>,
    /// Rows that cannot be used.
    pub bad: u64,
    /// First invalid rows: line, and what is wrong.
    pub first_bad: Vec<(u64, Fault)>,
    pub duplicates: u64,
    /// Rows with the default scope because theirs is a word for "no value".
    pub null_scopes: u64,
    /// Rows with an id that has leading zeros, which are dropped.
    pub leading_zeros: u64,
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
pub fn check(
    path: &Path,
    name: &str,
    format: Format,
    selection: &Arc<Selection>,
) -> Result<Checked, InputError> {
    let reading = InputReader::of_file((path, name), format, ReadOptions::check(selection))?;
    check_all(reading, (CheckedSource::Path(path.to_owned()), name), format, selection)
}

/// Checks an input that `reopen` opens; errors call it `name`.
pub(crate) fn check_again(
    reopen: Reopen,
    name: &str,
    format: Format,
    selection: &Arc<Selection>,
) -> Result<Checked, InputError> {
    let options = ReadOptions::check(selection);
    let reading = InputReader::new(reopen(), name.to_owned(), format, options)?;
    check_all(reading, (CheckedSource::Copy(Reopener(reopen)), name), format, selection)
}

/// Checks a stream, which cannot be opened again; errors call it `name`.
pub(crate) fn check_stream(
    source: Box<dyn Read + Send>,
    name: &str,
    format: Format,
    selection: &Arc<Selection>,
) -> Result<Checked, InputError> {
    let options = ReadOptions::check(selection);
    let reading = InputReader::new(source, name.to_owned(), format, options)?;
    check_all(reading, (CheckedSource::Stream, name), format, selection)
}

fn check_all(
    mut reading: InputReader,
    (source, name): (CheckedSource, &str),
    format: Format,
    selection: &Arc<Selection>,
) -> Result<Checked, InputError> {
    let mut checked = Checked {
        source,
        name: name.to_owned(),
        format,
        selection: Arc::clone(selection),
        keys: None,
        rows: 0,
        left_out: 0,
        absent: Vec::new(),
        bad: 0,
        first_bad: Vec::new(),
        duplicates: 0,
        null_scopes: 0,
        leading_zeros: 0,
        businesses: BTreeMap::new(),
        sample: RowSample::default(),
    };
    let mut keys = Vec::new();
    for row in &mut reading {
        checked.add(row?, &mut keys);
    }
    reading.check_keys()?;
    let ReadCounts { left_out, absent, null_scopes, leading_zeros } = reading.counts();
    (checked.left_out, checked.absent) = (left_out, absent);
    (checked.null_scopes, checked.leading_zeros) = (null_scopes, leading_zeros);
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

    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Name of the input in errors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn open(&self) -> Result<OpenedInput, InputError> {
        let Self { source, name, format, selection, .. } = self;
        let options = ReadOptions { keys: self.keys.clone(), ..ReadOptions::stream(selection) };
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
