//! Rows of JSON Lines: one object per line.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use serde_json::error::Category;
use serde_json::value::RawValue;

use super::error::BadRecord;
use super::fields::{MAX_RECORD_BYTES, TaskFields, has_leading_zeros, whole};
use super::filter::RowFilter;
use super::keys::{Keys, NamedKeys, NewKeys, Object};
use super::null::NullWords;
use super::tail::Tail;
use crate::domain::row::{Fault, Row};
use crate::domain::task_column::TaskColumn;
use crate::rules::selection::ColumnMap;

pub(super) struct JsonRows<R> {
    source: R,
    line: u64,
    bytes: Vec<u8>,
    pub keys: Keys,
    new_keys: NewKeys,
    tail: Tail,
    pub named: NamedKeys,
    pub filter: RowFilter,
    /// Number of usable rows so far with an id that has leading zeros.
    pub leading_zeros: u64,
    /// First row: read to learn the keys, and kept until it is asked for.
    first: Option<Row>,
}

impl<R: BufRead> JsonRows<R> {
    /// Reads the first line, if there is one; `keys` are those that a check found.
    pub(super) fn open(
        source: R,
        keys: Option<Keys>,
        new_keys: NewKeys,
        (tail, named): (Tail, NamedKeys),
    ) -> io::Result<Result<Self, BadRecord>> {
        let known = keys.is_some();
        let keys = keys.unwrap_or_default();
        let (bytes, first, leading_zeros) = (Vec::new(), None, 0);
        let filter = RowFilter::new(Arc::clone(&named.selection), named.kinds());
        let line = 1;
        let mut rows =
            Self { source, line, bytes, keys, new_keys, tail, named, filter, leading_zeros, first };
        if !known && let Some((line, extent)) = rows.read()? {
            match rows.row(line, extent) {
                Ok(first) => rows.first = first,
                Err(bad) => return Ok(Err(bad)),
            }
        }
        Ok(Ok(rows))
    }

    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next line that is not blank: its number, and whether it is complete.
    fn read(&mut self) -> io::Result<Option<(u64, LineExtent)>> {
        loop {
            self.bytes.clear();
            let limit = MAX_RECORD_BYTES as u64 + 1;
            let count = (&mut self.source).take(limit).read_until(b'\n', &mut self.bytes)?;
            let is_torn = self.tail == Tail::Torn && self.bytes.last() != Some(&b'\n');
            if count == 0 || (is_torn && self.source.fill_buf()?.is_empty()) {
                return Ok(None);
            }
            let line = self.line;
            self.line += 1;
            if count > MAX_RECORD_BYTES && self.bytes.last() != Some(&b'\n') {
                self.source.skip_until(b'\n')?;
                return Ok(Some((line, LineExtent::TooLong)));
            }
            if !self.bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some((line, LineExtent::Whole)));
            }
        }
    }

    /// Makes a row of the line that was read; `None` if it is left out.
    fn row(&mut self, line: u64, extent: LineExtent) -> Result<Option<Row>, BadRecord> {
        let is_out = !self.filter.keeps_line(line);
        // The first object tells the columns, also if it is left out.
        if is_out && (self.keys.origin.is_some() || extent == LineExtent::TooLong) {
            return Ok(None);
        }
        let without = |reason: String| Row {
            line,
            task: Err(TaskFields::default().bad(whole(reason))),
            carried: Box::default(),
        };
        if extent == LineExtent::TooLong {
            // Whether a condition would hold for it is not known.
            return Ok(Some(without("is longer than 1 MiB, and was passed over".into())));
        }
        let object: Object = match serde_json::from_slice(&self.bytes) {
            Ok(object) => object,
            Err(_) if is_out => return Ok(None),
            Err(error) => return Ok(Some(without(fault_of_line(&self.bytes, &error)))),
        };
        let Self { keys, named, filter, .. } = self;
        let selection = Arc::clone(&named.selection);
        if keys.origin.is_none() {
            keys.see_first(&object, &selection.map);
            named.see(&object);
            if self.new_keys == NewKeys::Ignore
                && let Some(what) = named.missing()
            {
                let what = format!(
                    "{what}. Of a stream only the first object is looked at: write the key there, \
                     if only as null, or give the list as a file"
                );
                return Err(BadRecord { line, what });
            }
        } else if self.new_keys == NewKeys::Add {
            named.see(&object);
        }
        if is_out {
            return Ok(None);
        }
        let task_id = object.parts(&selection.map, TaskColumn::TaskId).next();
        let task_id = task_id.map(text_of).unwrap_or_default();
        let value = |condition| named.value(&object, condition).map(text_of).unwrap_or_default();
        if !filter.keeps_fields(&task_id, |condition| Cow::Owned(value(condition))) {
            return Ok(None);
        }
        if self.new_keys == NewKeys::Add {
            keys.add(&object, &selection.map);
        }
        let (row, has_zeros) = row_of(line, &object, keys, &selection.map);
        self.leading_zeros += u64::from(has_zeros);
        Ok(Some(row))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineExtent {
    Whole,
    TooLong,
}

impl<R: BufRead> Iterator for JsonRows<R> {
    type Item = io::Result<Result<Row, BadRecord>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(Ok(Ok(first)));
        }
        loop {
            let row = match self.read().transpose()? {
                Ok((line, extent)) => self.row(line, extent).transpose(),
                Err(error) => return Some(Err(error)),
            };
            if let Some(row) = row {
                return Some(Ok(row));
            }
        }
    }
}

/// Returns the row of an object, and whether it has a usable id with leading zeros.
fn row_of(line: u64, object: &Object, keys: &Keys, map: &ColumnMap) -> (Row, bool) {
    let text = |column| object.parts(map, column).next().map(text_of).unwrap_or_default();
    let (biz_id, task_id, scope) =
        (text(TaskColumn::BizId), text(TaskColumn::TaskId), text(TaskColumn::Scope));
    let fields = TaskFields { biz_id: &biz_id, task_id: &task_id, scope: &scope };
    let task = match object.repeated(map) {
        Some(column) => Err(fields.bad(Fault {
            column: Some(column.name()),
            reason: "stands in the object more than once".into(),
        })),
        // JSON has a null of its own, so no word means it.
        None => fields.task(NullWords::None),
    };
    let carried = keys
        .names
        .iter()
        .map(|name| {
            let value = object.0.iter().find(|(key, _)| **key == **name);
            value.map(|(_, value)| text_of(value)).unwrap_or_default().into()
        })
        .collect();
    let has_zeros = task.is_ok() && [&biz_id, &task_id].into_iter().any(|id| has_leading_zeros(id));
    (Row { line, task, carried }, has_zeros)
}

/// Says why a line is no JSON object.
fn fault_of_line(bytes: &[u8], error: &serde_json::Error) -> String {
    let first = bytes.trim_ascii_start().first().copied().unwrap_or_default();
    let other = match first {
        b'[' => {
            return "is a JSON array, not an object; if it is the whole list, jq -c '.[]' makes a \
                    line of each object"
                .into();
        }
        b'"' => "string",
        b'-' | b'0'..=b'9' => "number",
        b't' | b'f' => "boolean",
        b'n' => "null",
        _ => "",
    };
    let column = error.column();
    let said = error.to_string();
    let what = said.rsplit_once(" at line ").map_or(&*said, |(what, _)| what);
    match error.classify() {
        Category::Data if !other.is_empty() => format!("is a JSON {other}, not an object"),
        Category::Eof if first == b'{' => {
            "is the beginning of a JSON object only; jq -c . puts each object into one line".into()
        }
        _ => format!("is no JSON object: column {column}: {what}"),
    }
}

/// Returns a string's text, nothing for null, and anything else as written.
fn text_of(value: &RawValue) -> String {
    match value.get() {
        "null" => String::new(),
        json if json.starts_with('"') => {
            serde_json::from_str(json).unwrap_or_else(|_| json.to_owned())
        }
        json => json.to_owned(),
    }
}
