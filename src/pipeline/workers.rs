//! The tasks and the thread that serve all rows: they are started together, watched
//! while the work goes on, and joined at its end.
//!
//! It knows that they may fail, and what then becomes of the work; not what they do.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::InputEnd;
use super::collect::{self, Collected, Collector};
use super::launch::{Launch, Parts};
use super::outbox::{Event, Outbox};
use super::views::Written;
use crate::gates::Gates;
use crate::shutdown::{Cause, Shutdown};

/// Those who serve all rows.
pub struct Workers {
    gates: Arc<Gates>,
    shutdown: Shutdown,
    outbox: Arc<Outbox>,
    batches: mpsc::Sender<Vec<Event>>,
    collector: thread::JoinHandle<Collected>,
    /// Resolves once the collector is gone.
    collecting: oneshot::Receiver<Infallible>,
    forwarding: JoinHandle<()>,
    turns: JoinHandle<()>,
    closing: JoinHandle<()>,
    noting: JoinHandle<()>,
    timing: JoinHandle<()>,
    /// Ends `timing` when dropped.
    going_on: oneshot::Sender<Infallible>,
}

impl Workers {
    /// Starts all of them.
    pub fn start(
        launch: &Arc<Launch>,
        outbox: &Arc<Outbox>,
        collector: Collector,
        written: &Arc<Written>,
    ) -> Self {
        let (gates, shutdown) = (Arc::clone(&launch.parts.gates), launch.parts.shutdown.clone());
        let (batches, received) = mpsc::channel(1);
        let (alive, collecting) = oneshot::channel();
        let (going_on, over) = oneshot::channel();
        let collector = {
            let written = Arc::clone(written);
            thread::spawn(move || {
                let _alive = alive;
                collect::collect(received, collector, &written)
            })
        };
        Self {
            forwarding: tokio::spawn(Arc::clone(outbox).forward(batches.clone())),
            turns: tokio::spawn(Arc::clone(&gates).run()),
            closing: tokio::spawn(close_when_draining(
                Arc::clone(&gates),
                Arc::clone(outbox),
                shutdown.clone(),
            )),
            noting: tokio::spawn(note_in_time(Arc::clone(&gates), Arc::clone(outbox))),
            timing: tokio::spawn(keep_time(Arc::clone(launch), over)),
            going_on,
            gates,
            shutdown,
            outbox: Arc::clone(outbox),
            batches,
            collector,
            collecting,
        }
    }

    /// Does the work while they serve it.
    ///
    /// If the loop that hands out turns fails, the rows that wait are turned away, and
    /// the work comes to its end. If records cannot be handed on any more, no permit
    /// comes back, and there is nothing left to wait for.
    pub async fn serve(&mut self, work: impl Future<Output = InputEnd>) -> InputEnd {
        let Self { gates, shutdown, collecting, forwarding, turns, .. } = self;
        let broken = |what: &str| {
            shutdown.drain(Cause::Broken(what.into()));
            gates.close();
        };
        let turns = async {
            if turns.await.is_err() {
                broken("the loop that hands out turns");
            }
            std::future::pending().await
        };
        tokio::select! {
            input = work => input,
            input = turns => input,
            _ = collecting => {
                broken("the thread that writes records");
                InputEnd::NotReached
            }
            handed_on = forwarding => {
                // It ends by itself where nobody takes records any more.
                broken(match handed_on {
                    Ok(()) => "the thread that writes records",
                    Err(_) => "the task that hands records on",
                });
                InputEnd::NotReached
            }
        }
    }

    /// Ends them, once the work is done.
    pub async fn end(self) -> Collected {
        let Self { gates, outbox, batches, collector, forwarding, turns, .. } = self;
        let Self { closing, noting, timing, going_on, .. } = self;
        drop(going_on);
        // It looks at the clocks once more; nobody waits for it if it failed.
        drop(timing.await);
        noting.abort();
        closing.abort();
        gates.close();
        drop(turns);
        forwarding.abort();
        // The last sender goes with it, which ends the collector.
        outbox.flush(batches).await;
        match tokio::task::spawn_blocking(move || collector.join()).await {
            Ok(Ok(collected)) => collected,
            Ok(Err(panic)) => Collected::failed(&*panic),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Has rows noted that go next and could otherwise not go in time.
async fn note_in_time(gates: Arc<Gates>, outbox: Arc<Outbox>) {
    loop {
        gates.intents_wanted().await;
        outbox.nudge();
    }
}

async fn keep_time(launch: Arc<Launch>, over: oneshot::Receiver<Infallible>) {
    let Parts { times, clocks, shutdown, .. } = &launch.parts;
    times.keep(&**clocks, shutdown, async { drop(over.await) }).await;
}

async fn close_when_draining(gates: Arc<Gates>, outbox: Arc<Outbox>, shutdown: Shutdown) {
    shutdown.no_new_rows().await;
    gates.close_to_new();
    shutdown.draining().await;
    gates.close();
    // The collector notes that, though nothing else may happen for a while.
    outbox.nudge();
}
