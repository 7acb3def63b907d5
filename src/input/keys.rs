//! Keys of JSON Lines: which become columns of the report, and which a selection names.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use strum::VariantArray as _;

use super::layout::{TableOrigin, carried_name};
use super::missing_column::{is_same, unknown, unmapped};
use crate::domain::record::COLUMNS;
use crate::domain::row::Columns;
use crate::domain::task_column::TaskColumn;
use crate::rules::selection::{ColumnMap, FieldKind, Selection};

/// Further keys of an input, in the order of their first occurrence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    pub names: Vec<Box<str>>,
    pub origin: Option<TableOrigin>,
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
        let origin = self.origin.unwrap_or(TableOrigin::ForeignKind);
        self.names.iter().filter_map(|name| carried_name(name, origin)).collect()
    }

    /// Learns from the first object whether the input is a report of this program.
    pub(super) fn see_first(&mut self, object: &Object, map: &ColumnMap) {
        let has = |column: &str| object.0.iter().any(|(key, _)| key.eq_ignore_ascii_case(column));
        let origin = if COLUMNS.iter().all(|column| has(column)) {
            TableOrigin::Report
        } else {
            TableOrigin::ForeignKind
        };
        self.origin = Some(origin);
        self.add(object, map);
    }

    pub(super) fn add(&mut self, object: &Object, map: &ColumnMap) {
        for (key, _) in &object.0 {
            let own = self.origin == Some(TableOrigin::Report)
                && COLUMNS.iter().any(|column| key.eq_ignore_ascii_case(column));
            let is_part = map.column_of(key).is_some();
            if !own && !is_part && !self.names.iter().any(|name| **name == **key) {
                self.names.push(key.as_str().into());
            }
        }
    }
}

/// Keys that a selection names, until an object has them.
pub(super) struct NamedKeys {
    pub selection: Arc<Selection>,
    /// Conditions whose key no object had so far, by their positions.
    conditions: Vec<usize>,
    /// Mapped columns whose key no object had so far.
    mapped: Vec<TaskColumn>,
    /// Keys of the objects so far.
    found: Vec<String>,
}

impl NamedKeys {
    pub(super) fn new(selection: Arc<Selection>) -> Self {
        let map = &selection.map;
        let further = |at: &usize| map.meant_by(&selection.conditions[*at].column).is_none();
        let conditions = (0..selection.conditions.len()).filter(further).collect();
        let mapped = map.iter().map(|mapping| mapping.column).collect();
        Self { conditions, mapped, found: Vec::new(), selection }
    }

    /// Returns what the values of each condition's key are.
    pub(super) fn kinds(&self) -> Vec<FieldKind> {
        let conditions = self.selection.conditions.iter();
        conditions.map(|condition| self.selection.kind(condition)).collect()
    }

    /// Returns the value that a condition is about, by its position.
    pub(super) fn value<'a>(&self, object: &'a Object, condition: usize) -> Option<&'a RawValue> {
        let Selection { map, conditions, .. } = &*self.selection;
        let column = &conditions[condition].column;
        if let Some(own) = map.meant_by(column) {
            return object.parts(map, own).next();
        }
        let exact = object.0.iter().find(|(key, _)| key == column);
        let same = || object.0.iter().find(|(key, _)| is_same(key, column));
        exact.or_else(same).map(|(_, value)| &**value)
    }

    pub(super) fn see(&mut self, object: &Object) {
        if self.conditions.is_empty() && self.mapped.is_empty() {
            return;
        }
        let Selection { map, conditions, .. } = &*self.selection;
        let has = |name: &str| object.0.iter().any(|(key, _)| is_same(key, name));
        self.conditions.retain(|at| !has(&conditions[*at].column));
        self.mapped.retain(|column| map.header(*column).is_some_and(|header| !has(header)));
        for (key, _) in &object.0 {
            if !self.found.contains(key) {
                self.found.push(key.clone());
            }
        }
    }

    /// Says which key no object had, once there was an object.
    pub(super) fn missing(&self) -> Option<String> {
        let Selection { map, conditions, .. } = &*self.selection;
        if self.found.is_empty() {
            return None;
        }
        let found: Vec<_> = self.found.iter().map(|key| &**key).collect();
        if let Some(column) = self.mapped.first() {
            return Some(unmapped(*column, map.header(*column).unwrap_or_default(), &found));
        }
        self.conditions.first().map(|at| unknown(&conditions[*at], &found))
    }
}

/// Members of an object in their order, each value as written.
pub(super) struct Object(pub Vec<(String, Box<RawValue>)>);

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

impl Object {
    /// Returns the values of one of the columns that name a task; more than one is an error.
    pub(super) fn parts(
        &self,
        map: &ColumnMap,
        column: TaskColumn,
    ) -> impl Iterator<Item = &RawValue> {
        let members = self.0.iter().filter(move |(key, _)| map.column_of(key) == Some(column));
        members.map(|(_, value)| &**value)
    }

    /// Returns the column that the object has more than once, if any.
    pub(super) fn repeated(&self, map: &ColumnMap) -> Option<TaskColumn> {
        let mut columns = TaskColumn::VARIANTS.iter().copied();
        columns.find(|column| self.parts(map, *column).count() > 1)
    }
}
