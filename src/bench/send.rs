//! Sends requests when they are due, or as fast as answers come.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::info;

use super::feed::Next;
use super::meter::Sample;
use super::timer::Timer;
use super::{Ended, Ground, SharedMeter, Until};
use crate::bench::schedule::{Arrivals, Schedule, Spread};
use crate::domain::answer::{Answer, FailureClass, Verdict};
use crate::domain::request_id::RequestId;
use crate::rules::retry::Stop;
use crate::shutdown::StopReason;

/// After so many sends in one go, answers are looked after too.
const IN_ONE_GO: u32 = 16;

/// Sends each request when it is due, whatever became of those before, and waits for
/// all answers. Says why it stopped sending, and when.
pub(super) async fn open(
    ground: &Arc<Ground>,
    meter: &SharedMeter,
    schedule: Schedule,
    spread: Spread,
    max_in_flight: NonZeroUsize,
) -> io::Result<(Ended, Instant)> {
    let timer = Timer::new()?;
    let all = u32::try_from(max_in_flight.get()).unwrap_or(u32::MAX);
    let places = Arc::new(Semaphore::new(all as usize));
    let began = meter.began();
    let draining = ground.shutdown.draining();
    tokio::pin!(draining);
    let mut in_one_go = 0;
    let mut ended = Ended::LoadOver;
    for due in Arrivals::new(schedule, spread) {
        let due = began + due;
        if due > Instant::now() {
            in_one_go = 0;
            tokio::select! {
                biased;
                () = &mut draining => {}
                waited = timer.until(due) => waited?,
            }
        } else {
            in_one_go += 1;
            if in_one_go % IN_ONE_GO == 0 {
                tokio::task::yield_now().await;
            }
        }
        if ground.shutdown.is_draining() {
            ended = Ended::Stopped;
            break;
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            meter.lock().drops(due);
            continue;
        };
        let next = tokio::select! {
            biased;
            () = &mut draining => {
                ended = Ended::Stopped;
                break;
            }
            next = next(ground) => next,
        };
        let Some(next) = next else {
            ended = Ended::RowsUsedUp;
            break;
        };
        tokio::spawn(one(Arc::clone(ground), meter.clone(), next, due, place));
    }
    let until = Instant::now();
    // All places are free again once every answer is there.
    drop(places.acquire_many(all).await);
    Ok((ended, until))
}

async fn next(ground: &Ground) -> Option<Next> {
    ground.rows.lock().await.next().await
}

async fn one(
    ground: Arc<Ground>,
    meter: SharedMeter,
    next: Next,
    due: Instant,
    place: OwnedSemaphorePermit,
) {
    let sent = Instant::now();
    meter.lock().sends(due, sent);
    send(&ground, &meter, &next, due, sent).await;
    drop(place);
}

/// Sends one request, and measures it.
async fn send(ground: &Ground, meter: &SharedMeter, next: &Next, due: Instant, sent: Instant) {
    let Next { line, task, lap } = next;
    let Some(_room) = room(ground).await else {
        meter.lock().withdraws(due);
        return;
    };
    ground.started().leaves(*line);
    let caller = ground.client.caller();
    let id = RequestId::new(&ground.run, 1, *line, *lap);
    // The future of a request is large, so it exists only while the request is out.
    let answer = Box::pin(ground.client.start(&caller, task, &id)).await;
    let ended = Instant::now();
    let latency_ms = ended.saturating_duration_since(sent).as_millis();
    let (verdict, said) = (answer.verdict.class().as_str(), &answer.reply.message);
    info!(line, client_request_id = %id, verdict, latency_ms, ?said, "attempt");
    ground.started().returns(*line, &answer);
    meter.lock().answered(Sample { due, sent, ended }, &answer);
    stop_if_hopeless(ground, answer);
}

/// Waits until a request hardly needs to wait for a connection; `None` where nothing
/// more is to be sent meanwhile.
async fn room(ground: &Ground) -> Option<OwnedSemaphorePermit> {
    let room = &ground.client.traffic().room;
    if ground.shutdown.is_draining() {
        return None;
    }
    if let Ok(room) = Arc::clone(room).try_acquire_owned() {
        return Some(room);
    }
    tokio::select! {
        biased;
        () = ground.shutdown.draining() => None,
        room = Arc::clone(room).acquire_owned() => room.ok(),
    }
}

/// An answer that every row would get ends the measurement.
fn stop_if_hopeless(ground: &Ground, answer: Answer) {
    let Verdict::Failed(failure) = answer.verdict else { return };
    let stop = match failure.class {
        FailureClass::Auth => Stop::Auth,
        FailureClass::Config => Stop::Config,
        _ => return,
    };
    ground.shutdown.drain(StopReason::Answer { stop, message: answer.reply.message });
}

/// Lets `concurrency` requests go one after the other, side by side.
pub(super) async fn closed(
    ground: &Arc<Ground>,
    meter: &SharedMeter,
    concurrency: NonZeroUsize,
    until: Until,
    warmup: Duration,
) -> (Ended, Instant) {
    let began = meter.began();
    tokio::time::sleep_until(began.into()).await;
    // Requests of the warm-up are not among those that are counted.
    let left = Arc::new(AtomicU64::new(match until {
        Until::Over(_) => u64::MAX,
        Until::Sent(requests) => requests,
    }));
    let end = match until {
        Until::Over(lasts) => Some(began + lasts),
        Until::Sent(_) => None,
    };
    let workers: Vec<_> = (0..concurrency.get())
        .map(|_| {
            let (ground, meter, left) = (Arc::clone(ground), meter.clone(), Arc::clone(&left));
            tokio::spawn(async move {
                loop {
                    if ground.shutdown.is_draining() {
                        return Ended::Stopped;
                    }
                    let now = Instant::now();
                    let is_measured = now >= began + warmup;
                    let is_over = end.is_some_and(|end| now >= end);
                    if is_over || (is_measured && !take(&left)) {
                        return Ended::LoadOver;
                    }
                    let next = tokio::select! {
                        biased;
                        () = ground.shutdown.draining() => return Ended::Stopped,
                        next = next(&ground) => next,
                    };
                    let Some(next) = next else { return Ended::RowsUsedUp };
                    let sent = Instant::now();
                    meter.lock().sends(sent, sent);
                    send(&ground, &meter, &next, sent, sent).await;
                }
            })
        })
        .collect();
    let mut ended = Ended::LoadOver;
    for worker in workers {
        match worker.await {
            Ok(Ended::LoadOver) => {}
            Ok(other) => ended = other,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    (ended, end.unwrap_or_else(Instant::now).min(Instant::now()))
}

fn take(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}
