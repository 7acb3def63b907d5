//! The report as CSV or TSV, safe to open in a spreadsheet.

use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use jiff::tz::TimeZone;

use super::form::{Report, Stamps};
use crate::domain::record::{COLUMNS, Record};
use crate::domain::row::Columns;
use crate::domain::spreadsheet::guard;

/// A report of separated values.
pub(super) struct Csv<W: Write> {
    writer: Writer<W>,
    stamps: Stamps,
    columns: usize,
    /// Reused for every field that is not a text already.
    field: String,
}

impl<W: Write> Csv<W> {
    /// Writes the head: the report's columns, then the input's further ones.
    pub(super) fn begin(
        out: W,
        delimiter: u8,
        columns: &Columns,
        zone: TimeZone,
    ) -> io::Result<Self> {
        let mut writer = WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(64 * 1024)
            .from_writer(out);
        let further = columns.iter().map(|name| guard(name));
        let head = COLUMNS.into_iter().map(Into::into).chain(further);
        writer.write_record(head.map(|name: std::borrow::Cow<'_, str>| name.into_owned()))?;
        writer.flush()?;
        Ok(Self { writer, stamps: Stamps::new(zone), columns: columns.len(), field: String::new() })
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        Ok(self.writer.write_field(&*guard(text))?)
    }

    /// A number, a word of ours, or nothing: never a formula.
    fn plain(&mut self, value: Option<impl std::fmt::Display>) -> io::Result<()> {
        use std::fmt::Write as _;
        self.field.clear();
        if let Some(value) = value {
            write!(self.field, "{value}").map_err(io::Error::other)?;
        }
        Ok(self.writer.write_field(&self.field)?)
    }

    fn ids(&mut self, record: &Record) -> io::Result<()> {
        match &record.row.task {
            Ok(task) => {
                self.plain(Some(task.business.id))?;
                self.plain(Some(task.id))?;
                self.plain(Some(task.business.scope))
            }
            Err(bad) => {
                self.text(&bad.biz_id)?;
                self.text(&bad.task_id)?;
                self.text(&bad.scope)
            }
        }
    }

    fn last(&mut self, record: &Record) -> io::Result<()> {
        let last = record.last.as_deref();
        let reply = last.map(|last| &last.reply);
        self.plain(reply.and_then(|reply| reply.result))?;
        self.text(reply.map_or("", |reply| &reply.code))?;
        self.text(record.message())?;
        for text in [
            reply.map(|reply| &reply.task_url),
            reply.map(|reply| &reply.request_id),
            reply.map(|reply| &reply.trace_id),
        ] {
            self.text(text.map_or("", |text| text))?;
        }
        self.plain(last.map(|last| &last.id))?;
        self.plain(reply.and_then(|reply| reply.http_status))
    }

    fn error(&mut self, record: &Record) -> io::Result<()> {
        match &record.row.task {
            Err(bad) => self.text(&bad.fault.to_string()),
            Ok(_) => self.plain(record.class()),
        }
    }

    fn carried(&mut self, record: &Record) -> io::Result<()> {
        for column in 0..self.columns {
            self.text(record.row.carried.get(column).map_or("", |field| field))?;
        }
        Ok(())
    }
}

impl<W: Write + Send> Report for Csv<W> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        let last = record.last.as_deref();
        self.plain(Some(record.row.line))?;
        self.ids(record)?;
        self.plain(Some(record.outcome))?;
        self.plain(record.outcome.known_by().map(crate::domain::record::KnownBy::as_str))?;
        self.last(record)?;
        self.error(record)?;
        self.plain(Some(record.attempts))?;
        self.field.clear();
        if let Some(last) = last {
            self.stamps.write(last.sent, &mut self.field).map_err(io::Error::other)?;
        }
        self.writer.write_field(&self.field)?;
        self.plain(last.map(|last| last.latency.as_millis()))?;
        self.plain(record.elapsed.map(|elapsed| elapsed.as_millis()))?;
        self.carried(record)?;
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::{FailureClass, Reply};
    use crate::domain::record::{Attempted, Ending, KnownBy, Outcome};
    use crate::domain::request_id::{RequestId, RunId};
    use crate::domain::row::{BadRow, Fault, Row};
    use crate::domain::task::{Business, Scope, Task};
    use std::time::Duration;

    fn columns(names: &[&str]) -> Columns {
        names.iter().map(|name| Box::from(*name)).collect()
    }

    fn record(line: u64, outcome: Outcome) -> Record {
        let business = Business { scope: Scope::Project, id: "3".parse().unwrap() };
        Record {
            row: Row {
                line,
                task: Ok(Task { business, id: "27".parse().unwrap() }),
                carried: Box::new(["=1+1".into(), "-5".into()]),
            },
            outcome,
            ending: Ending::Settled,
            attempts: 0,
            first_sent: None,
            last: None,
            reason: None,
            elapsed: None,
        }
    }

    fn attempted(class: Option<FailureClass>) -> Box<Attempted> {
        let sent = "2026-12-01T14:00:00.0426Z".parse().unwrap();
        Box::new(Attempted {
            id: RequestId::new(&RunId::new(sent, 1), 1, 2, 3),
            sent,
            latency: Duration::from_micros(31_900),
            reply: Reply {
                http_status: Some(200),
                result: Some(class.is_none()),
                code: "0".into(),
                message: "@said, \"so\"".into(),
                task_url: "http://h/?instance_id=27".into(),
                request_id: "r".into(),
                trace_id: "t".into(),
            },
            class,
        })
    }

    fn written(records: &[Record]) -> String {
        let mut out = Vec::new();
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let mut csv = Csv::begin(&mut out, b',', &columns(&["note", "n"]), zone).unwrap();
        for record in records {
            csv.record(record).unwrap();
        }
        csv.flush().unwrap();
        drop(csv);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_column_has_its_place() {
        let mut started = record(2, Outcome::Started(KnownBy::Reply));
        started.attempts = 1;
        started.last = Some(attempted(None));
        started.elapsed = Some(Duration::from_millis(1207));
        let mut unknown = record(3, Outcome::Unknown);
        unknown.last = Some(attempted(Some(FailureClass::Ambiguous)));
        let mut invalid = record(4, Outcome::Invalid);
        invalid.row.task = Err(Box::new(BadRow {
            biz_id: "=2".into(),
            task_id: "x".into(),
            scope: String::new(),
            fault: Fault { column: Some("task_id"), reason: "must be digits".into() },
        }));
        invalid.row.carried = Box::new([]);
        let expected = "\
line,bk_biz_id,task_id,scope,outcome,known_by,result,code,message,task_url,request_id,trace_id,\
client_request_id,http_status,error,attempts,started_at,latency_ms,elapsed_ms,note,n
2,3,27,project,started,reply,true,0,\"'@said, \"\"so\"\"\",http://h/?instance_id=27,r,t,\
20261201-140000-0abf1-s1-l2-a3,200,,1,2026-12-01T22:00:00.042+08:00,31,1207,'=1+1,-5
3,3,27,project,unknown,,false,0,\"'@said, \"\"so\"\"\",http://h/?instance_id=27,r,t,\
20261201-140000-0abf1-s1-l2-a3,200,ambiguous,0,2026-12-01T22:00:00.042+08:00,31,,'=1+1,-5
4,'=2,x,,invalid,,,,,,,,,,task_id must be digits,0,,,,,
";
        assert_eq!(written(&[started, unknown, invalid]), expected);
    }
}
