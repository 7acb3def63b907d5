//! Rows of CSV and TSV.
//!
//! csv-core cuts the records, and not the reader of the csv crate, which does not tell three
//! things: the line on which a record begins, whether a quote is still open at the end, and when a
//! record becomes too long.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::columns::{self, Field};
use super::error::BadRecord;
use super::fields::{MAX_RECORD_BYTES, TaskFields, has_leading_zeros, whole};
use super::filter::RowFilter;
use super::layout::{First, Layout, TableOrigin, by_names, first_record};
use super::null::NullWords;
use super::tail::Tail;
use crate::domain::row::{Columns, Row};
use crate::domain::spreadsheet::unguard;
use crate::rules::selection::{ColumnMap, FieldKind, Selection};

/// Maximum number of records looked at for a header below a title.
const MAX_TITLE_LINES: usize = 20;

const OPEN_QUOTE: &str = "this record opens a quote that is never closed";

/// Iterates over records; its buffers are reused.
pub(super) struct Records<R> {
    source: R,
    delimiter: u8,
    core: Reader,
    tail: Tail,
    /// Number of the line that is read next, from 1.
    line: u64,
    /// Whether the last byte was a CR: alone it ends a line, as on old Macs.
    after_cr: bool,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
}

const NOT_UTF8: &str = "not UTF-8; save the file as UTF-8 (if a Chinese Excel wrote it, say: \
                        iconv -f GB18030 -t UTF-8 FILE | bk-launch run -)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordExtent {
    Whole,
    /// Longer than [`MAX_RECORD_BYTES`], so it was skipped.
    TooLong,
    /// Still within quotes at the end of the input.
    OpenQuote,
    /// Without a line end, in a copy that may have been torn.
    Torn,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(source: R, delimiter: u8, tail: Tail) -> Self {
        let core = ReaderBuilder::new().delimiter(delimiter).build();
        Self {
            source,
            delimiter,
            core,
            tail,
            line: 1,
            after_cr: false,
            bytes: vec![0; 1024],
            ends: vec![0; 32],
            fields: 0,
        }
    }

    /// Reads the next record that is not blank, and the line on which it begins.
    fn next(&mut self) -> io::Result<Option<(u64, RecordExtent)>> {
        loop {
            if !self.skip_line_ends()? {
                return Ok(None);
            }
            let line = self.line;
            let extent = self.read()?;
            if extent == RecordExtent::Torn {
                return Ok(None);
            }
            if extent != RecordExtent::Whole || !self.is_blank() {
                return Ok(Some((line, extent)));
            }
        }
    }

    /// Skips line ends; returns `false` at the end of the input.
    fn skip_line_ends(&mut self) -> io::Result<bool> {
        loop {
            let input = self.source.fill_buf()?;
            if input.is_empty() {
                return Ok(false);
            }
            let count = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let begins = input.get(count).copied();
            (self.line, self.after_cr) = lines(self.line, self.after_cr, &input[..count]);
            self.source.consume(count);
            if begins.is_some() {
                self.line += u64::from(std::mem::take(&mut self.after_cr));
                return Ok(true);
            }
        }
    }

    /// Reads one record; unless it is whole it has no fields.
    fn read(&mut self) -> io::Result<RecordExtent> {
        let (mut length, mut ends) = (0, 0);
        let mut extent = RecordExtent::Whole;
        self.fields = 0;
        loop {
            let input = self.source.fill_buf()?;
            let at_end = input.is_empty();
            // At the end of the input a line end closes everything but a quote.
            let input = if at_end { b"\n" } else { input };
            let (result, taken, written, ended) =
                self.core.read_record(input, &mut self.bytes[length..], &mut self.ends[ends..]);
            if !at_end {
                (self.line, self.after_cr) = lines(self.line, self.after_cr, &input[..taken]);
                self.source.consume(taken);
            }
            length += written;
            ends += ended;
            match result {
                _ if at_end && self.tail == Tail::Torn => return Ok(RecordExtent::Torn),
                ReadRecordResult::Record => {
                    if extent == RecordExtent::Whole {
                        self.fields = ends;
                    }
                    return Ok(extent);
                }
                ReadRecordResult::InputEmpty if at_end => return Ok(RecordExtent::OpenQuote),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::End => return Ok(extent),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull
                    if length >= MAX_RECORD_BYTES || ends >= MAX_RECORD_BYTES =>
                {
                    // The rest of the record is read and dropped.
                    extent = RecordExtent::TooLong;
                    (length, ends) = (0, 0);
                }
                ReadRecordResult::OutputFull => self.bytes.resize(self.bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    fn field(&self, at: usize) -> &[u8] {
        let end = |at: usize| self.ends.get(at).copied().unwrap_or_default();
        let begin = if at == 0 { 0 } else { end(at - 1) };
        if at < self.fields { &self.bytes[begin..end(at)] } else { &[] }
    }

    fn is_blank(&self) -> bool {
        (0..self.fields).all(|at| self.field(at).iter().all(u8::is_ascii_whitespace))
    }
}

/// Returns the line number after `bytes`, and whether a CR came last. LF, CRLF and CR end a line.
fn lines(mut line: u64, mut after_cr: bool, bytes: &[u8]) -> (u64, bool) {
    for byte in bytes {
        line += u64::from(*byte == b'\n' || after_cr);
        after_cr = *byte == b'\r';
    }
    (line, after_cr)
}

pub(super) struct CsvRows<R> {
    records: Records<R>,
    layout: Layout,
    nulls: NullWords,
    pub filter: RowFilter,
    /// Fields of the columns of the filter's conditions.
    conditions: Vec<Field>,
    /// Number of usable rows so far whose scope was one of `nulls`.
    pub null_scopes: u64,
    /// Number of usable rows so far with an id that has leading zeros.
    pub leading_zeros: u64,
    /// First record, if it is a row: read to learn the columns, and kept until it is asked for.
    first: Option<Row>,
}

impl<R: Read> CsvRows<BufReader<R>> {
    /// Reads the header, or the first row; returns `None` if the input is empty. `nulls` mean "no
    /// value" in the columns that name a task.
    pub(super) fn open(
        mut records: Records<BufReader<R>>,
        nulls: NullWords,
        selection: Arc<Selection>,
    ) -> io::Result<Result<Option<Self>, BadRecord>> {
        let Some((line, extent)) = records.next()? else { return Ok(Ok(None)) };
        let fault = |what: String| Ok(Err(BadRecord { line, what }));
        match extent {
            RecordExtent::TooLong => return fault("the first record is longer than 1 MiB".into()),
            RecordExtent::OpenQuote => return fault(OPEN_QUOTE.into()),
            RecordExtent::Whole | RecordExtent::Torn => {}
        }
        let mut texts = Vec::with_capacity(records.fields);
        for at in 0..records.fields {
            match str::from_utf8(records.field(at)) {
                Ok(text) if text.contains('\0') => {
                    return fault("a NUL byte; if this is UTF-16, save it as UTF-8".into());
                }
                Ok(text) => texts.push(text),
                Err(_) => return fault(NOT_UTF8.into()),
            }
        }
        let (layout, is_row) = match first_record(&texts, nulls, &selection.map) {
            Err(what) => return fault(records.header_below(&selection.map).unwrap_or(what)),
            Ok(First::Header(layout)) => (layout, false),
            Ok(First::Row(layout)) => (layout, true),
        };
        let headers: Vec<_> =
            texts.iter().filter(|_| !is_row).map(|text| (*text).to_owned()).collect();
        let conditions = match columns::fields_of_conditions(&layout, &headers, &selection) {
            Err(what) => return fault(what),
            Ok(conditions) => conditions,
        };
        let kinds = conditions.iter().map(|(_, kind)| *kind).collect();
        let filter = RowFilter::new(selection, kinds);
        let (null_scopes, leading_zeros) = (0, 0);
        let mut rows = Self {
            records,
            layout,
            nulls,
            filter,
            conditions,
            null_scopes,
            leading_zeros,
            first: None,
        };
        if is_row {
            rows.first = rows.row(line, RecordExtent::Whole);
        }
        Ok(Ok(Some(rows)))
    }
}

impl<R: Read> Records<BufReader<R>> {
    /// Says where the header is, if it is below a title, in what has been read ahead.
    fn header_below(&self, map: &ColumnMap) -> Option<String> {
        let mut records = Records::new(self.source.buffer(), self.delimiter, Tail::Whole);
        (records.line, records.after_cr) = (self.line, self.after_cr);
        for _ in 0..MAX_TITLE_LINES {
            let (line, extent) = records.next().ok()??;
            let fields = (0..records.fields).map(|at| str::from_utf8(records.field(at)));
            let Ok(fields) = fields.collect::<Result<Vec<_>, _>>() else { continue };
            if extent == RecordExtent::Whole && by_names(&fields, map).is_ok() {
                return Some(format!(
                    "this is no header, and no row; the header is perhaps in line {line}: remove the \
                     lines above it"
                ));
            }
        }
        None
    }
}

impl<R: BufRead> CsvRows<R> {
    pub(super) fn columns(&self) -> Columns {
        self.layout.carried.iter().map(|(_, name)| name.clone()).collect()
    }

    pub(super) const fn line(&self) -> u64 {
        self.records.line
    }

    /// Makes a row of the record that was read; `None` if it is left out.
    fn row(&mut self, line: u64, extent: RecordExtent) -> Option<Row> {
        let Self { records, layout, nulls, filter, conditions, .. } = self;
        if !filter.keeps_line(line) {
            return None;
        }
        let without = |reason: &str| Row {
            line,
            task: Err(TaskFields::default().bad(whole(reason.into()))),
            carried: Box::default(),
        };
        if extent == RecordExtent::TooLong {
            // Whether a condition would hold for it is not known.
            return Some(without("is longer than 1 MiB, and was passed over"));
        }
        let text = |at: usize| {
            let text = String::from_utf8_lossy(records.field(at));
            match (layout.origin, text) {
                (TableOrigin::Report, Cow::Borrowed(text)) => unguard(text).into(),
                (_, text) => text,
            }
        };
        let (biz_id, task_id) = (text(layout.biz_id), text(layout.task_id));
        // Nor is it known for one whose fields are shifted or cannot be read.
        let fault = fault_of_record(records, layout);
        let keeps = fault.is_some()
            || filter.keeps_fields(&task_id, |condition| {
                let (at, kind) = conditions[condition];
                let field = at.map(text).unwrap_or_default();
                if kind != FieldKind::Text && nulls.has(&field) { Cow::default() } else { field }
            });
        if !keeps {
            return None;
        }
        let scope = layout.scope.map(text).unwrap_or_default();
        let fields = TaskFields { biz_id: &biz_id, task_id: &task_id, scope: &scope };
        let task = match fault {
            Some(reason) => Err(fields.bad(whole(reason))),
            None => fields.task(*nulls),
        };
        let is_null = task.is_ok() && nulls.has(&scope);
        let has_zeros =
            task.is_ok() && [&biz_id, &task_id].into_iter().any(|id| has_leading_zeros(id));
        let carried = layout.carried.iter().map(|(at, _)| text(*at).into()).collect();
        self.null_scopes += u64::from(is_null);
        self.leading_zeros += u64::from(has_zeros);
        Some(Row { line, task, carried })
    }
}

impl<R: BufRead> Iterator for CsvRows<R> {
    type Item = io::Result<Result<Row, BadRecord>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(Ok(Ok(first)));
        }
        loop {
            let (line, extent) = match self.records.next().transpose()? {
                Ok(next) => next,
                Err(error) => return Some(Err(error)),
            };
            // The open quote swallowed all rows after it, so this is not just one invalid row.
            if extent == RecordExtent::OpenQuote {
                return Some(Ok(Err(BadRecord { line, what: OPEN_QUOTE.into() })));
            }
            if let Some(row) = self.row(line, extent) {
                return Some(Ok(Ok(row)));
            }
        }
    }
}

/// Returns what is wrong with a record whatever its columns mean.
fn fault_of_record<R: BufRead>(records: &Records<R>, layout: &Layout) -> Option<String> {
    let is_empty = |at: usize| records.field(at).iter().all(u8::is_ascii_whitespace);
    // Spreadsheets write separators up to the last column that ever held something.
    if !(layout.width..records.fields).all(is_empty) {
        return Some(format!(
            "has {} fields, and the header {}; quote a field that holds a separator",
            records.fields, layout.width
        ));
    }
    let whole = &records.bytes[..records.ends[records.fields.saturating_sub(1)]];
    if whole.is_ascii() && !whole.contains(&0) {
        return None;
    }
    (0..records.fields).find_map(|at| match str::from_utf8(records.field(at)) {
        Err(_) => Some(format!("is not UTF-8 in column {}", at + 1)),
        Ok(text) if text.contains('\0') => Some(format!("holds a NUL byte in column {}", at + 1)),
        Ok(_) => None,
    })
}
