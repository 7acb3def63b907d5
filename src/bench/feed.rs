//! Reads rows on a thread of its own, some ahead of their use.

use std::thread;

use tokio::sync::mpsc;

use super::Tasks;
use crate::domain::task::Task;
use crate::input::InputError;

/// So many rows are handed on at a time.
const BATCH: usize = 512;

/// A row that is to be started.
pub(super) struct Next {
    /// Its line.
    pub line: u64,
    /// Its task.
    pub task: Task,
    /// How often the rows have begun: 1 unless they are used more than once.
    pub lap: u32,
}

/// Rows that were read.
pub(super) struct Feed {
    last_line: u64,
    lap: u32,
    batches: mpsc::Receiver<Result<Vec<(u64, Task)>, InputError>>,
    batch: std::vec::IntoIter<(u64, Task)>,
    error: Option<InputError>,
}

impl Feed {
    /// Starts the thread.
    pub(super) fn start(tasks: Tasks) -> Self {
        let (sender, batches) = mpsc::channel(4);
        thread::spawn(move || read(tasks, &sender));
        Self { last_line: 0, lap: 1, batches, batch: Vec::new().into_iter(), error: None }
    }

    /// The next row; `None` when there are no more.
    pub(super) async fn next(&mut self) -> Option<Next> {
        loop {
            if let Some((line, task)) = self.batch.next() {
                self.lap += u32::from(line <= self.last_line);
                self.last_line = line;
                return Some(Next { line, task, lap: self.lap });
            }
            self.ready().await;
            if self.batch.as_slice().is_empty() {
                return None;
            }
        }
    }

    /// Waits until the first rows were read.
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

    /// Why they ended before their end, if they did.
    pub(super) fn error(&self) -> Option<String> {
        self.error.as_ref().map(ToString::to_string)
    }
}

fn read(mut tasks: Tasks, sender: &mpsc::Sender<Result<Vec<(u64, Task)>, InputError>>) {
    loop {
        let batch: Result<Vec<_>, _> = tasks.by_ref().take(BATCH).collect();
        let is_last = batch.as_ref().map_or(true, |batch| batch.len() < BATCH);
        // Nobody listens once the measurement is over.
        if sender.blocking_send(batch).is_err() || is_last {
            return;
        }
    }
}
