//! Reads rows on a thread of its own, as the plan has them.
//!
//! It is a plain thread that is never joined, since it may sit in a read of a
//! terminal when the run ends. So its last word is [`FeedItem::End`] or [`FeedItem::Failed`]:
//! a channel that closes without either means that the thread died.

use std::thread;

use tokio::sync::mpsc;

use super::source::PlannedRows;
use crate::input::InputError;
use crate::rules::resume::Planned;

/// How many rows lie between the feed and the dispatcher, and how many are taken at a time.
pub(super) const BATCH: usize = 256;

/// What the feed hands on.
pub(super) enum FeedItem {
    /// A row that is not settled.
    Row(Planned),
    /// The input ended.
    End,
    /// The input cannot be read further.
    Failed(InputError),
}

/// Starts the thread.
pub(super) fn start(rows: PlannedRows) -> mpsc::Receiver<FeedItem> {
    let (sender, receiver) = mpsc::channel(BATCH);
    thread::spawn(move || feed(rows, &sender));
    receiver
}

fn feed(rows: PlannedRows, sender: &mpsc::Sender<FeedItem>) {
    for row in rows {
        let (item, goes_on) = match row {
            Ok(row) => (FeedItem::Row(row), true),
            Err(error) => (FeedItem::Failed(error), false),
        };
        if sender.blocking_send(item).is_err() || !goes_on {
            return;
        }
    }
    // Nobody listens where the run was stopped.
    drop(sender.blocking_send(FeedItem::End));
}
