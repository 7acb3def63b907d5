//! What is measured: times in histograms, by what the answers meant, and a line a
//! second.
//!
//! It is told of every request when it is sent and when it is answered, and keeps no
//! sample. Its memory does not grow with the number of requests.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use enum_map::EnumMap;
use hdrhistogram::Histogram;

use super::generator::{self, Health, LATE};
use super::measured::{
    Measured, Second, Times, answer_rate, as_f64, errors, histogram, judge, micros,
};
use super::{Ended, Load, Plan, SharedMeter};
use crate::api::Traffic;
use crate::bench::schedule::Schedule;
use crate::bench::slo::{Figure, Slo};
use crate::bench::trend::Blocks;
use crate::domain::answer::{Answer, AnswerClass, Verdict};

/// Times of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// When it was due; in a closed loop, when it was sent.
    pub due: Instant,
    /// When it was sent.
    pub sent: Instant,
    /// When its answer was there.
    pub ended: Instant,
}

/// Measures.
pub(super) struct Meter {
    /// When what is measured begins: the warm-up is over.
    begins: Instant,
    schedule: Option<Schedule>,
    warmup: Duration,
    classes: EnumMap<AnswerClass, Option<Box<Times>>>,
    /// What the first answer of each class said.
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
    /// Response times by when the requests were due; `None` in a closed loop.
    by_due: Option<Blocks>,
    own_failures: u64,
    first_answer: Option<Instant>,
    last_answer: Option<Instant>,
    last_send: Option<Instant>,
    files: Arc<AtomicU64>,
}

impl Meter {
    /// Nothing is measured yet; the first request may be due at `began`.
    pub(super) fn new(began: Instant, plan: &Plan) -> Self {
        let schedule = match &plan.load {
            Load::Open { schedule, .. } => Some(schedule.clone()),
            Load::Closed { .. } => None,
        };
        let measured = |load: &Schedule| load.lasts().saturating_sub(plan.warmup).as_secs_f64();
        Self {
            begins: began + plan.warmup,
            by_due: schedule.as_ref().map(|load| Blocks::new(measured(load))),
            schedule,
            warmup: plan.warmup,
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

    /// The most files that were open at a time.
    pub(super) fn files(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.files)
    }

    /// When the first request may be due.
    pub(super) fn began(&self) -> Instant {
        self.begins.checked_sub(self.warmup).unwrap_or(self.begins)
    }

    /// A request that was due at `due` is sent.
    pub(super) fn sends(&mut self, due: Instant, sent: Instant) {
        if due < self.begins {
            self.in_flight += 1;
            return;
        }
        self.reach(sent);
        self.in_flight += 1;
        // Those that wait at the same time wait once.
        let since = self.last_send.map_or(due, |last| last.max(due));
        self.waited += sent.saturating_duration_since(since);
        self.last_send = Some(sent);
        self.sent += 1;
        self.now.sent += 1;
        let lateness = sent.saturating_duration_since(due);
        self.lateness.saturating_record(micros(lateness));
        if lateness > LATE {
            self.late += 1;
            self.now.late += 1;
        }
    }

    /// A request that is due now is not sent, since too many are out.
    pub(super) fn drops(&mut self, due: Instant) {
        if due >= self.begins {
            self.reach(Instant::now());
            self.dropped += 1;
            self.now.dropped += 1;
        }
    }

    /// A request that was due at `due` was not sent after all.
    pub(super) fn withdraws(&mut self, due: Instant) {
        self.in_flight -= 1;
        if due >= self.begins {
            self.sent -= 1;
            self.now.sent = self.now.sent.saturating_sub(1);
        }
    }

    /// A request was answered, or given up.
    pub(super) fn answered(&mut self, sample: Sample, answer: &Answer) {
        let Sample { due, sent, ended } = sample;
        if matches!(answer.verdict, Verdict::Failed(_))
            && generator::is_own_failure(&answer.reply.message)
        {
            self.own_failures += 1;
        }
        if due >= self.begins {
            self.reach(ended);
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
        let times = self.classes[class].get_or_insert_with(|| Box::new(Times::new()));
        times.response.saturating_record(response);
        times.service.saturating_record(service);
        self.this_second.saturating_record(response);
        if let Some(by_due) = &mut self.by_due {
            let at = due.saturating_duration_since(self.begins).as_secs_f64();
            by_due.add(at, ended.saturating_duration_since(due).as_secs_f64());
        }
    }

    /// Closes the seconds that are over at `moment`.
    fn reach(&mut self, moment: Instant) {
        let second = moment.saturating_duration_since(self.begins).as_secs();
        while self.now.at < second {
            let next = Second { at: self.now.at + 1, ..Second::default() };
            let over = std::mem::replace(&mut self.now, next);
            let over = self.closed(&over, Duration::from_secs(1));
            self.seconds.push(over);
        }
    }

    /// A second, of which `part` is over.
    fn closed(&mut self, second: &Second, part: Duration) -> Second {
        let begins = self.warmup + Duration::from_secs(second.at);
        let wanted = self.schedule.as_ref().map_or(0.0, |load| load.between(begins, begins + part));
        let times = &mut self.this_second;
        let response = (!times.is_empty()).then(|| {
            let at = |percent| as_f64(times.value_at_percentile(percent));
            [at(50.0), at(90.0), at(99.0), as_f64(times.max()), times.mean()]
        });
        times.reset();
        Second { wanted, in_flight: self.in_flight, response, ..second.clone() }
    }

    /// The times of all classes together.
    fn all(&self, which: impl Fn(&Times) -> &Histogram<u64>) -> Histogram<u64> {
        let mut all = histogram();
        for times in self.classes.values().flatten() {
            all.add(which(times)).expect("all histograms have the same bounds");
        }
        all
    }

    fn by_class(&self) -> EnumMap<AnswerClass, u64> {
        let count =
            |times: &Option<Box<Times>>| times.as_ref().map_or(0, |times| times.response.len());
        self.classes.iter().map(|(class, times)| (class, count(times))).collect()
    }

    /// How it goes.
    pub(super) fn glance(&mut self, now: Instant) -> Glance {
        self.reach(now);
        let elapsed = now.saturating_duration_since(self.begins);
        let response = self.all(|times| &times.response);
        Glance {
            left: self.begins.saturating_duration_since(now),
            elapsed,
            wanted: self.schedule.as_ref().map(|load| load.rate(self.warmup + elapsed)),
            sent: self.sent,
            late: self.late,
            dropped: self.dropped,
            in_flight: self.in_flight,
            by_class: self.by_class(),
            last: self.seconds.last().cloned(),
            overall: (!response.is_empty())
                .then(|| [50.0, 99.0].map(|at| response.value_at_percentile(at))),
        }
    }
}

/// How a measurement goes.
#[derive(Clone, Debug)]
pub(crate) struct Glance {
    /// How long the warm-up lasts yet.
    pub left: Duration,
    /// For how long it was measured.
    pub elapsed: Duration,
    /// The rate that is wanted now; `None` in a closed loop.
    pub wanted: Option<f64>,
    /// Requests that were sent...
    pub sent: u64,
    /// ...those of them that were late...
    pub late: u64,
    /// ...and those that could not be sent.
    pub dropped: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Answers by class.
    pub by_class: EnumMap<AnswerClass, u64>,
    /// The last second that is over.
    pub last: Option<Second>,
    /// p50 and p99 of all response times, in microseconds.
    pub overall: Option<[u64; 2]>,
}

/// Fewer answers than this say nothing about an expectation.
const ENOUGH: u64 = 100;

impl Meter {
    /// The first expectation that is missed so far. A rate is only judged at the end.
    pub(super) fn missed_so_far(&self, slos: &[Slo]) -> Option<String> {
        let by_class = self.by_class();
        let answered: u64 = by_class.values().sum();
        if answered < ENOUGH {
            return None;
        }
        let errors = as_f64(errors(&by_class)) / as_f64(answered);
        let during = slos.iter().filter(|slo| slo.figure() != Figure::Rate).copied();
        let response = self.all(|times| &times.response);
        let judged = judge(&during.collect::<Vec<_>>(), &response, Some(errors), None);
        judged.iter().find(|judgement| !judgement.holds()).map(ToString::to_string)
    }
}

impl SharedMeter {
    /// What was measured, once nothing is out any more.
    pub(super) fn into_measured(
        self,
        ended: Ended,
        sent_until: Instant,
        cpu: f64,
        traffic: &Traffic,
    ) -> Measured {
        let mut meter = self.lock();
        let planned = meter.schedule.as_ref().map(Schedule::lasts);
        let begins = meter.begins;
        let since = move |moment: Instant| moment.saturating_duration_since(begins);
        let last_send = meter.last_send.map(since).unwrap_or_default();
        // A schedule that came to its end lasted as long as it says, since its last
        // request is due a little before; or longer, if that was late.
        let window = match (planned, ended) {
            (Some(lasts), Ended::LoadOver) => lasts.saturating_sub(meter.warmup).max(last_send),
            (Some(_), Ended::RowsUsedUp | Ended::Stopped) | (None, Ended::LoadOver) => {
                since(sent_until)
            }
            (None, Ended::RowsUsedUp | Ended::Stopped) => last_send,
        };
        let end = meter.last_answer.unwrap_or(sent_until);
        let over = since(end).max(window);
        let first = meter.first_answer.map(since).unwrap_or_default();
        meter.reach(end);
        let last = std::mem::take(&mut meter.now);
        let part = over.saturating_sub(Duration::from_secs(last.at)).min(Duration::from_secs(1));
        if last.sent + last.answered() + last.dropped > 0 {
            let last = meter.closed(&last, part);
            meter.seconds.push(last);
        }
        let answered_per_second = answer_rate(&meter.seconds, (first, since(end)), window);
        let wanted =
            meter.schedule.as_ref().map(|load| load.between(meter.warmup, meter.warmup + window));
        let all = Times {
            response: meter.all(|times| &times.response),
            service: meter.all(|times| &times.service),
        };
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
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
            health: Health {
                late: meter.late,
                sent: meter.sent,
                waited: meter.waited,
                own_failures: meter.own_failures,
                cpu,
                files: read(&meter.files),
                file_limit: generator::file_limit(),
                ports: generator::ports(),
            },
            traffic: [&traffic.connects, &traffic.sent, &traffic.received].map(read),
        }
    }
}
