//! Reads an input, whatever its format, and tells where something went wrong.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use super::error::{BadRecord, InputError};
use super::foreign::ForeignKind;
use super::keys::{Keys, NamedKeys, NewKeys};
use super::null::NullWords;
use super::opened::OpenedInput;
use super::start::{TextStart, start_of};
use super::tail::Tail;
use super::{csv, jsonl};
use crate::domain::format::Format;
use crate::domain::row::{Columns, Row};
use crate::domain::task::Id;
use crate::rules::selection::Selection;

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
    pub selection: Arc<Selection>,
}

impl ReadOptions {
    pub(super) fn stream(selection: &Arc<Selection>) -> Self {
        let selection = Arc::clone(selection);
        Self { keys: None, new_keys: NewKeys::Ignore, tail: Tail::Whole, selection }
    }

    /// For checking: learns all keys.
    pub(super) fn check(selection: &Arc<Selection>) -> Self {
        Self { new_keys: NewKeys::Add, ..Self::stream(selection) }
    }
}

/// Counts of what was read so far.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadCounts {
    /// Rows that are no part of the run.
    pub left_out: u64,
    /// Ids that the selection lists and no row has, each with its flag.
    pub absent: Vec<(&'static str, Id)>,
    /// Usable rows whose scope was a word for "no value".
    pub null_scopes: u64,
    /// Usable rows with an id that has leading zeros.
    pub leading_zeros: u64,
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
        let ReadOptions { keys, new_keys, tail, selection } = options;
        let read = |source| InputError::Read { name: name.clone(), line: 1, source };
        let foreign = |kind: ForeignKind| InputError::Foreign { told: kind.told(&name, format) };
        let mut source = match start_of(source).map_err(read)? {
            TextStart::Text(source) => BufReader::with_capacity(64 * 1024, source),
            TextStart::Foreign(kind) => return Err(foreign(kind)),
        };
        let first = source.fill_buf().map_err(read)?.trim_ascii_start().first();
        let is_array = first == Some(&b'[');
        let record =
            |BadRecord { line, what }| InputError::Record { name: name.clone(), line, what };
        let separated = |delimiter, source| {
            let records = csv::Records::new(source, delimiter, tail);
            match csv::CsvRows::open(records, NullWords::of(format), selection.clone())
                .map_err(read)?
            {
                Ok(Some(rows)) => Ok(RowReader::Separated(Box::new(rows))),
                Ok(None) => Ok(RowReader::Empty),
                Err(_) if is_array => Err(foreign(ForeignKind::JsonArray)),
                Err(bad) => Err(record(bad)),
            }
        };
        let rows = match format {
            Format::Csv => separated(b',', source)?,
            Format::Tsv => separated(b'\t', source)?,
            Format::JsonLines if is_array => return Err(foreign(ForeignKind::JsonArray)),
            Format::JsonLines => {
                let named = NamedKeys::new(selection.clone());
                let rows = jsonl::JsonRows::open(source, keys, new_keys, (tail, named));
                RowReader::JsonLines(Box::new(rows.map_err(read)?.map_err(record)?))
            }
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

    pub(super) fn counts(&self) -> ReadCounts {
        let (filter, null_scopes, leading_zeros) = match &self.rows {
            RowReader::Empty => return ReadCounts::default(),
            RowReader::Separated(rows) => (&rows.filter, rows.null_scopes, rows.leading_zeros),
            RowReader::JsonLines(rows) => (&rows.filter, 0, rows.leading_zeros),
        };
        let (left_out, absent) = (filter.left_out, filter.absent());
        ReadCounts { left_out, absent, null_scopes, leading_zeros }
    }

    /// Returns an error if the selection names a key that no object had.
    pub(super) fn check_keys(&self) -> Result<(), InputError> {
        let RowReader::JsonLines(rows) = &self.rows else { return Ok(()) };
        let missing = rows.named.missing();
        missing.map_or(Ok(()), |what| Err(InputError::Keys { name: self.name.clone(), what }))
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
            RowReader::JsonLines(rows) => (rows.next()?, rows.line()),
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
