//! Notes in the journal about the reports that sessions write.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::error::JournalError;
use super::file::Journal;
use super::rows::signed;
use crate::domain::report_note::{BegunReport, LeftReport, ReportExtent, ReportNote};

/// A report, as the session that wrote it last noted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionReport {
    pub path: PathBuf,
    pub session: u32,
    /// `None` for one that is written beside its path, and not complete.
    pub note: Option<ReportNote>,
}

impl Journal {
    /// Notes at `now` which reports `session` is about to write.
    ///
    /// # Errors
    ///
    /// Returns an error if the note cannot be written.
    pub fn begin_reports(
        &mut self,
        session: u32,
        begun: &[BegunReport],
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let write = |connection: &mut Connection| -> rusqlite::Result<()> {
            let commit = connection.transaction()?;
            for BegunReport { path, in_place } in begun {
                commit.execute(
                    "INSERT INTO report (session, path, device, inode, commit_before, last_commit) \
                     VALUES (:session, :path, :device, :inode, :head, :now)",
                    named_params! {
                        ":session": session,
                        ":path": absolute(path),
                        ":device": in_place.map(|file| file.device.cast_signed()),
                        ":inode": in_place.map(|file| file.inode.cast_signed()),
                        ":head": in_place.map(|file| file.modified.div_euclid(1_000_000)),
                        ":now": in_place.map(|_| now.as_millisecond()),
                    },
                )?;
            }
            commit.commit()
        };
        write(&mut self.connection).map_err(|source| self.failed(source))
    }

    /// Notes how the last session leaves its reports.
    ///
    /// # Errors
    ///
    /// Returns an error if the note cannot be written.
    pub fn leave_reports(&mut self, left: &[LeftReport]) -> Result<(), JournalError> {
        let write = |connection: &mut Connection| -> rusqlite::Result<()> {
            let commit = connection.transaction()?;
            let last = "(SELECT coalesce(max(session), 1) FROM session)";
            let forget = format!(
                "DELETE FROM report WHERE session = {last} AND path = :path AND bytes IS NULL"
            );
            let add = format!(
                "INSERT INTO report (session, path, device, inode, bytes, modified, torn) \
                 VALUES ({last}, :path, :device, :inode, :bytes, :modified, :torn)"
            );
            for LeftReport { path, file, extent } in left {
                let path = absolute(path);
                commit.execute(&forget, named_params! { ":path": path })?;
                commit.execute(
                    &add,
                    named_params! {
                        ":path": path,
                        ":device": file.device.cast_signed(),
                        ":inode": file.inode.cast_signed(),
                        ":bytes": signed(file.bytes),
                        ":modified": file.modified,
                        ":torn": *extent == ReportExtent::Torn,
                    },
                )?;
            }
            commit.commit()
        };
        write(&mut self.connection).map_err(|source| self.failed(source))
    }

    /// Returns what is known about the report at `path`; nothing if no session wrote it.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn report_notes(&self, path: &Path) -> Result<Vec<ReportNote>, JournalError> {
        let read = || -> rusqlite::Result<Vec<ReportNote>> {
            let sql = "SELECT bytes, modified, torn, device, inode, commit_before, last_commit \
                       FROM report WHERE path = :path ORDER BY rowid";
            let mut select = self.connection.prepare(sql)?;
            let notes = select.query_map(named_params! { ":path": absolute(path) }, note)?;
            notes.filter_map(Result::transpose).collect()
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// Returns the reports that sessions wrote, each with the session that wrote it last.
    pub(crate) fn reports(&self) -> Result<Vec<SessionReport>, JournalError> {
        let read = || -> rusqlite::Result<Vec<SessionReport>> {
            let sql = "SELECT path, session, bytes, modified, torn, device, inode, commit_before, \
                       last_commit FROM report \
                       WHERE rowid IN (SELECT max(rowid) FROM report GROUP BY path) ORDER BY rowid";
            let mut select = self.connection.prepare(sql)?;
            let reports = select.query_map([], |row| {
                Ok(SessionReport {
                    path: row.get::<_, String>("path")?.into(),
                    session: row.get("session")?,
                    note: note(row)?,
                })
            })?;
            reports.collect()
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// Returns the paths of all reports that sessions wrote.
    ///
    /// # Errors
    ///
    /// Returns an error if the journal is damaged.
    pub fn report_paths(&self) -> Result<Vec<PathBuf>, JournalError> {
        let read = || -> rusqlite::Result<Vec<PathBuf>> {
            let mut select = self.connection.prepare("SELECT DISTINCT path FROM report")?;
            let paths = select.query_map([], |row| row.get::<_, String>("path"))?;
            paths.map(|path| path.map(PathBuf::from)).collect()
        };
        read().map_err(|error| self.damaged(&error))
    }
}

/// Reads a note; for an unfinished report that is written beside, there is none.
fn note(row: &Row<'_>) -> rusqlite::Result<Option<ReportNote>> {
    if let Some(bytes) = row.get::<_, Option<i64>>("bytes")? {
        let (bytes, modified) = (bytes.unsigned_abs(), row.get("modified")?);
        let extent = if row.get("torn")? { ReportExtent::Torn } else { ReportExtent::Whole };
        return Ok(Some(ReportNote::Left { bytes, modified, extent }));
    }
    let Some(last_commit) = row.get::<_, Option<i64>>("last_commit")? else { return Ok(None) };
    let time =
        |millis| Timestamp::from_millisecond(millis).map_err(|_| rusqlite::Error::InvalidQuery);
    Ok(Some(ReportNote::Unfinished {
        device: row.get::<_, i64>("device")?.cast_unsigned(),
        inode: row.get::<_, i64>("inode")?.cast_unsigned(),
        commit_before: time(row.get("commit_before")?)?,
        last_commit: time(last_commit)?,
    }))
}

fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.to_string_lossy().into_owned()
}
