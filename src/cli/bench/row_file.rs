//! Rows to start.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;
use thiserror::Error;

use super::super::command_error::CommandError;
use crate::bench::feed::Tasks;
use crate::domain::count::Digits;
use crate::domain::escape::escape_control;
use crate::domain::task::{Business, Scope, Task};
use crate::input::{self, Format, InputError};
use crate::rules::selection::Selection;

/// A file of valid rows. The check and the measurement read the same copy, so that nothing else is
/// started than what was checked.
pub(crate) struct RowFile {
    path: PathBuf,
    copy: NamedTempFile,
    format: Format,
    selection: Arc<Selection>,
    /// Number of rows.
    pub count: u64,
    /// Number of rows of each business.
    pub businesses: BTreeMap<Business, u64>,
}

/// Maximum number of invalid rows listed individually.
const MAX_NAMED_ROWS: usize = 10;

impl RowFile {
    /// Copies and checks the file at `path`; an invalid row is an error. Duplicates are not: the
    /// server starts a task at most once.
    pub(crate) fn of(
        path: &Path,
        format: Option<Format>,
        selection: Selection,
    ) -> Result<Self, CommandError> {
        if path.as_os_str() == "-" {
            return Err(RowsError::Stdin.into());
        }
        let format = match format {
            Some(format) => format,
            None => input::format_of(path)?,
        };
        let mut rows = Self {
            path: path.to_owned(),
            copy: copied(path)?,
            format,
            selection: Arc::new(selection),
            count: 0,
            businesses: BTreeMap::new(),
        };
        let (mut bad, mut named) = (0_u64, String::new());
        let opened = input::reopen_file(rows.copy.path(), &rows.name(), format, &rows.selection)?;
        for row in opened.rows {
            let row = row?;
            rows.count += 1;
            match row.task {
                Ok(task) => *rows.businesses.entry(task.business).or_default() += 1,
                Err(wrong) => {
                    bad += 1;
                    if bad <= MAX_NAMED_ROWS as u64 {
                        let fault = escape_control(&wrong.fault.to_string());
                        let _ = write!(named, "\n  {}:{}: {fault}", path.display(), row.line);
                    }
                }
            }
        }
        if bad > 0 {
            return Err(RowsError::Bad { path: rows.path, bad, rows: rows.count, named }.into());
        }
        if rows.count == 0 {
            return Err(RowsError::Empty { path: rows.path }.into());
        }
        Ok(rows)
    }

    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Returns the tasks in the order of the file, with [`Reuse::Again`] without an end.
    pub(crate) fn open(&self, reuse: Reuse) -> Result<Tasks, InputError> {
        let (path, name, format) = (self.copy.path().to_owned(), self.name(), self.format);
        let selection = Arc::clone(&self.selection);
        let open = move || {
            let rows = input::reopen_file(&path, &name, format, &selection)?.rows;
            // A file with an invalid row was refused.
            Ok::<_, InputError>(rows.filter_map(|row| match row {
                Ok(row) => row.task.ok().map(|task| Ok((row.line, task))),
                Err(error) => Some(Err(error)),
            }))
        };
        let first = open()?;
        Ok(match reuse {
            Reuse::Never => Box::new(first),
            Reuse::Again => {
                Box::new(first.chain(std::iter::repeat_with(open).flat_map(|again| -> Tasks {
                    match again {
                        Ok(rows) => Box::new(rows),
                        Err(error) => Box::new(std::iter::once(Err(error))),
                    }
                })))
            }
        })
    }
}

fn copied(path: &Path) -> Result<NamedTempFile, RowsError> {
    let failed = |source| RowsError::Copy { path: path.to_owned(), source };
    let copy = NamedTempFile::new().map_err(failed)?;
    let mut from = File::open(path).map_err(failed)?;
    io::copy(&mut from, &mut copy.as_file()).map_err(failed)?;
    Ok(copy)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Each row is used once.
    Never,
    /// After the last row comes the first again.
    Again,
}

/// Number of businesses of the mock's tasks.
const MOCK_BUSINESSES: u64 = 50;

/// Returns tasks for the mock, which knows every task: without an end, none twice.
pub(crate) fn of_the_mock() -> Tasks {
    Box::new((1..).map(|number: u64| {
        let id = |number: u64| number.to_string().parse().expect("a positive number is an id");
        let business = Business { scope: Scope::CmdbBiz, id: id(number % MOCK_BUSINESSES + 1) };
        Ok((number, Task { business, id: id(number) }))
    }))
}

#[derive(Debug, Error)]
enum RowsError {
    #[error("bench needs a file: rows of standard input cannot be counted before they are started")]
    Stdin,
    #[error("cannot read {}: {source}", path.display())]
    Copy { path: PathBuf, source: io::Error },
    #[error("{} has no rows to measure with", path.display())]
    Empty { path: PathBuf },
    #[error("{bad} of {} of {} cannot be used, so nothing was started:{named}",
        Digits::Plain.counted(*rows, "row", "rows"),
        path.display())]
    Bad { path: PathBuf, bad: u64, rows: u64, named: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_used_in_their_order_and_again_where_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.csv");
        std::fs::write(&path, "bk_biz_id,task_id\n2,1\n3,1\n2,2\n").unwrap();
        let rows = RowFile::of(&path, None, Selection::default()).unwrap();
        assert_eq!((rows.count, rows.businesses.len()), (3, 2));
        let lines = |reuse, count| {
            let tasks = rows.open(reuse).unwrap().take(count);
            tasks.map(|row| row.unwrap().0).collect::<Vec<_>>()
        };
        // What is written there later was not checked.
        std::fs::write(&path, "bk_biz_id,task_id\n99,1\n99,2\n99,3\n99,4\n").unwrap();
        assert_eq!(lines(Reuse::Never, 9), [2, 3, 4]);
        assert_eq!(lines(Reuse::Again, 7), [2, 3, 4, 2, 3, 4, 2]);
    }

    #[test]
    fn one_row_that_cannot_be_used_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.csv");
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            RowFile::of(&path, None, Selection::default())
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert!(error("2,1\n2,x\n").contains("tasks.csv:2: "));
        assert!(error("bk_biz_id,task_id\n").contains("has no rows"));
        assert!(RowFile::of(Path::new("-"), None, Selection::default()).is_err());
    }

    #[test]
    fn tasks_of_the_mock_never_repeat() {
        let tasks: Vec<_> = of_the_mock().take(200).map(|task| task.unwrap().1.key()).collect();
        let different: std::collections::BTreeSet<_> = tasks.iter().collect();
        assert_eq!(different.len(), 200);
    }
}
