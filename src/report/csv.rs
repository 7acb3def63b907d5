//! The report as CSV or TSV, safe to open in a spreadsheet.

use std::io::{self, BufWriter, Write};

use itoa::{Buffer, Integer};
use jiff::tz::TimeZone;

use super::form::{Report, Stamps};
use crate::domain::answer::FailureClass;
use crate::domain::record::{COLUMNS, KnownBy, Record};
use crate::domain::row::Columns;
use crate::domain::spreadsheet::guard;

/// A report of separated values.
pub(super) struct Csv<W: Write> {
    out: BufWriter<W>,
    /// Reused for every record.
    line: Line,
    stamps: Stamps,
    columns: usize,
}

impl<W: Write> Csv<W> {
    /// Writes the head: the report's columns, then the input's further ones.
    pub(super) fn begin(
        out: W,
        delimiter: u8,
        columns: &Columns,
        zone: TimeZone,
    ) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(64 * 1024, out);
        let mut line = Line { text: String::new(), delimiter };
        for name in COLUMNS {
            line.word(name);
        }
        for name in &**columns {
            line.text(name);
        }
        line.write_to(&mut out)?;
        out.flush()?;
        Ok(Self { out, line, stamps: Stamps::new(zone), columns: columns.len() })
    }

    fn ids(&mut self, record: &Record) {
        let line = &mut self.line;
        match &record.row.task {
            Ok(task) => {
                line.number(Some(task.business.id.get()));
                line.number(Some(task.id.get()));
                line.word(task.business.scope.as_str());
            }
            Err(bad) => {
                line.text(&bad.biz_id);
                line.text(&bad.task_id);
                line.text(&bad.scope);
            }
        }
    }

    fn last(&mut self, record: &Record) {
        let (line, last) = (&mut self.line, record.last.as_deref());
        let reply = last.map(|last| &last.reply);
        line.word(match reply.and_then(|reply| reply.result) {
            Some(true) => "true",
            Some(false) => "false",
            None => "",
        });
        line.text(reply.map_or("", |reply| &reply.code));
        line.text(record.message());
        line.text(reply.map_or("", |reply| &reply.task_url));
        line.text(reply.map_or("", |reply| &reply.request_id));
        line.text(reply.map_or("", |reply| &reply.trace_id));
        line.word(last.map_or("", |last| last.id.as_str()));
        line.number(reply.and_then(|reply| reply.http_status));
    }

    fn error(&mut self, record: &Record) {
        match &record.row.task {
            Err(bad) => self.line.text(&bad.fault.to_string()),
            Ok(_) => self.line.word(record.class().map_or("", FailureClass::as_str)),
        }
    }

    fn times(&mut self, record: &Record) {
        let (line, last) = (&mut self.line, record.last.as_deref());
        line.separate();
        if let Some(last) = last {
            self.stamps.write(last.sent, &mut line.text);
        }
        line.number(last.map(|last| last.latency.as_millis()));
        line.number(record.elapsed.map(|elapsed| elapsed.as_millis()));
    }

    fn carried(&mut self, record: &Record) {
        for column in 0..self.columns {
            self.line.text(record.row.carried.get(column).map_or("", |field| field));
        }
    }
}

impl<W: Write + Send> Report for Csv<W> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        self.line.number(Some(record.row.line));
        self.ids(record);
        self.line.word(record.outcome.as_str());
        self.line.word(record.outcome.known_by().map_or("", KnownBy::as_str));
        self.last(record);
        self.error(record);
        self.line.number(Some(record.attempts));
        self.times(record);
        self.carried(record);
        self.line.write_to(&mut self.out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// One line, field by field.
struct Line {
    text: String,
    delimiter: u8,
}

impl Line {
    /// Begins a field.
    fn separate(&mut self) {
        if !self.text.is_empty() {
            self.text.push(self.delimiter.into());
        }
    }

    /// Adds a text from elsewhere: no formula, and quoted if it holds what ends a field.
    fn text(&mut self, text: &str) {
        self.separate();
        let text = guard(text);
        let ends_field = |byte| matches!(byte, b'"' | b'\r' | b'\n') || byte == self.delimiter;
        // Without an early end many bytes are compared at a time.
        if !text.bytes().fold(false, |found, byte| found | ends_field(byte)) {
            self.text.push_str(&text);
            return;
        }
        self.text.push('"');
        for (at, part) in text.split('"').enumerate() {
            if at > 0 {
                self.text.push_str("\"\"");
            }
            self.text.push_str(part);
        }
        self.text.push('"');
    }

    /// Adds a word of ours, which needs neither quotes nor a guard.
    fn word(&mut self, word: &str) {
        self.separate();
        self.text.push_str(word);
    }

    /// Adds a number, or an empty field.
    fn number(&mut self, number: Option<impl Integer>) {
        self.separate();
        if let Some(number) = number {
            self.text.push_str(Buffer::new().format(number));
        }
    }

    /// Writes the line with its end, and begins the next one.
    fn write_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.text.push('\n');
        let written = out.write_all(self.text.as_bytes());
        self.text.clear();
        written
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
    use csv::ReaderBuilder;
    use proptest::prelude::*;
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

    proptest! {
        #[test]
        fn every_text_comes_back_guarded(
            texts in prop::collection::vec("[a,\t\"'=\r\n 中]{0,6}", 0..5),
            delimiter in prop::sample::select(&b",\t"[..]),
        ) {
            let mut line = Line { text: String::new(), delimiter };
            let mut out = Vec::new();
            for _ in 0..2 {
                line.word("word");
                for text in &texts {
                    line.text(text);
                }
                line.write_to(&mut out).unwrap();
            }
            let reader = &mut ReaderBuilder::new();
            let reader = reader.has_headers(false).delimiter(delimiter).from_reader(&*out);
            let read: Vec<_> = reader.into_records().collect::<Result<_, _>>().unwrap();
            let guarded = texts.iter().map(|text| guard(text).into_owned());
            let expected: csv::StringRecord = std::iter::once("word".into()).chain(guarded).collect();
            prop_assert_eq!(read, [expected.clone(), expected]);
        }
    }
}
