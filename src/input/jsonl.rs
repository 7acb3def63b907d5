//! Rows of JSON Lines: one object a line.

use std::fmt;
use std::io::{self, BufRead, Read};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Fields, MAX_RECORD_BYTES, whole};
use super::layout::{Origin, carried_name};
use super::null::NullWords;
use super::tail::Tail;
use crate::domain::record::COLUMNS;
use crate::domain::row::{Columns, Fault, Row};

/// The further keys of an input, in the order in which they were first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    names: Vec<Box<str>>,
    origin: Option<Origin>,
}

/// Whether keys that were not seen before are taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewKeys {
    /// While a file is checked: the report gets a column for each.
    Add,
    /// The report's columns are fixed; of a stream the first object fixes them.
    Ignore,
}

impl Keys {
    /// The names of the further columns.
    pub(super) fn columns(&self) -> Columns {
        let origin = self.origin.unwrap_or(Origin::Foreign);
        self.names.iter().filter_map(|name| carried_name(name, origin)).collect()
    }

    /// Learns from the first object whose file this is.
    fn see_first(&mut self, object: &Object) {
        let has = |column: &str| object.0.iter().any(|(key, _)| key.eq_ignore_ascii_case(column));
        let origin =
            if COLUMNS.iter().all(|column| has(column)) { Origin::Report } else { Origin::Foreign };
        self.origin = Some(origin);
        self.add(object);
    }

    fn add(&mut self, object: &Object) {
        for (key, _) in &object.0 {
            let own = self.origin == Some(Origin::Report)
                && COLUMNS.iter().any(|column| key.eq_ignore_ascii_case(column));
            if !own && part(key).is_none() && !self.names.iter().any(|name| **name == **key) {
                self.names.push(key.as_str().into());
            }
        }
    }
}

/// The parts of a task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    BizId,
    TaskId,
    Scope,
}

fn part(key: &str) -> Option<Part> {
    [
        ("bk_biz_id", Part::BizId),
        ("biz_id", Part::BizId),
        ("task_id", Part::TaskId),
        ("scope", Part::Scope),
    ]
    .into_iter()
    .find_map(|(name, part)| key.trim().eq_ignore_ascii_case(name).then_some(part))
}

/// The members of an object, in their order, with their values as they are written.
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

/// The rows of an input.
pub(super) struct Rows<R> {
    source: R,
    line: u64,
    bytes: Vec<u8>,
    /// The further keys that were seen.
    pub keys: Keys,
    new_keys: NewKeys,
    tail: Tail,
    /// The first row, read to learn the keys, waits here until it is asked for.
    first: Option<Row>,
}

impl<R: BufRead> Rows<R> {
    /// Reads the first object, if there is one; `keys` are those that a check found.
    ///
    /// # Errors
    ///
    /// Where the input cannot be read.
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

    /// The line that is read next.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Reads a line that is not blank: its number, and whether it came whole.
    fn read(&mut self) -> io::Result<Option<(u64, Extent)>> {
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
                return Ok(Some((line, Extent::TooLong)));
            }
            if !self.bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some((line, Extent::Whole)));
            }
        }
    }

    fn row(&mut self, line: u64, extent: Extent) -> Row {
        let without = |reason: String| Row {
            line,
            task: Err(Fields::default().bad(whole(reason))),
            carried: Box::default(),
        };
        if extent == Extent::TooLong {
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
enum Extent {
    Whole,
    TooLong,
}

impl<R: BufRead> Iterator for Rows<R> {
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
    let find = |wanted: Part| object.0.iter().filter(move |(key, _)| part(key) == Some(wanted));
    let text = |wanted| find(wanted).next().map(|(_, value)| text_of(value)).unwrap_or_default();
    let (biz_id, task_id, scope) = (text(Part::BizId), text(Part::TaskId), text(Part::Scope));
    let fields = Fields { biz_id: &biz_id, task_id: &task_id, scope: &scope };
    let twice = [(Part::BizId, "bk_biz_id"), (Part::TaskId, "task_id"), (Part::Scope, "scope")]
        .into_iter()
        .find(|(part, _)| find(*part).count() > 1);
    let task = match twice {
        Some((_, column)) => Err(fields.bad(Fault {
            column: Some(column),
            reason: "stands in the object more than once".into(),
        })),
        // JSON has a null of its own.
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

/// A text as it is, null as nothing, anything else as it is written.
fn text_of(value: &RawValue) -> String {
    match value.get() {
        "null" => String::new(),
        json if json.starts_with('"') => {
            serde_json::from_str(json).unwrap_or_else(|_| json.to_owned())
        }
        json => json.to_owned(),
    }
}
