//! Reads rows ahead of their use, on a thread of its own.

use std::thread;

use tokio::sync::mpsc;

use crate::domain::task::Task;
use crate::input::InputError;

/// Tasks to start, each with its line number; an error is the last item.
pub(crate) type Tasks = Box<dyn Iterator<Item = Result<(u64, Task), InputError>> + Send>;

/// Number of rows handed over at a time.
const BATCH_ROWS: usize = 512;

pub(super) struct NextRow {
    pub line: u64,
    pub task: Task,
    /// Number of times that the rows have begun: 1 unless they are reused.
    pub lap: u32,
}

/// Receiving end of the thread that reads rows.
pub(super) struct RowFeed {
    last_line: u64,
    lap: u32,
    batches: mpsc::Receiver<Result<Vec<(u64, Task)>, InputError>>,
    batch: std::vec::IntoIter<(u64, Task)>,
    error: Option<InputError>,
}

impl RowFeed {
    pub(super) fn start(tasks: Tasks) -> Self {
        let (sender, batches) = mpsc::channel(4);
        thread::spawn(move || read(tasks, &sender));
        Self { last_line: 0, lap: 1, batches, batch: Vec::new().into_iter(), error: None }
    }

    /// Returns the next row if one is there.
    pub(super) fn take(&mut self) -> Option<NextRow> {
        let (line, task) = self.batch.next()?;
        self.lap += u32::from(line <= self.last_line);
        self.last_line = line;
        Some(NextRow { line, task, lap: self.lap })
    }

    /// Waits for the next row; returns `None` if no more will come.
    pub(super) async fn next(&mut self) -> Option<NextRow> {
        loop {
            if let Some(next) = self.take() {
                return Some(next);
            }
            self.ready().await;
            if self.batch.as_slice().is_empty() {
                return None;
            }
        }
    }

    /// Waits until there are rows, or no more will come.
    pub(super) async fn ready(&mut self) {
        if self.batch.as_slice().is_empty()
            && let Some(batch) = self.batches.recv().await
        {
            match batch {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(error) => self.error = Some(error),
            }
        }
    }

    pub(super) fn error(&self) -> Option<String> {
        self.error.as_ref().map(ToString::to_string)
    }
}

fn read(mut tasks: Tasks, sender: &mpsc::Sender<Result<Vec<(u64, Task)>, InputError>>) {
    loop {
        let batch: Result<Vec<_>, _> = tasks.by_ref().take(BATCH_ROWS).collect();
        let is_last = batch.as_ref().map_or(true, |batch| batch.len() < BATCH_ROWS);
        // Nobody receives after the end of the measurement.
        if sender.blocking_send(batch).is_err() || is_last {
            return;
        }
    }
}
