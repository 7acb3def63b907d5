//! Runs one measurement, from its first request to its last answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::BenchContext;
use super::generator::ThreadCpuTime;
use super::measured::Measured;
use super::measurement::{Load, Measurement};
use super::meter::{Meter, SharedMeter};
use super::observers::{self, LoadObserver};
use super::send;

/// Time between the preparations and the first due request.
const START_DELAY: Duration = Duration::from_millis(20);

/// Sends the load and measures it. Returns an error if the system has no timer.
pub(crate) async fn measure(
    context: &Arc<BenchContext>,
    measurement: &Measurement,
    observer: Option<&LoadObserver>,
) -> std::io::Result<Measured> {
    // The clock starts only when rows are there.
    context.rows.lock().await.ready().await;
    let began = Instant::now() + START_DELAY;
    let meter = SharedMeter::new(Meter::new(began, measurement));
    let watching = observers::observe(&meter, observer, measurement, &context.shutdown);
    let (before, since) = (ThreadCpuTime::now(), Instant::now());
    let (ended, sent_until) = match &measurement.load {
        Load::Open { schedule, sending } => {
            send::open(context, &meter, schedule.clone(), *sending).await?
        }
        Load::Closed { concurrency, stop } => {
            send::closed(context, &meter, *concurrency, *stop, measurement.warmup).await
        }
    };
    watching.abort();
    let cpu = before.share_since(since);
    Ok(meter.into_measured(ended, sent_until, cpu, context.client.traffic()))
}
