//! Reads a run's journal by SQL of its own, beside the program: what it held at some moment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::world::witness::Line;

/// Returns the journal of the only run in the state folder, if there is one.
pub fn find(state: &Path) -> Option<PathBuf> {
    let runs = std::fs::read_dir(state.join("runs")).ok()?;
    let folders: BTreeSet<_> = runs.map(|entry| entry.unwrap().path()).collect();
    let named = folders.into_iter().find(|path| path.extension().is_none())?;
    Some(named.join("journal.db")).filter(|path| path.is_file())
}

/// A journal that is read while the program writes it.
pub struct Ledger {
    connection: Connection,
    /// Lines with an intent of the last session, as far as the intents were read.
    noted: BTreeSet<u64>,
    /// The last intent that was read.
    read: i64,
}

impl Ledger {
    pub fn open(path: &Path) -> Option<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).ok()?;
        Some(Self { connection, noted: BTreeSet::new(), read: 0 })
    }

    /// Closes it and leaves the log as it lies, for the program to find.
    pub fn leave_log(self) {
        let without_checkpoint = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.connection.set_db_config(without_checkpoint, true).unwrap();
    }

    /// Whether the last session, in which it was opened, noted a line.
    pub fn intends(&mut self, line: u64) -> rusqlite::Result<bool> {
        if !self.noted.contains(&line) {
            let mut select = self.connection.prepare_cached(
                "SELECT seq, lines FROM intent \
                 WHERE seq > ?1 AND session = (SELECT max(session) FROM session)",
            )?;
            let mut rows = select.query([self.read])?;
            while let Some(row) = rows.next()? {
                self.read = self.read.max(row.get(0)?);
                self.noted.extend(unpack(row.get_ref(1)?.as_blob()?));
            }
        }
        Ok(self.noted.contains(&line))
    }

    /// Lines with an intent of the last session.
    pub fn intended(&self) -> rusqlite::Result<BTreeSet<u64>> {
        let mut select = self.connection.prepare_cached(
            "SELECT lines FROM intent WHERE session = (SELECT max(session) FROM session)",
        )?;
        let blobs = select.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        let mut lines = BTreeSet::new();
        for blob in blobs {
            lines.extend(unpack(&blob?));
        }
        Ok(lines)
    }

    /// Settled lines with their outcomes.
    pub fn settled(&self) -> rusqlite::Result<BTreeMap<u64, String>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT line, outcome FROM record WHERE reopened_by IS NULL")?;
        let rows = select.query_map([], |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, String>(1)?))
        })?;
        rows.collect()
    }

    /// Whether a session noted how it left a report.
    pub fn has_a_complete_report(&self) -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM report WHERE bytes IS NOT NULL)";
        self.connection.query_row(sql, [], |row| row.get(0))
    }

    /// Number of rows that the last session settled.
    pub fn settled_now(&self) -> rusqlite::Result<u64> {
        let sql = "SELECT count(*) FROM record WHERE session = (SELECT max(session) FROM session)";
        let mut select = self.connection.prepare_cached(sql)?;
        select.query_row([], |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()))
    }
}

/// Reads line numbers as the journal packs them: the differences, each in groups of seven bits,
/// the lowest first, of which all but the last have the highest bit.
fn unpack(blob: &[u8]) -> Vec<u64> {
    let (mut lines, mut last, mut number, mut shift) = (Vec::new(), 0_u64, 0_u64, 0);
    for byte in blob {
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            last = last.wrapping_add(number);
            lines.push(last);
            (number, shift) = (0, 0);
        }
    }
    lines
}

/// Reads a report back, by its extension; `None` if it is torn.
pub fn report(path: &Path) -> Option<Vec<Line>> {
    let text = std::fs::read_to_string(path).ok()?;
    read_report(&text, path.extension().and_then(|extension| extension.to_str()))
}

/// Reads the text of a report.
pub fn read_report(text: &str, extension: Option<&str>) -> Option<Vec<Line>> {
    if extension == Some("jsonl") {
        let lines = text.lines().map(|line| serde_json::from_str(line).ok().map(flat));
        return lines.collect();
    }
    let delimiter = if extension == Some("tsv") { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let names = reader.headers().ok()?.clone();
    let lines = reader.records().map(|record| {
        let record = record.ok()?;
        Some(names.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect())
    });
    lines.collect()
}

/// Returns the members of a line of JSON as a line of CSV would have them.
fn flat(members: BTreeMap<String, serde_json::Value>) -> Line {
    let text = |value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    members.into_iter().map(|(name, value)| (name, text(value))).collect()
}
