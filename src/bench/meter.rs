//! Counts requests and their times, by class of answer and by second.
//!
//! It keeps no single time, so memory does not grow with the number of requests.

#[cfg(test)]
mod tests;

use enum_map::EnumMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::generator::{self, GeneratorHealth, LATE_THRESHOLD};
use super::measured::{
    Measured, Second, SecondTimes, TimeHistograms, TrafficTotals, answer_rate, answers_by_class,
    as_f64, errors, judge, micros,
};
use super::measurement::{Load, LoadEnd, Measurement};
use super::snapshot::LoadSnapshot;
use crate::api::Traffic;
use crate::bench::schedule::Schedule;
use crate::bench::slo::{Figure, Slo, SloJudgement};
use crate::bench::trend::Blocks;
use crate::domain::answer::{Answer, AnswerClass, Verdict};
use crate::rules::stats::histogram;

#[derive(Clone, Copy, Debug)]
pub(super) struct RequestTimes {
    /// In a closed loop the same as `sent`.
    pub due: Instant,
    pub sent: Instant,
    /// End of the answer.
    pub ended: Instant,
}

pub(super) struct Meter {
    /// End of the warm-up.
    begins: Instant,
    schedule: Option<Schedule>,
    warmup: Duration,
    classes: EnumMap<AnswerClass, Option<Box<TimeHistograms>>>,
    said: EnumMap<AnswerClass, Option<Box<str>>>,
    lateness: Histogram<u64>,
    this_second: Histogram<u64>,
    now: Second,
    seconds: Vec<Second>,
    sent: u64,
    late: u64,
    waited: Duration,
    dropped: u64,
    in_flight: u64,
    /// Response times by due time; `None` in a closed loop.
    by_due: Option<Blocks>,
    own_failures: u64,
    first_answer: Option<Instant>,
    last_answer: Option<Instant>,
    last_send: Option<Instant>,
    files: Arc<AtomicU64>,
}

impl Meter {
    /// Begins a measurement; the first request may be due at `began`.
    pub(super) fn new(began: Instant, measurement: &Measurement) -> Self {
        let schedule = match &measurement.load {
            Load::Open { schedule, .. } => Some(schedule.clone()),
            Load::Closed { .. } => None,
        };
        let measured =
            |load: &Schedule| load.duration().saturating_sub(measurement.warmup).as_secs_f64();
        Self {
            begins: began + measurement.warmup,
            by_due: schedule.as_ref().map(|load| Blocks::new(measured(load))),
            schedule,
            warmup: measurement.warmup,
            classes: EnumMap::default(),
            said: EnumMap::default(),
            lateness: histogram(),
            this_second: histogram(),
            now: Second::default(),
            seconds: Vec::new(),
            sent: 0,
            late: 0,
            waited: Duration::ZERO,
            dropped: 0,
            in_flight: 0,
            own_failures: 0,
            first_answer: None,
            last_answer: None,
            last_send: None,
            files: Arc::default(),
        }
    }

    /// Maximum number of files open at a time; the caller updates it.
    pub(super) fn files(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.files)
    }

    /// Earliest possible due time.
    pub(super) fn began(&self) -> Instant {
        self.begins.checked_sub(self.warmup).unwrap_or(self.begins)
    }

    pub(super) fn add_send(&mut self, due: Instant, sent: Instant) {
        if due < self.begins {
            self.in_flight += 1;
            return;
        }
        self.close_seconds_until(sent);
        self.in_flight += 1;
        // Overlapping waits of requests count once.
        let since = self.last_send.map_or(due, |last| last.max(due));
        self.waited += sent.saturating_duration_since(since);
        self.last_send = Some(sent);
        self.sent += 1;
        self.now.sent += 1;
        let lateness = sent.saturating_duration_since(due);
        self.lateness.saturating_record(micros(lateness));
        if lateness > LATE_THRESHOLD {
            self.late += 1;
            self.now.late += 1;
        }
    }

    /// Records a request that is due and not sent, since too many are in flight.
    pub(super) fn add_drop(&mut self, due: Instant) {
        if due >= self.begins {
            self.close_seconds_until(Instant::now());
            self.dropped += 1;
            self.now.dropped += 1;
        }
    }

    /// Removes a request that was recorded and then not sent.
    pub(super) fn withdraw_send(&mut self, due: Instant) {
        self.in_flight -= 1;
        if due >= self.begins {
            self.sent -= 1;
            self.now.sent = self.now.sent.saturating_sub(1);
        }
    }

    /// Records the answer to a request, or that it was given up.
    pub(super) fn add_answer(&mut self, sample: RequestTimes, answer: &Answer) {
        let RequestTimes { due, sent, ended } = sample;
        if matches!(answer.verdict, Verdict::Failed(_))
            && generator::is_own_failure(&answer.reply.message)
        {
            self.own_failures += 1;
        }
        if due >= self.begins {
            self.close_seconds_until(ended);
        }
        self.in_flight -= 1;
        if due < self.begins {
            return;
        }
        self.first_answer.get_or_insert(ended);
        self.last_answer = Some(ended);
        let class = answer.verdict.class();
        self.now.by_class[class] += 1;
        self.said[class].get_or_insert_with(|| answer.reply.message.clone());
        let response = micros(ended.saturating_duration_since(due));
        let service = micros(ended.saturating_duration_since(sent));
        let times = self.classes[class].get_or_insert_with(|| Box::new(TimeHistograms::new()));
        times.response.saturating_record(response);
        times.service.saturating_record(service);
        self.this_second.saturating_record(response);
        if let Some(by_due) = &mut self.by_due {
            let at = due.saturating_duration_since(self.begins).as_secs_f64();
            by_due.add(at, ended.saturating_duration_since(due).as_secs_f64());
        }
    }

    fn close_seconds_until(&mut self, moment: Instant) {
        let second = moment.saturating_duration_since(self.begins).as_secs();
        while self.now.at < second {
            let next = Second { at: self.now.at + 1, ..Second::default() };
            let over = std::mem::replace(&mut self.now, next);
            let over = self.closed(&over, Duration::from_secs(1));
            self.seconds.push(over);
        }
    }

    /// Completes the figures of a second that lasted `part`.
    fn closed(&mut self, second: &Second, part: Duration) -> Second {
        let begins = self.warmup + Duration::from_secs(second.at);
        let wanted = self.schedule.as_ref().map_or(0.0, |load| load.between(begins, begins + part));
        let times = &mut self.this_second;
        let response = (!times.is_empty()).then(|| {
            let at = |percent| as_f64(times.value_at_percentile(percent));
            let (p50, p90, p99, max) = (at(50.0), at(90.0), at(99.0), as_f64(times.max()));
            SecondTimes { p50, p90, p99, max, mean: times.mean() }
        });
        times.reset();
        Second { wanted, in_flight: self.in_flight, response, ..second.clone() }
    }

    /// Merges the times of all classes.
    fn all(&self, which: impl Fn(&TimeHistograms) -> &Histogram<u64>) -> Histogram<u64> {
        let mut all = histogram();
        for times in self.classes.values().flatten() {
            all.add(which(times)).expect("all histograms have the same bounds");
        }
        all
    }

    pub(super) fn snapshot(&mut self, now: Instant) -> LoadSnapshot {
        self.close_seconds_until(now);
        let elapsed = now.saturating_duration_since(self.begins);
        let response = self.all(|times| &times.response);
        LoadSnapshot {
            left: self.begins.saturating_duration_since(now),
            elapsed,
            wanted: self.schedule.as_ref().map(|load| load.rate(self.warmup + elapsed)),
            sent: self.sent,
            late: self.late,
            dropped: self.dropped,
            in_flight: self.in_flight,
            by_class: answers_by_class(&self.classes),
            last: self.seconds.last().cloned(),
            p50: response.value_at_percentile(50.0),
            p99: response.value_at_percentile(99.0),
        }
    }
}

/// Minimum number of answers for judging an expectation during a measurement.
const MIN_JUDGED_ANSWERS: u64 = 100;

impl Meter {
    /// Describes the first expectation that is missed so far. Rates are judged only at the end.
    pub(super) fn missed_so_far(&self, slos: &[Slo]) -> Option<String> {
        let by_class = answers_by_class(&self.classes);
        let answered: u64 = by_class.values().sum();
        if answered < MIN_JUDGED_ANSWERS {
            return None;
        }
        let errors = as_f64(errors(&by_class)) / as_f64(answered);
        let during = slos.iter().filter(|slo| slo.figure() != Figure::Rate).copied();
        let response = self.all(|times| &times.response);
        let judged = judge(&during.collect::<Vec<_>>(), &response, Some(errors), None);
        judged.iter().find(|judgement| !judgement.holds()).map(SloJudgement::comparison)
    }
}

impl Meter {
    fn window(&self, ended: LoadEnd, sent_until: Instant) -> Duration {
        let since = |moment: Instant| moment.saturating_duration_since(self.begins);
        let last_send = self.last_send.map(since).unwrap_or_default();
        // The last request of a schedule is due a little before its end, so a completed schedule
        // lasted as long as it says, or longer if that request was late.
        match (self.schedule.as_ref().map(Schedule::duration), ended) {
            (Some(duration), LoadEnd::LoadOver) => {
                duration.saturating_sub(self.warmup).max(last_send)
            }
            (Some(_), LoadEnd::RowsUsedUp | LoadEnd::Stopped) | (None, LoadEnd::LoadOver) => {
                since(sent_until)
            }
            (None, LoadEnd::RowsUsedUp | LoadEnd::Stopped) => last_send,
        }
    }

    fn health(&self, cpu: f64) -> GeneratorHealth {
        GeneratorHealth {
            late: self.late,
            sent: self.sent,
            waited: self.waited,
            own_failures: self.own_failures,
            cpu,
            files: self.files.load(Ordering::Relaxed),
            file_limit: generator::file_limit(),
            ports: generator::ports(),
        }
    }
}

impl TrafficTotals {
    fn of(traffic: &Traffic) -> Self {
        let Traffic { connects, sent, received, .. } = traffic;
        let [connects, bytes_sent, bytes_received] =
            [connects, sent, received].map(|count| count.load(Ordering::Relaxed));
        Self { connects, bytes_sent, bytes_received }
    }
}

#[derive(Clone)]
pub(super) struct SharedMeter(Arc<Mutex<Meter>>);

impl SharedMeter {
    pub(super) fn began(&self) -> Instant {
        self.lock().began()
    }

    pub(super) fn new(meter: Meter) -> Self {
        Self(Arc::new(Mutex::new(meter)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Meter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns all figures; call it when nothing is in flight.
    pub(super) fn into_measured(
        self,
        ended: LoadEnd,
        sent_until: Instant,
        cpu: f64,
        traffic: &Traffic,
    ) -> Measured {
        let mut meter = self.lock();
        let begins = meter.begins;
        let since = move |moment: Instant| moment.saturating_duration_since(begins);
        let window = meter.window(ended, sent_until);
        let end = meter.last_answer.unwrap_or(sent_until);
        let over = since(end).max(window);
        let first = meter.first_answer.map(since).unwrap_or_default();
        meter.close_seconds_until(end);
        let last = std::mem::take(&mut meter.now);
        let part = over.saturating_sub(Duration::from_secs(last.at)).min(Duration::from_secs(1));
        if last.sent + last.answered() + last.dropped > 0 {
            let last = meter.closed(&last, part);
            meter.seconds.push(last);
        }
        let answered_per_second = answer_rate(&meter.seconds, (first, since(end)), window);
        let wanted =
            meter.schedule.as_ref().map(|load| load.between(meter.warmup, meter.warmup + window));
        let all = TimeHistograms {
            response: meter.all(|times| &times.response),
            service: meter.all(|times| &times.service),
        };
        Measured {
            ended,
            window,
            answered_per_second,
            wanted,
            classes: std::mem::take(&mut meter.classes),
            said: std::mem::take(&mut meter.said),
            all,
            lateness: meter.lateness.clone(),
            seconds: std::mem::take(&mut meter.seconds),
            sent: meter.sent,
            dropped: meter.dropped,
            growth: meter.by_due.as_ref().and_then(Blocks::trend),
            health: meter.health(cpu),
            traffic: TrafficTotals::of(traffic),
        }
    }
}
