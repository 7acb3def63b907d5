//! Reads rows on a thread of its own, as the plan has them.
//!
//! The thread is never joined, since it may be reading from a terminal when the run ends. So its
//! last word is [`FeedItem::End`] or [`FeedItem::Failed`]: a channel that closes without either
//! means that the thread died.

use std::thread;

use tokio::sync::mpsc;

use super::source::PlannedRows;
use crate::input::InputError;
use crate::rules::resume::Planned;

/// Maximum number of rows between the feed and the dispatcher, and of rows taken at a time.
pub(super) const BATCH: usize = 256;

pub(super) enum FeedItem {
    Row(Planned),
    End,
    Failed(InputError),
}

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
    // Ignores a closed channel: the run was stopped.
    drop(sender.blocking_send(FeedItem::End));
}
