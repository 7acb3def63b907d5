//! Reads rows beside the requests, as the plan has them.
//!
//! Nobody waits for the end of this job, since it may be reading from a terminal when the run ends.
//! So its last word is [`FeedItem::End`] or [`FeedItem::Failed`]: a channel that closes without
//! either means that the job died.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::source::PlannedRows;
use crate::domain::executor::{Executor, SlowStep};
use crate::input::InputError;
use crate::rules::resume::Planned;

/// Maximum number of rows between the feed and the dispatcher, and of rows taken at a time.
pub(super) const BATCH: usize = 256;

pub(super) enum FeedItem {
    Row(Planned),
    End,
    Failed(InputError),
}

pub(super) fn start(rows: PlannedRows, executor: &Arc<dyn Executor>) -> mpsc::Receiver<FeedItem> {
    let (sender, receiver) = mpsc::channel(BATCH);
    drop(executor.run(Box::pin(feed(rows, sender, Arc::clone(executor)))));
    receiver
}

async fn feed(mut rows: PlannedRows, sender: mpsc::Sender<FeedItem>, executor: Arc<dyn Executor>) {
    loop {
        if let Some(delay) = executor.delay(SlowStep::Read) {
            delay.await;
        }
        let (item, goes_on) = match rows.next() {
            None => break,
            Some(Ok(row)) => (FeedItem::Row(row), true),
            Some(Err(error)) => (FeedItem::Failed(error), false),
        };
        if sender.send(item).await.is_err() || !goes_on {
            return;
        }
    }
    // Ignores a closed channel: the run was stopped.
    drop(sender.send(FeedItem::End).await);
}
