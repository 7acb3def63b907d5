//! Rows of JSON Lines: one object per line.

use std::fmt;
use std::io::{self, BufRead, Read};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{MAX_RECORD_BYTES, TaskFields, whole};
use super::layout::{TableOrigin, carried_name};
use super::null::NullWords;
use super::tail::Tail;
use crate::domain::record::COLUMNS;
use crate::domain::row::{Columns, Fault, Row};

/// Further keys of an input, in the order of their first occurrence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    names: Vec<Box<str>>,
    origin: Option<TableOrigin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewKeys {
    /// For checking a file: each key becomes a column of the report.
    Add,
    /// For reading: the report's columns are fixed, for a stream by its first object.
    Ignore,
}

impl Keys {
    pub(super) fn columns(&self) -> Columns {
        let origin = self.origin.unwrap_or(TableOrigin::Foreign);
        self.names.iter().filter_map(|name| carried_name(name, origin)).collect()
    }

    /// Learns from the first object whether the input is a report of this program.
    fn see_first(&mut self, object: &Object) {
        let has = |column: &str| object.0.iter().any(|(key, _)| key.eq_ignore_ascii_case(column));
        let origin = if COLUMNS.iter().all(|column| has(column)) {
            TableOrigin::Report
        } else {
            TableOrigin::Foreign
        };
        self.origin = Some(origin);
        self.add(object);
    }

    fn add(&mut self, object: &Object) {
        for (key, _) in &object.0 {
            let own = self.origin == Some(TableOrigin::Report)
                && COLUMNS.iter().any(|column| key.eq_ignore_ascii_case(column));
            if !own && part(key).is_none() && !self.names.iter().any(|name| **name == **key) {
                self.names.push(key.as_str().into());
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TaskPart {
    BizId,
    TaskId,
    Scope,
}

fn part(key: &str) -> Option<TaskPart> {
    [
        ("bk_biz_id", TaskPart::BizId),
        ("biz_id", TaskPart::BizId),
        ("task_id", TaskPart::TaskId),
        ("scope", TaskPart::Scope),
    ]
    .into_iter()
    .find_map(|(name, part)| key.trim().eq_ignore_ascii_case(name).then_some(part))
}

/// Members of an object in their order, each value as written.
struct Object(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

pub(super) struct JsonRows<R> {
    source: R,
    line: u64,
    bytes: Vec<u8>,
    pub keys: Keys,
    new_keys: NewKeys,
    tail: Tail,
    /// First row: read to learn the keys, and kept until it is asked for.
    first: Option<Row>,
}

impl<R: BufRead> JsonRows<R> {
    /// Reads the first object, if there is one; `keys` are those that a check found.
    pub(super) fn open(
        source: R,
        keys: Option<Keys>,
        new_keys: NewKeys,
        tail: Tail,
    ) -> io::Result<Self> {
        let known = keys.is_some();
        let keys = keys.unwrap_or_default();
        let (bytes, first) = (Vec::new(), None);
        let mut rows = Self { source, line: 1, bytes, keys, new_keys, tail, first };
        if !known {
            rows.first = rows.next().transpose()?;
        }
        Ok(rows)
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

    fn row(&mut self, line: u64, extent: LineExtent) -> Row {
        let without = |reason: String| Row {
            line,
            task: Err(TaskFields::default().bad(whole(reason))),
            carried: Box::default(),
        };
        if extent == LineExtent::TooLong {
            return without("is longer than 1 MiB, and was passed over".into());
        }
        let object: Object = match serde_json::from_slice(&self.bytes) {
            Ok(object) => object,
            Err(error) => {
                return without(format!("is no JSON object: column {}: {error}", error.column()));
            }
        };
        if self.keys.origin.is_none() {
            self.keys.see_first(&object);
        } else if self.new_keys == NewKeys::Add {
            self.keys.add(&object);
        }
        row_of(line, &object, &self.keys)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineExtent {
    Whole,
    TooLong,
}

impl<R: BufRead> Iterator for JsonRows<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<io::Result<Row>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        let next = self.read().transpose()?;
        Some(next.map(|(line, extent)| self.row(line, extent)))
    }
}

fn row_of(line: u64, object: &Object, keys: &Keys) -> Row {
    let find = |wanted: TaskPart| object.0.iter().filter(move |(key, _)| part(key) == Some(wanted));
    let text = |wanted| find(wanted).next().map(|(_, value)| text_of(value)).unwrap_or_default();
    let (biz_id, task_id, scope) =
        (text(TaskPart::BizId), text(TaskPart::TaskId), text(TaskPart::Scope));
    let fields = TaskFields { biz_id: &biz_id, task_id: &task_id, scope: &scope };
    let twice =
        [(TaskPart::BizId, "bk_biz_id"), (TaskPart::TaskId, "task_id"), (TaskPart::Scope, "scope")]
            .into_iter()
            .find(|(part, _)| find(*part).count() > 1);
    let task = match twice {
        Some((_, column)) => Err(fields.bad(Fault {
            column: Some(column),
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
    Row { line, task, carried }
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
