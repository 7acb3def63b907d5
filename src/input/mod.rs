//! Rows from files and pipes, in the forms that people really have.
//!
//! Reading and judging only: nothing here knows what a row is for. A file can be
//! [checked](check) as a whole before anything is done with it; a stream comes as
//! it comes.

mod csv;
mod fields;
mod jsonl;
mod layout;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use crate::row::{Columns, Fault, Row};
use crate::task::{Business, Task};
use jsonl::{Keys, NewKeys};

/// A record longer than this is no row: memory must not depend on the input.
const LONGEST_RECORD: usize = 1024 * 1024;

/// So many bad rows are named one by one.
const NAMED: usize = 10;

/// Rows in the order of the input; after an error there are no more.
pub type Rows = Box<dyn Iterator<Item = Result<Row, InputError>> + Send>;

/// How an input is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// The form that the extension of `path` names; CSV where there is none.
    ///
    /// # Errors
    ///
    /// Where the extension is not known.
    pub fn of_path(path: &Path) -> Result<Self, InputError> {
        let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        match extension.as_ref().map(|extension| extension.to_str().unwrap_or_default()) {
            None | Some("csv") => Ok(Self::Csv),
            Some("tsv") => Ok(Self::Tsv),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            Some(_) => Err(InputError::Extension { path: path.to_owned() }),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonLines => "jsonl",
        })
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text {
            "csv" => Ok(Self::Csv),
            "tsv" => Ok(Self::Tsv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err(FormatError),
        }
    }
}

/// The text is no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a format is csv, tsv or jsonl")]
pub struct FormatError;

/// An input whose columns are known, about to be read.
pub struct Opened {
    /// The names of the further columns, as the report prints them.
    pub columns: Columns,
    /// The rows.
    pub rows: Rows,
}

/// What a look through a whole file found.
#[derive(Debug)]
pub struct Checked {
    path: PathBuf,
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
    /// Rows that can be launched, by business.
    pub businesses: BTreeMap<Business, u64>,
    /// The first task that can be launched.
    pub first: Option<Task>,
}

/// Looks through a whole file.
///
/// # Errors
///
/// Where it cannot be read, or is no table of rows at all.
pub fn check(path: &Path, format: Format) -> Result<Checked, InputError> {
    check_all(Reading::of_file(path, format, None, NewKeys::Add)?, path, format)
}

/// Looks through a whole stream, which is called `name`; it cannot be opened again.
///
/// # Errors
///
/// Where it cannot be read, or is no table of rows at all.
pub fn check_stream(
    source: Box<dyn Read + Send>,
    name: &str,
    format: Format,
) -> Result<Checked, InputError> {
    let reading = Reading::new(source, name.to_owned(), format, None, NewKeys::Add)?;
    check_all(reading, Path::new(name), format)
}

fn check_all(mut reading: Reading, path: &Path, format: Format) -> Result<Checked, InputError> {
    let mut checked = Checked {
        path: path.to_owned(),
        format,
        keys: None,
        rows: 0,
        bad: 0,
        first_bad: Vec::new(),
        duplicates: 0,
        businesses: BTreeMap::new(),
        first: None,
    };
    let mut keys = Vec::new();
    for row in &mut reading {
        checked.add(row?, &mut keys);
    }
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
                if self.first_bad.len() < NAMED {
                    self.first_bad.push((row.line, bad.fault));
                }
            }
            Ok(task) => {
                *self.businesses.entry(task.business).or_default() += 1;
                self.first.get_or_insert(task);
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

    /// Opens the file that was checked.
    ///
    /// # Errors
    ///
    /// Where it can no longer be read.
    pub fn open(&self) -> Result<Opened, InputError> {
        let keys = self.keys.clone();
        Reading::of_file(&self.path, self.format, keys, NewKeys::Ignore).map(Reading::opened)
    }
}

/// Opens a stream, which is called `name` in errors. It waits for the first line.
///
/// # Errors
///
/// Where it cannot be read, or is no table of rows at all.
pub fn open_stream(
    source: Box<dyn Read + Send>,
    name: &str,
    format: Format,
) -> Result<Opened, InputError> {
    Reading::new(source, name.to_owned(), format, None, NewKeys::Ignore).map(Reading::opened)
}

/// An input that is being read.
struct Reading {
    name: String,
    rows: Form,
}

type Source = BufReader<Box<dyn Read + Send>>;

enum Form {
    Empty,
    Separated(Box<csv::Rows<Source>>),
    JsonLines(Box<jsonl::Rows<Source>>),
}

impl Reading {
    fn of_file(
        path: &Path,
        format: Format,
        keys: Option<Keys>,
        new_keys: NewKeys,
    ) -> Result<Self, InputError> {
        let name = path.display().to_string();
        let failed = |source| InputError::Open { name: name.clone(), source };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(InputError::Folder { name });
        }
        Self::new(Box::new(file), name, format, keys, new_keys)
    }

    fn new(
        source: Box<dyn Read + Send>,
        name: String,
        format: Format,
        keys: Option<Keys>,
        new_keys: NewKeys,
    ) -> Result<Self, InputError> {
        let read = |source| InputError::Read { name: name.clone(), line: 1, source };
        let source = match without_byte_order_mark(source).map_err(read)? {
            Start::Text(source) => BufReader::with_capacity(64 * 1024, source),
            Start::Utf16 => return Err(InputError::Utf16 { name }),
        };
        let separated =
            |delimiter, source| match csv::Rows::open(csv::Records::new(source, delimiter))
                .map_err(read)?
            {
                Ok(Some(rows)) => Ok(Form::Separated(Box::new(rows))),
                Ok(None) => Ok(Form::Empty),
                Err(Found { line, what }) => {
                    Err(InputError::Record { name: name.clone(), line, what })
                }
            };
        let rows = match format {
            Format::Csv => separated(b',', source)?,
            Format::Tsv => separated(b'\t', source)?,
            Format::JsonLines => {
                Form::JsonLines(Box::new(jsonl::Rows::open(source, keys, new_keys).map_err(read)?))
            }
        };
        Ok(Self { name, rows })
    }

    fn opened(self) -> Opened {
        let columns = match &self.rows {
            Form::Empty => Columns::from([]),
            Form::Separated(rows) => rows.columns(),
            Form::JsonLines(rows) => rows.keys.columns(),
        };
        Opened { columns, rows: Box::new(self) }
    }

    fn keys(self) -> Option<Keys> {
        match self.rows {
            Form::JsonLines(rows) => Some(rows.keys),
            Form::Empty | Form::Separated(_) => None,
        }
    }
}

impl Iterator for Reading {
    type Item = Result<Row, InputError>;

    fn next(&mut self) -> Option<Result<Row, InputError>> {
        let (row, line) = match &mut self.rows {
            Form::Empty => return None,
            Form::Separated(rows) => (rows.next()?, rows.line()),
            Form::JsonLines(rows) => (rows.next()?.map(Ok), rows.line()),
        };
        let name = || self.name.clone();
        let error = match row {
            Ok(Ok(row)) => return Some(Ok(row)),
            Ok(Err(Found { line, what })) => InputError::Record { name: name(), line, what },
            Err(source) => InputError::Read { name: name(), line, source },
        };
        // What cannot be read once is not read again.
        self.rows = Form::Empty;
        Some(Err(error))
    }
}

/// What is wrong with a record that no row can be made of.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    line: u64,
    what: String,
}

/// How an input begins.
enum Start {
    /// As text, without its byte order mark.
    Text(Box<dyn Read + Send>),
    Utf16,
}

/// Takes off the mark that editors on Windows put before a text. It reads no
/// more than it must, since the rest may not have been typed yet.
fn without_byte_order_mark(mut source: Box<dyn Read + Send>) -> io::Result<Start> {
    const UTF8: [u8; 3] = [0xef, 0xbb, 0xbf];
    let mut start = Vec::with_capacity(UTF8.len());
    let mut byte = [0];
    while start.len() < UTF8.len() && read_one(&mut source, &mut byte)? {
        start.push(byte[0]);
        if matches!(start[..], [0xff, 0xfe] | [0xfe, 0xff]) {
            return Ok(Start::Utf16);
        }
        let may_be_a_mark = UTF8.starts_with(&start) || matches!(start[..], [0xff | 0xfe]);
        if !may_be_a_mark {
            break;
        }
    }
    if start == UTF8 {
        return Ok(Start::Text(source));
    }
    Ok(Start::Text(Box::new(Cursor::new(start).chain(source))))
}

/// Reads one byte; `false` at the end.
fn read_one(source: &mut dyn Read, byte: &mut [u8; 1]) -> io::Result<bool> {
    loop {
        match source.read(byte) {
            Ok(count) => return Ok(count == 1),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// An input that cannot be read.
#[derive(Debug, Error)]
pub enum InputError {
    /// It cannot be opened.
    #[error("cannot open the input {name}: {source}")]
    Open {
        /// The input.
        name: String,
        /// What happened.
        source: io::Error,
    },
    /// It is a folder.
    #[error("the input {name} is a folder; name a file of rows, or - for standard input")]
    Folder {
        /// The input.
        name: String,
    },
    /// Reading failed.
    #[error("cannot read {name} from line {line} on: {source}")]
    Read {
        /// The input.
        name: String,
        /// The line that was to be read.
        line: u64,
        /// What happened.
        source: io::Error,
    },
    /// It is UTF-16.
    #[error("{name} is written in UTF-16; save it as UTF-8")]
    Utf16 {
        /// The input.
        name: String,
    },
    /// A record that no row can be made of: the first is neither a header nor a
    /// row, or a quote is never closed.
    #[error("{name}:{line}: {what}")]
    Record {
        /// The input.
        name: String,
        /// Its line.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The extension names no format.
    #[error("the name of {} tells no format; say --format csv, tsv or jsonl", path.display())]
    Extension {
        /// The input.
        path: PathBuf,
    },
}

#[cfg(test)]
mod tests;
