//! Looks on while it is measured: for a person, for the files that are open, and for
//! what is expected.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::{OnMiss, Onlooker, Plan, SharedMeter, generator};
use crate::shutdown::{Shutdown, StopReason};

/// Begins to look on.
pub(super) fn watch(
    meter: &SharedMeter,
    onlooker: Option<&Onlooker>,
    plan: &Plan,
    shutdown: &Shutdown,
) -> Watching {
    let files = meter.lock().files();
    let mut tasks = vec![tokio::spawn(count_files(files))];
    if let Some(Onlooker { every, show }) = onlooker.cloned() {
        let meter = meter.clone();
        tasks.push(tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let glance = meter.lock().glance(Instant::now());
                show(&glance);
            }
        }));
    }
    if plan.on_miss == OnMiss::Abort && !plan.slos.is_empty() {
        let (meter, slos, shutdown) = (meter.clone(), plan.slos.clone(), shutdown.clone());
        tasks.push(tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let missed = meter.lock().missed_so_far(&slos);
                if let Some(missed) = missed {
                    shutdown.drain(StopReason::SloMissed(missed.into()));
                }
            }
        }));
    }
    Watching(tasks)
}

/// Those who look on.
pub(super) struct Watching(Vec<JoinHandle<()>>);

impl Watching {
    pub(super) fn abort(&self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Counts open files now and then, where that delays nothing else.
async fn count_files(most: Arc<AtomicU64>) {
    loop {
        if let Ok(files) = tokio::task::spawn_blocking(generator::open_files).await {
            most.fetch_max(files, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
