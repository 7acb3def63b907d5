//! Sends requests when they are due, or as fast as answers come.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::info;

use super::context::BenchContext;
use super::feed::NextRow;
use super::measurement::{LoadEnd, LoopEnd, Sending};
use super::meter::RequestTimes;
use super::meter::SharedMeter;
use super::timer::Timer;
use super::wake_ups::{WakeUp, WakeUps};
use crate::bench::schedule::{Arrivals, Schedule};
use crate::domain::answer::{Answer, FailureClass, Verdict};
use crate::domain::connections::Reservation;
use crate::domain::request_id::RequestId;
use crate::rules::retry::Stop;
use crate::shutdown::StopReason;

/// Number of sends without a wait after which answers get their turn.
const SENDS_BETWEEN_YIELDS: usize = 16;

/// Sends each request when it is due, or at most the slack later, and waits for all answers.
/// Returns why and when sending ended.
pub(super) async fn open(
    context: &Arc<BenchContext>,
    meter: &SharedMeter,
    schedule: Schedule,
    sending: Sending,
) -> io::Result<(LoadEnd, Instant)> {
    let Sending { spread, slack, max_in_flight } = sending;
    let mut timer = Timer::new()?;
    let all = u32::try_from(max_in_flight.get()).unwrap_or(u32::MAX);
    let places = Arc::new(Semaphore::new(all as usize));
    let began = meter.began();
    let draining = context.shutdown.draining();
    tokio::pin!(draining);
    let mut in_one_go = 0;
    let mut ended = LoadEnd::LoadOver;
    let mut wake_ups = WakeUps::new(Arrivals::new(schedule, spread), slack);
    'load: while let Some(WakeUp { at, due }) = wake_ups.next() {
        if began + at > Instant::now() {
            in_one_go = 0;
            tokio::select! {
                biased;
                () = &mut draining => {}
                waited = timer.until(began + at) => waited?,
            }
        } else if in_one_go >= SENDS_BETWEEN_YIELDS {
            in_one_go = 0;
            tokio::task::yield_now().await;
        }
        if context.shutdown.is_draining() {
            ended = LoadEnd::Stopped;
            break;
        }
        in_one_go += due.len();
        for due in due.iter().map(|due| began + *due) {
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                meter.lock().add_drop(due);
                continue;
            };
            let next = match next(context).await {
                Ok(next) => next,
                Err(end) => {
                    ended = end;
                    break 'load;
                }
            };
            tokio::spawn(one(Arc::clone(context), meter.clone(), next, due, place));
        }
    }
    let until = Instant::now();
    // All permits are free only when every answer is there.
    drop(places.acquire_many(all).await);
    Ok((ended, until))
}

/// Returns the next row, or why no further one is sent.
async fn next(context: &BenchContext) -> Result<NextRow, LoadEnd> {
    if context.shutdown.is_draining() {
        return Err(LoadEnd::Stopped);
    }
    // Nearly always a row is there; listening for a stop would be wasted work.
    if let Some(next) = context.rows.try_lock().ok().and_then(|mut rows| rows.take()) {
        return Ok(next);
    }
    let read = async { context.rows.lock().await.next().await };
    tokio::select! {
        biased;
        () = context.shutdown.draining() => Err(LoadEnd::Stopped),
        next = read => next.ok_or(LoadEnd::RowsUsedUp),
    }
}

async fn one(
    context: Arc<BenchContext>,
    meter: SharedMeter,
    next: NextRow,
    due: Instant,
    place: OwnedSemaphorePermit,
) {
    let sent = Instant::now();
    meter.lock().add_send(due, sent);
    send(&context, &meter, &next, due, sent).await;
    drop(place);
}

async fn send(
    context: &BenchContext,
    meter: &SharedMeter,
    next: &NextRow,
    due: Instant,
    sent: Instant,
) {
    let NextRow { line, task, lap } = next;
    let Some(connected) = connect(context).await else {
        meter.lock().withdraw_send(due);
        return;
    };
    context.started().add_request(*line);
    let id = RequestId::new(&context.run, 1, *line, *lap);
    let answer = match connected {
        Ok(connection) => {
            let caller = context.client.caller();
            context.client.start(&caller, task, &id, connection).await
        }
        Err(answer) => answer,
    };
    let ended = Instant::now();
    let latency_ms = ended.saturating_duration_since(sent).as_millis();
    let (verdict, said) = (answer.verdict.class().as_str(), &answer.reply.message);
    info!(line, client_request_id = %id, verdict, latency_ms, ?said, "attempt");
    context.started().add_answer(*line, &answer);
    meter.lock().add_answer(RequestTimes { due, sent, ended }, &answer);
    stop_if_hopeless(context, answer);
}

/// Waits for a connection; returns `None` if nothing more is to be sent.
async fn connect(context: &BenchContext) -> Option<Result<Reservation, Answer>> {
    if context.shutdown.is_draining() {
        return None;
    }
    // Nearly always one stands; listening for a stop would be wasted work. None stands while a
    // request waits for one, so this overtakes nobody.
    if let Some(standing) = Reservation::of(&context.connections) {
        return Some(Ok(standing));
    }
    tokio::select! {
        biased;
        () = context.shutdown.draining() => None,
        connected = context.client.connect() => Some(connected),
    }
}

/// Ends the measurement if every row would get this answer.
fn stop_if_hopeless(context: &BenchContext, answer: Answer) {
    let Verdict::Failed(failure) = answer.verdict else { return };
    let stop = match failure.class {
        FailureClass::Auth => Stop::Auth,
        FailureClass::Config => Stop::Config,
        _ => return,
    };
    context.shutdown.drain(StopReason::Answer { stop, message: answer.reply.message });
}

/// Runs `concurrency` senders that wait for each answer. Returns why and when sending ended.
pub(super) async fn closed(
    context: &Arc<BenchContext>,
    meter: &SharedMeter,
    concurrency: NonZeroUsize,
    until: LoopEnd,
    warmup: Duration,
) -> (LoadEnd, Instant) {
    let began = meter.began();
    tokio::time::sleep_until(began.into()).await;
    // Requests of the warm-up are not counted.
    let left = Arc::new(AtomicU64::new(match until {
        LoopEnd::Over(_) => u64::MAX,
        LoopEnd::Sent(requests) => requests,
    }));
    let end = match until {
        LoopEnd::Over(duration) => Some(began + duration),
        LoopEnd::Sent(_) => None,
    };
    let workers: Vec<_> = (0..concurrency.get())
        .map(|_| {
            let (context, meter, left) = (Arc::clone(context), meter.clone(), Arc::clone(&left));
            tokio::spawn(async move {
                loop {
                    if context.shutdown.is_draining() {
                        return LoadEnd::Stopped;
                    }
                    let now = Instant::now();
                    let is_measured = now >= began + warmup;
                    let is_over = end.is_some_and(|end| now >= end);
                    if is_over || (is_measured && !take(&left)) {
                        return LoadEnd::LoadOver;
                    }
                    let next = match next(&context).await {
                        Ok(next) => next,
                        Err(end) => return end,
                    };
                    let sent = Instant::now();
                    meter.lock().add_send(sent, sent);
                    send(&context, &meter, &next, sent, sent).await;
                }
            })
        })
        .collect();
    let mut ended = LoadEnd::LoadOver;
    for worker in workers {
        match worker.await {
            Ok(LoadEnd::LoadOver) => {}
            Ok(other) => ended = other,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    (ended, end.unwrap_or_else(Instant::now).min(Instant::now()))
}

fn take(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}
