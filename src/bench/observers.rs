//! Tasks beside a measurement: one shows it, one counts open files, one ends it if an expectation
//! is missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::generator;
use super::measurement::{Measurement, OnMiss};
use super::meter::SharedMeter;
use super::snapshot::LoadSnapshot;
use crate::shutdown::{Shutdown, StopReason};

#[derive(Clone)]
pub(crate) struct LoadObserver {
    /// Time between two calls of `show`.
    pub every: Duration,
    pub show: Arc<dyn Fn(&LoadSnapshot) + Send + Sync>,
}

pub(super) fn observe(
    meter: &SharedMeter,
    observer: Option<&LoadObserver>,
    measurement: &Measurement,
    shutdown: &Shutdown,
) -> Observers {
    let files = meter.lock().files();
    let mut tasks = vec![tokio::spawn(count_files(files))];
    if let Some(LoadObserver { every, show }) = observer.cloned() {
        let meter = meter.clone();
        tasks.push(tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let snapshot = meter.lock().snapshot(Instant::now());
                show(&snapshot);
            }
        }));
    }
    if measurement.on_miss == OnMiss::Abort && !measurement.slos.is_empty() {
        let (meter, slos, shutdown) = (meter.clone(), measurement.slos.clone(), shutdown.clone());
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
    Observers(tasks)
}

pub(super) struct Observers(Vec<JoinHandle<()>>);

impl Observers {
    pub(super) fn abort(&self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Counts open files on another thread, so that no request waits for it.
async fn count_files(most: Arc<AtomicU64>) {
    loop {
        if let Ok(files) = tokio::task::spawn_blocking(generator::open_files).await {
            most.fetch_max(files, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
