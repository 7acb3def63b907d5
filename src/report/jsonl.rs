//! The report as JSON Lines, for programs: one object a record.
//!
//! The keys are the columns of the CSV; a value that is not there is null, so
//! that a report can be told by its keys when it is read as input. Nothing is
//! guarded: no spreadsheet takes a JSON text for a formula.

use std::io::{self, BufWriter, Write};

use jiff::tz::TimeZone;
use serde::ser::{SerializeMap, Serializer};
use serde_json::ser::CompactFormatter;

use super::form::{Report, Stamps};
use crate::domain::record::{KnownBy, Record};
use crate::domain::row::Columns;

/// A report of JSON Lines.
pub(super) struct JsonLines<W: Write> {
    out: BufWriter<W>,
    columns: Columns,
    stamps: Stamps,
    /// When the record's last request left.
    sent: String,
}

impl<W: Write> JsonLines<W> {
    /// A report with the input's further columns.
    pub(super) fn new(out: W, columns: Columns, zone: TimeZone) -> Self {
        let out = BufWriter::with_capacity(64 * 1024, out);
        Self { out, columns, stamps: Stamps::new(zone), sent: String::new() }
    }

    fn object(&mut self, record: &Record) -> serde_json::Result<()> {
        let mut serializer =
            serde_json::Serializer::with_formatter(&mut self.out, CompactFormatter);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("line", &record.row.line)?;
        match &record.row.task {
            Ok(task) => {
                map.serialize_entry("bk_biz_id", &task.business.id.get())?;
                map.serialize_entry("task_id", &task.id.get())?;
                map.serialize_entry("scope", task.business.scope.as_str())?;
            }
            Err(bad) => {
                map.serialize_entry("bk_biz_id", &bad.biz_id)?;
                map.serialize_entry("task_id", &bad.task_id)?;
                map.serialize_entry("scope", &bad.scope)?;
            }
        }
        map.serialize_entry("outcome", record.outcome.as_str())?;
        map.serialize_entry("known_by", &record.outcome.known_by().map(KnownBy::as_str))?;
        let last = record.last.as_deref();
        let reply = last.map(|last| &last.reply);
        let is_said = last.is_some() || record.reason.is_some();
        map.serialize_entry("result", &reply.and_then(|reply| reply.result))?;
        map.serialize_entry("code", &reply.map(|reply| &reply.code))?;
        map.serialize_entry("message", &is_said.then(|| record.message()))?;
        map.serialize_entry("task_url", &reply.map(|reply| &reply.task_url))?;
        map.serialize_entry("request_id", &reply.map(|reply| &reply.request_id))?;
        map.serialize_entry("trace_id", &reply.map(|reply| &reply.trace_id))?;
        map.serialize_entry("client_request_id", &last.map(|last| last.id.as_str()))?;
        map.serialize_entry("http_status", &reply.and_then(|reply| reply.http_status))?;
        let error = match &record.row.task {
            Err(bad) => Some(bad.fault.to_string()),
            Ok(_) => record.class().map(|class| class.to_string()),
        };
        map.serialize_entry("error", &error)?;
        map.serialize_entry("attempts", &record.attempts)?;
        map.serialize_entry("started_at", &last.map(|_| &*self.sent))?;
        map.serialize_entry("latency_ms", &last.map(|last| last.latency.as_millis()))?;
        map.serialize_entry("elapsed_ms", &record.elapsed.map(|elapsed| elapsed.as_millis()))?;
        for (at, name) in self.columns.iter().enumerate() {
            map.serialize_entry(name, record.row.carried.get(at).map_or("", |field| field))?;
        }
        map.end()
    }
}

impl<W: Write + Send> Report for JsonLines<W> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        self.sent.clear();
        if let Some(last) = &record.last {
            self.stamps.write(last.sent, &mut self.sent);
        }
        self.object(record)?;
        self.out.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::{COLUMNS, Ending, Outcome};
    use crate::domain::row::{BadRow, Fault, Row};

    #[test]
    fn every_column_is_a_key_in_its_order() {
        let bad = BadRow {
            biz_id: "=2".into(),
            task_id: "x".into(),
            scope: String::new(),
            fault: Fault { column: Some("task_id"), reason: "must be digits".into() },
        };
        let record = Record {
            row: Row { line: 4, task: Err(Box::new(bad)), carried: Box::new([]) },
            outcome: Outcome::Invalid,
            ending: Ending::Settled,
            attempts: 0,
            first_sent: None,
            last: None,
            reason: None,
            elapsed: None,
        };
        let columns: Columns = ["note".into()].into();
        let mut out = Vec::new();
        let mut report = JsonLines::new(&mut out, columns, TimeZone::UTC);
        report.record(&record).unwrap();
        report.flush().unwrap();
        drop(report);
        let text = String::from_utf8(out).unwrap();
        let places: Vec<_> =
            COLUMNS.iter().map(|column| text.find(&format!("\"{column}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
        assert!(text.contains(r#""bk_biz_id":"=2""#) && text.contains(r#""known_by":null"#));
        assert!(text.ends_with("\"note\":\"\"}\n"), "{text}");
    }
}
