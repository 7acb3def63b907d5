//! A look through a whole input, before anything is done with it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::InputError;
use super::jsonl::Keys;
use super::reading::{Manner, Reading};
use super::{Format, Opened};
use crate::domain::row::{Fault, Row};
use crate::domain::task::Business;
use crate::rules::sample::Sample;

/// So many bad rows are named one by one.
const MAX_BAD_LISTED: usize = 10;

/// What a look through a whole file found.
#[derive(Debug)]
pub struct Checked {
    source: Source,
    name: String,
    format: Format,
    keys: Option<Keys>,
    /// All rows.
    pub rows: u64,
    /// Those that cannot be used.
    pub bad: u64,
    /// The first of them: line, and what is wrong.
    pub first_bad: Vec<(u64, Fault)>,
    /// Rows that repeat an earlier one.
    pub duplicates: u64,
    /// Rows that have the default scope, since theirs is a word for "no value".
    pub null_scopes: u64,
    /// Rows that can be launched, by business.
    pub businesses: BTreeMap<Business, u64>,
    /// A few of them.
    pub sample: Sample,
}

/// Where a checked input is read again.
#[derive(Debug)]
enum Source {
    Path(PathBuf),
    Copy(Copy),
    /// It can be read only once.
    Stream,
}

/// Opens an input from its first byte on, as often as it is called.
pub(crate) type Reopen = Box<dyn Fn() -> Box<dyn Read + Send>>;

struct Copy(Reopen);

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a copy")
    }
}

/// Looks through a whole file, which is called `name` in errors.
///
/// # Errors
///
/// Where it cannot be read, or is no table of rows at all.
pub fn check(path: &Path, name: &str, format: Format) -> Result<Checked, InputError> {
    let reading = Reading::of_file((path, name), format, Manner::CHECK)?;
    check_all(reading, (Source::Path(path.to_owned()), name), format)
}

/// Looks through a whole input that `reopen` opens, and that is called `name` in errors.
///
/// # Errors
///
/// Returns an error if it cannot be read, or is no table of rows at all.
pub(crate) fn check_again(
    reopen: Reopen,
    name: &str,
    format: Format,
) -> Result<Checked, InputError> {
    let reading = Reading::new(reopen(), name.to_owned(), format, Manner::CHECK)?;
    check_all(reading, (Source::Copy(Copy(reopen)), name), format)
}

/// Looks through a whole stream, which is called `name`; it cannot be opened again.
///
/// # Errors
///
/// Where it cannot be read, or is no table of rows at all.
pub(crate) fn check_stream(
    source: Box<dyn Read + Send>,
    name: &str,
    format: Format,
) -> Result<Checked, InputError> {
    let reading = Reading::new(source, name.to_owned(), format, Manner::CHECK)?;
    check_all(reading, (Source::Stream, name), format)
}

fn check_all(
    mut reading: Reading,
    (source, name): (Source, &str),
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
        sample: Sample::default(),
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
    /// Adds a row, and the key of its task to `keys`: sorting them at the end takes
    /// half the memory of a hash table.
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

    /// Rows that can be launched.
    #[must_use]
    pub fn launchable(&self) -> u64 {
        self.rows - self.bad - self.duplicates
    }

    /// What the input is called in errors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens the file that was checked.
    ///
    /// # Errors
    ///
    /// Where it can no longer be read.
    pub fn open(&self) -> Result<Opened, InputError> {
        let Self { source, name, format, .. } = self;
        let manner = Manner { keys: self.keys.clone(), ..Manner::STREAM };
        let source: Box<dyn Read + Send> = match source {
            Source::Path(path) => {
                return Reading::of_file((path, name), *format, manner).map(Reading::opened);
            }
            Source::Copy(Copy(reopen)) => reopen(),
            Source::Stream => Box::new(io::empty()),
        };
        Reading::new(source, name.clone(), *format, manner).map(Reading::opened)
    }
}
