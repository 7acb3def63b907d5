//! Reads rows on a thread of its own, and tells apart what can be launched.
//!
//! It is a plain thread that is never joined, since it may sit in a read of a
//! terminal when the run ends.

use std::collections::HashSet;
use std::thread;

use tokio::sync::mpsc;

use crate::input::{InputError, Rows};
use crate::record::Outcome;
use crate::row::Row;
use crate::task::Task;

/// How many rows lie between the feed and the opener, and how many are taken at a time.
pub const BATCH: usize = 256;

/// What the feed hands on.
pub enum Fed {
    /// A row that can be launched.
    Task(Row, Task),
    /// A row that is never sent.
    Unsent(Row, Outcome),
    /// The input ended.
    End,
    /// The input cannot be read further.
    Failed(InputError),
}

/// Starts the thread; `expected` tasks make room once, where their number is known.
pub fn start(rows: Rows, expected: Option<u64>) -> mpsc::Receiver<Fed> {
    let (sender, receiver) = mpsc::channel(BATCH);
    thread::spawn(move || feed(rows, Seen::with_room_for(expected), &sender));
    receiver
}

fn feed(rows: Rows, mut seen: Seen, sender: &mpsc::Sender<Fed>) {
    for row in rows {
        let (fed, goes_on) = match row {
            Ok(row) => (tell_apart(row, &mut seen), true),
            Err(error) => (Fed::Failed(error), false),
        };
        if sender.blocking_send(fed).is_err() || !goes_on {
            return;
        }
    }
    // Nobody listens where the run was stopped.
    drop(sender.blocking_send(Fed::End));
}

fn tell_apart(row: Row, seen: &mut Seen) -> Fed {
    match row.task {
        Err(_) => Fed::Unsent(row, Outcome::Invalid),
        Ok(task) if seen.is_new(&task) => Fed::Task(row, task),
        Ok(_) => Fed::Unsent(row, Outcome::Duplicate),
    }
}

/// The tasks that came by: 16 bytes each, and what a hash table needs around them.
struct Seen(HashSet<u128>);

impl Seen {
    fn with_room_for(expected: Option<u64>) -> Self {
        let expected = usize::try_from(expected.unwrap_or_default()).unwrap_or_default();
        Self(HashSet::with_capacity(expected))
    }

    fn is_new(&mut self, task: &Task) -> bool {
        self.0.insert(task.key())
    }
}
