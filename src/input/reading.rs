//! Reads an input, whatever its format, and tells where something went wrong.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use super::error::{BadRecord, InputError};
use super::jsonl::{Keys, NewKeys};
use super::null::NullWords;
use super::opened::OpenedInput;
use super::tail::Tail;
use super::{csv, jsonl};
use crate::domain::format::Format;
use crate::domain::row::{Columns, Row};

pub(super) struct InputReader {
    name: String,
    rows: RowReader,
}

#[derive(Clone, Debug)]
pub(super) struct ReadOptions {
    /// Further keys of JSON Lines that a check found.
    pub keys: Option<Keys>,
    pub new_keys: NewKeys,
    pub tail: Tail,
}

impl ReadOptions {
    pub(super) const STREAM: Self =
        Self { keys: None, new_keys: NewKeys::Ignore, tail: Tail::Whole };

    /// For checking: learns all keys.
    pub(super) const CHECK: Self = Self { keys: None, new_keys: NewKeys::Add, tail: Tail::Whole };
}

type BufferedSource = BufReader<Box<dyn Read + Send>>;

enum RowReader {
    Empty,
    Separated(Box<csv::CsvRows<BufferedSource>>),
    JsonLines(Box<jsonl::JsonRows<BufferedSource>>),
}

impl InputReader {
    pub(super) fn of_file(
        (path, name): (&Path, &str),
        format: Format,
        options: ReadOptions,
    ) -> Result<Self, InputError> {
        let name = name.to_owned();
        let failed = |source| InputError::Open { name: name.clone(), source };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(InputError::Folder { name });
        }
        Self::new(Box::new(file), name, format, options)
    }

    pub(super) fn new(
        source: Box<dyn Read + Send>,
        name: String,
        format: Format,
        options: ReadOptions,
    ) -> Result<Self, InputError> {
        let ReadOptions { keys, new_keys, tail } = options;
        let read = |source| InputError::Read { name: name.clone(), line: 1, source };
        let source = match without_byte_order_mark(source).map_err(read)? {
            TextStart::Text(source) => BufReader::with_capacity(64 * 1024, source),
            TextStart::Utf16 => return Err(InputError::Utf16 { name }),
        };
        let separated = |delimiter, source| {
            let records = csv::Records::new(source, delimiter, tail);
            match csv::CsvRows::open(records, NullWords::of(format)).map_err(read)? {
                Ok(Some(rows)) => Ok(RowReader::Separated(Box::new(rows))),
                Ok(None) => Ok(RowReader::Empty),
                Err(BadRecord { line, what }) => {
                    Err(InputError::Record { name: name.clone(), line, what })
                }
            }
        };
        let rows = match format {
            Format::Csv => separated(b',', source)?,
            Format::Tsv => separated(b'\t', source)?,
            Format::JsonLines => RowReader::JsonLines(Box::new(
                jsonl::JsonRows::open(source, keys, new_keys, tail).map_err(read)?,
            )),
        };
        Ok(Self { name, rows })
    }

    pub(super) fn opened(self) -> OpenedInput {
        let columns = match &self.rows {
            RowReader::Empty => Columns::from([]),
            RowReader::Separated(rows) => rows.columns(),
            RowReader::JsonLines(rows) => rows.keys.columns(),
        };
        OpenedInput { columns, rows: Box::new(self) }
    }

    /// Number of usable rows so far whose scope was a word for "no value".
    pub(super) fn null_scopes(&self) -> u64 {
        match &self.rows {
            RowReader::Separated(rows) => rows.null_scopes,
            RowReader::Empty | RowReader::JsonLines(_) => 0,
        }
    }

    pub(super) fn keys(self) -> Option<Keys> {
        match self.rows {
            RowReader::JsonLines(rows) => Some(rows.keys),
            RowReader::Empty | RowReader::Separated(_) => None,
        }
    }
}

impl Iterator for InputReader {
    type Item = Result<Row, InputError>;

    fn next(&mut self) -> Option<Result<Row, InputError>> {
        let (row, line) = match &mut self.rows {
            RowReader::Empty => return None,
            RowReader::Separated(rows) => (rows.next()?, rows.line()),
            RowReader::JsonLines(rows) => (rows.next()?.map(Ok), rows.line()),
        };
        let name = || self.name.clone();
        let error = match row {
            Ok(Ok(row)) => return Some(Ok(row)),
            Ok(Err(BadRecord { line, what })) => InputError::Record { name: name(), line, what },
            Err(source) => InputError::Read { name: name(), line, source },
        };
        // After a read error the source is not read again.
        self.rows = RowReader::Empty;
        Some(Err(error))
    }
}

enum TextStart {
    /// Without its byte order mark.
    Text(Box<dyn Read + Send>),
    Utf16,
}

/// Removes the mark that editors on Windows put before a text. It reads no more than necessary,
/// since the rest may not have been typed yet.
fn without_byte_order_mark(mut source: Box<dyn Read + Send>) -> io::Result<TextStart> {
    const UTF8: [u8; 3] = [0xef, 0xbb, 0xbf];
    let mut start = Vec::with_capacity(UTF8.len());
    let mut byte = [0];
    while start.len() < UTF8.len() && read_one(&mut source, &mut byte)? {
        start.push(byte[0]);
        if matches!(start[..], [0xff, 0xfe] | [0xfe, 0xff]) {
            return Ok(TextStart::Utf16);
        }
        let may_be_a_mark = UTF8.starts_with(&start) || matches!(start[..], [0xff | 0xfe]);
        if !may_be_a_mark {
            break;
        }
    }
    if start == UTF8 {
        return Ok(TextStart::Text(source));
    }
    Ok(TextStart::Text(Box::new(Cursor::new(start).chain(source))))
}

/// Reads one byte; returns `false` at the end.
fn read_one(source: &mut dyn Read, byte: &mut [u8; 1]) -> io::Result<bool> {
    loop {
        match source.read(byte) {
            Ok(count) => return Ok(count == 1),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
