//! An input that is being read, whatever its format: its start, its rows, and
//! where in it something went wrong.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use super::error::{Found, InputError};
use super::jsonl::{Keys, NewKeys};
use super::null::NullWords;
use super::tail::Tail;
use super::{Format, Opened, csv, jsonl};
use crate::domain::row::{Columns, Row};

/// An input that is being read.
pub(super) struct Reading {
    name: String,
    rows: Form,
}

/// How an input is read.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// The further keys of JSON Lines that a check has found.
    pub keys: Option<Keys>,
    /// What becomes of others.
    pub new_keys: NewKeys,
    /// What the end of the input is worth.
    pub tail: Tail,
}

impl Manner {
    /// How a stream is read, from its first byte on.
    pub(super) const STREAM: Self =
        Self { keys: None, new_keys: NewKeys::Ignore, tail: Tail::Whole };

    /// How an input is read to learn all about it.
    pub(super) const CHECK: Self = Self { keys: None, new_keys: NewKeys::Add, tail: Tail::Whole };
}

type Source = BufReader<Box<dyn Read + Send>>;

enum Form {
    Empty,
    Separated(Box<csv::Rows<Source>>),
    JsonLines(Box<jsonl::Rows<Source>>),
}

impl Reading {
    /// A file.
    pub(super) fn of_file(
        (path, name): (&Path, &str),
        format: Format,
        manner: Manner,
    ) -> Result<Self, InputError> {
        let name = name.to_owned();
        let failed = |source| InputError::Open { name: name.clone(), source };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(InputError::Folder { name });
        }
        Self::new(Box::new(file), name, format, manner)
    }

    /// A stream, or whatever can be read.
    pub(super) fn new(
        source: Box<dyn Read + Send>,
        name: String,
        format: Format,
        manner: Manner,
    ) -> Result<Self, InputError> {
        let Manner { keys, new_keys, tail } = manner;
        let read = |source| InputError::Read { name: name.clone(), line: 1, source };
        let source = match without_byte_order_mark(source).map_err(read)? {
            Start::Text(source) => BufReader::with_capacity(64 * 1024, source),
            Start::Utf16 => return Err(InputError::Utf16 { name }),
        };
        let separated = |delimiter, source| {
            let records = csv::Records::new(source, delimiter, tail);
            match csv::Rows::open(records, NullWords::of(format)).map_err(read)? {
                Ok(Some(rows)) => Ok(Form::Separated(Box::new(rows))),
                Ok(None) => Ok(Form::Empty),
                Err(Found { line, what }) => {
                    Err(InputError::Record { name: name.clone(), line, what })
                }
            }
        };
        let rows = match format {
            Format::Csv => separated(b',', source)?,
            Format::Tsv => separated(b'\t', source)?,
            Format::JsonLines => Form::JsonLines(Box::new(
                jsonl::Rows::open(source, keys, new_keys, tail).map_err(read)?,
            )),
        };
        Ok(Self { name, rows })
    }

    /// Its columns, and its rows.
    pub(super) fn opened(self) -> Opened {
        let columns = match &self.rows {
            Form::Empty => Columns::from([]),
            Form::Separated(rows) => rows.columns(),
            Form::JsonLines(rows) => rows.keys.columns(),
        };
        Opened { columns, rows: Box::new(self) }
    }

    /// Number of usable rows so far whose scope was a word for "no value".
    pub(super) fn null_scopes(&self) -> u64 {
        match &self.rows {
            Form::Separated(rows) => rows.null_scopes,
            Form::Empty | Form::JsonLines(_) => 0,
        }
    }

    /// The further keys that were seen in JSON Lines.
    pub(super) fn keys(self) -> Option<Keys> {
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
