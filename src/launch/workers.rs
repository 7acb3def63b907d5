//! The tasks and jobs that serve all rows: started together, watched while the work goes
//! on, and joined at its end.
//!
//! This module knows that they may fail, and what then becomes of the work; not what they do.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::batch::{Event, EventBatcher};
use super::collect::{self, Collected, Collector};
use super::connections;
use super::context::RunContext;
use super::dispatch::Opened;
use super::views::LiveCounts;
use crate::domain::executor::JobEnd;
use crate::limiter::{IntentsWanted, Limiter};
use crate::shutdown::{Shutdown, StopReason};

pub(super) struct Workers {
    limiter: Arc<Limiter>,
    shutdown: Shutdown,
    batcher: Arc<EventBatcher>,
    to_collector: mpsc::Sender<Vec<Event>>,
    /// Result of the collector; none comes if it panics.
    collected: oneshot::Receiver<Collected>,
    collector: JobEnd,
    /// Resolves once the collector is gone.
    collecting: oneshot::Receiver<Infallible>,
    forwarding: JoinHandle<()>,
    turns: JoinHandle<()>,
    closing: JoinHandle<()>,
    noting: JoinHandle<()>,
    connecting: JoinHandle<()>,
    timing: JoinHandle<()>,
    /// Ends `timing` when dropped.
    going_on: oneshot::Sender<Infallible>,
}

impl Workers {
    pub(super) fn start(
        context: &Arc<RunContext>,
        collector: Collector,
        counts: &Arc<LiveCounts>,
    ) -> Self {
        let RunContext { limiter, batcher, shutdown, executor, .. } = &**context;
        let (limiter, shutdown) = (Arc::clone(limiter), shutdown.clone());
        let (to_collector, received) = mpsc::channel(1);
        let (alive, collecting) = oneshot::channel();
        let (done, collected) = oneshot::channel();
        let (going_on, over) = oneshot::channel();
        // Asked for before anybody wants a connection, so that no news is lost.
        let events = context.client.connection_events();
        let collector = {
            let counts = Arc::clone(counts);
            executor.run(Box::pin(async move {
                let _alive = alive;
                let collected = collect::collect(received, collector, counts).await;
                // Ignores a closed channel: the session was given up.
                drop(done.send(collected));
            }))
        };
        Self {
            forwarding: tokio::spawn(Arc::clone(batcher).forward(to_collector.clone())),
            turns: tokio::spawn(Arc::clone(&limiter).run()),
            closing: tokio::spawn(close_when_draining(
                Arc::clone(&limiter),
                Arc::clone(batcher),
                shutdown.clone(),
            )),
            noting: tokio::spawn(note_in_time(Arc::clone(&limiter), Arc::clone(batcher))),
            connecting: tokio::spawn(connections::watch(Arc::clone(context), events)),
            timing: tokio::spawn(keep_time(Arc::clone(context), over)),
            going_on,
            limiter,
            shutdown,
            batcher: Arc::clone(batcher),
            to_collector,
            collected,
            collector,
            collecting,
        }
    }

    /// Runs `work` while they serve it.
    ///
    /// If the limiter's loop fails, waiting rows are turned away, and the work ends.
    /// If records cannot be handed on any more, no permit comes back, and there is nothing left
    /// to wait for.
    pub(super) async fn serve(&mut self, work: impl Future<Output = Opened>) -> Opened {
        let Self { limiter, shutdown, collecting, forwarding, turns, connecting, .. } = self;
        let broken = |what: &str| {
            shutdown.drain(StopReason::Broken(what.into()));
            limiter.close();
        };
        let turns = async {
            if turns.await.is_err() {
                broken("the loop that hands out permits");
            }
            std::future::pending().await
        };
        let connecting = async {
            // It ends by itself where no connections are made ahead.
            if connecting.await.is_err() {
                broken("the task that hears of connections");
            }
            std::future::pending().await
        };
        tokio::select! {
            biased;
            opened = work => opened,
            opened = turns => opened,
            opened = connecting => opened,
            _ = collecting => {
                broken("the thread that writes records");
                Opened::broken_off()
            }
            handed_on = forwarding => {
                // It ends by itself if nobody takes records any more.
                broken(match handed_on {
                    Ok(()) => "the thread that writes records",
                    Err(_) => "the task that hands records on",
                });
                Opened::broken_off()
            }
        }
    }

    pub(super) async fn end(self) -> Collected {
        let Self { limiter, batcher, to_collector, forwarding, turns, .. } = self;
        let Self { closing, noting, connecting, timing, going_on, collected, collector, .. } = self;
        drop(going_on);
        // It looks at the clocks once more; nobody waits for it if it failed.
        drop(timing.await);
        noting.abort();
        connecting.abort();
        closing.abort();
        limiter.close();
        drop(turns);
        forwarding.abort();
        // The last sender goes with it, which ends the collector.
        batcher.flush(to_collector).await;
        match collected.await {
            Ok(collected) => collected,
            Err(_) => Collected::failed(collector.await.err().as_deref().unwrap_or(&())),
        }
    }
}

/// Has the next rows noted if they could otherwise not go in time.
async fn note_in_time(limiter: Arc<Limiter>, batcher: Arc<EventBatcher>) {
    loop {
        match limiter.intents_wanted().await {
            IntentsWanted::Soon => batcher.nudge(),
            IntentsWanted::Now => batcher.hurry(),
        }
    }
}

async fn keep_time(context: Arc<RunContext>, over: oneshot::Receiver<Infallible>) {
    let RunContext { times, clocks, shutdown, .. } = &*context;
    times.keep(&**clocks, shutdown, async { drop(over.await) }).await;
}

async fn close_when_draining(
    limiter: Arc<Limiter>,
    batcher: Arc<EventBatcher>,
    shutdown: Shutdown,
) {
    shutdown.no_new_rows().await;
    limiter.close_to_new();
    shutdown.draining().await;
    limiter.close();
    // Makes the collector note them even if nothing else happens for a while.
    batcher.nudge();
}
