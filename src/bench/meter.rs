//! What is measured: times in histograms, by what the answers meant, and a line a
//! second.
//!
//! It is told of every request when it is sent and when it is answered, and keeps no
//! sample. Its memory does not grow with the number of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinHandle;

use super::generator::{self, Health, LATE};
use super::{Ended, Load, OnMiss, Onlooker, Plan, SharedMeter};
use crate::answer::{Answer, Verdict};
use crate::api::Traffic;
use crate::schedule::Schedule;
use crate::shutdown::{Cause, Shutdown};
use crate::slo::{Figure, Judgement, Slo};

/// The number of classes: the names of verdicts.
pub const CLASSES: usize = Verdict::NAMES.len();

/// Classes from here on are errors; those before are "accepted" and "already started".
const FIRST_ERROR: usize = 2;

/// The longest time that is told apart, in microseconds.
const LONGEST: u64 = 600_000_000;

/// A histogram of microseconds, of three digits from 1 µs to 10 min.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order")
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(LONGEST).clamp(1, LONGEST)
}

/// The times of the requests of one class.
#[derive(Clone, Debug)]
pub struct Times {
    /// From the due time to the end of the answer.
    pub response: Histogram<u64>,
    /// From the send to the end of the answer.
    pub service: Histogram<u64>,
}

impl Times {
    fn new() -> Self {
        Self { response: histogram(), service: histogram() }
    }
}

/// What happened in one second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Second {
    /// Which one, from 0 on.
    pub at: u64,
    /// How many requests were due.
    pub wanted: f64,
    /// How many were sent.
    pub sent: u64,
    /// How many were answered, or given up, by class.
    pub by_class: [u64; CLASSES],
    /// How many were sent late.
    pub late: u64,
    /// How many could not be sent.
    pub dropped: u64,
    /// How many were out at its end.
    pub in_flight: u64,
    /// Response times of those that were answered, in microseconds: p50, p90, p99,
    /// max and mean.
    pub response: Option<[f64; 5]>,
}

impl Second {
    /// How many were answered, or given up.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.by_class.iter().sum()
    }

    /// How many of them were errors.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.by_class[FIRST_ERROR..].iter().sum()
    }
}

/// Times of one request.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was due; in a closed loop, when it was sent.
    pub due: Instant,
    /// When it was sent.
    pub sent: Instant,
    /// When its answer was there.
    pub ended: Instant,
}

/// Measures.
pub struct Meter {
    /// When what is measured begins: the warm-up is over.
    begins: Instant,
    schedule: Option<Schedule>,
    warmup: Duration,
    classes: [Option<Box<Times>>; CLASSES],
    lateness: Histogram<u64>,
    this_second: Histogram<u64>,
    now: Second,
    seconds: Vec<Second>,
    sent: u64,
    late: u64,
    dropped: u64,
    in_flight: u64,
    /// Requests in flight at the first and at the last measured send.
    out: Option<(u64, u64)>,
    own_failures: u64,
    first_answer: Option<Instant>,
    last_answer: Option<Instant>,
    last_send: Option<Instant>,
    files: Arc<AtomicU64>,
}

impl Meter {
    pub fn new(began: Instant, plan: &Plan) -> Self {
        let schedule = match &plan.load {
            Load::Open { schedule, .. } => Some(schedule.clone()),
            Load::Closed { .. } => None,
        };
        Self {
            begins: began + plan.warmup,
            schedule,
            warmup: plan.warmup,
            classes: [const { None }; CLASSES],
            lateness: histogram(),
            this_second: histogram(),
            now: Second::default(),
            seconds: Vec::new(),
            sent: 0,
            late: 0,
            dropped: 0,
            in_flight: 0,
            out: None,
            own_failures: 0,
            first_answer: None,
            last_answer: None,
            last_send: None,
            files: Arc::default(),
        }
    }

    /// When the first request may be due.
    pub fn began(&self) -> Instant {
        self.begins.checked_sub(self.warmup).unwrap_or(self.begins)
    }

    /// A request that was due at `due` is sent.
    pub fn sends(&mut self, due: Instant, sent: Instant) {
        if due < self.begins {
            self.in_flight += 1;
            return;
        }
        self.reach(sent);
        self.in_flight += 1;
        self.last_send = Some(sent);
        self.sent += 1;
        self.now.sent += 1;
        self.out = Some((self.out.map_or(self.in_flight, |(first, _)| first), self.in_flight));
        let lateness = sent.saturating_duration_since(due);
        self.lateness.saturating_record(micros(lateness));
        if lateness > LATE {
            self.late += 1;
            self.now.late += 1;
        }
    }

    /// A request that is due now is not sent, since too many are out.
    pub fn drops(&mut self, due: Instant) {
        if due >= self.begins {
            self.reach(Instant::now());
            self.dropped += 1;
            self.now.dropped += 1;
        }
    }

    /// A request that was due at `due` was not sent after all.
    pub fn withdraws(&mut self, due: Instant) {
        self.in_flight -= 1;
        if due >= self.begins {
            self.sent -= 1;
            self.now.sent = self.now.sent.saturating_sub(1);
        }
    }

    /// A request was answered, or given up.
    pub fn answered(&mut self, sample: Sample, answer: &Answer) {
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
        let name = answer.verdict.name();
        let class = Verdict::NAMES.iter().position(|other| *other == name).unwrap_or_default();
        self.now.by_class[class] += 1;
        let response = micros(ended.saturating_duration_since(due));
        let service = micros(ended.saturating_duration_since(sent));
        let times = self.classes[class].get_or_insert_with(|| Box::new(Times::new()));
        times.response.saturating_record(response);
        times.service.saturating_record(service);
        self.this_second.saturating_record(response);
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
        for times in self.classes.iter().flatten() {
            all.add(which(times)).expect("all histograms have the same bounds");
        }
        all
    }

    fn by_class(&self) -> [u64; CLASSES] {
        self.classes.each_ref().map(|times| times.as_ref().map_or(0, |times| times.response.len()))
    }

    fn glance(&mut self, now: Instant) -> Glance {
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

#[expect(clippy::cast_precision_loss, reason = "microseconds of minutes are far from the bounds")]
const fn as_f64(number: u64) -> f64 {
    number as f64
}

/// How a measurement goes.
#[derive(Clone, Debug)]
pub struct Glance {
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
    /// Answers by class, in the order of [`Verdict::NAMES`].
    pub by_class: [u64; CLASSES],
    /// The last second that is over.
    pub last: Option<Second>,
    /// p50 and p99 of all response times, in microseconds.
    pub overall: Option<[u64; 2]>,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Why it ended.
    pub ended: Ended,
    /// For how long requests were sent.
    pub window: Duration,
    /// Answers per second, while they came.
    pub answered_per_second: f64,
    /// How many requests were due; `None` in a closed loop.
    pub wanted: Option<f64>,
    /// The times of each class, in the order of [`Verdict::NAMES`].
    pub classes: [Option<Box<Times>>; CLASSES],
    /// The times of all.
    pub all: Times,
    /// How long after their due time requests were sent.
    pub lateness: Histogram<u64>,
    /// Line by line.
    pub seconds: Vec<Second>,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were due and could not be sent.
    pub dropped: u64,
    /// Requests in flight at the first and at the last send.
    pub out: (u64, u64),
    /// How the generator fared.
    pub health: Health,
    /// Connections that were made, and bytes of bodies that were sent and received,
    /// the warm-up included.
    pub traffic: [u64; 3],
}

impl Measured {
    /// Answers, and requests that were given up.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.all.response.len()
    }

    /// Answers of a class.
    #[must_use]
    pub fn of_class(&self, class: usize) -> u64 {
        self.classes[class].as_ref().map_or(0, |times| times.response.len())
    }

    /// Answers that were neither accepted nor already started.
    #[must_use]
    pub fn errors(&self) -> u64 {
        (FIRST_ERROR..CLASSES).map(|class| self.of_class(class)).sum()
    }

    /// Their share of all.
    #[must_use]
    pub fn error_share(&self) -> Option<f64> {
        (self.answered() > 0).then(|| as_f64(self.errors()) / as_f64(self.answered()))
    }

    /// Requests that were sent per second.
    #[must_use]
    pub fn sent_per_second(&self) -> f64 {
        as_f64(self.sent) / self.window.as_secs_f64().max(1e-6)
    }

    /// Judges what was expected.
    #[must_use]
    pub fn judge(&self, slos: &[Slo]) -> Vec<Judgement> {
        let rate = Some(self.answered_per_second);
        judge(slos, &self.all.response, self.error_share(), rate)
    }
}

fn judge(
    slos: &[Slo],
    response: &Histogram<u64>,
    errors: Option<f64>,
    rate: Option<f64>,
) -> Vec<Judgement> {
    let time = |micros: f64| (!response.is_empty()).then_some(micros / 1e6);
    let measured = |figure| match figure {
        Figure::Percentile(percent) => time(as_f64(response.value_at_percentile(percent))),
        Figure::Mean => time(response.mean()),
        Figure::Max => time(as_f64(response.max())),
        Figure::Errors => errors,
        Figure::Rate => rate,
    };
    slos.iter().map(|slo| slo.judge(measured(slo.figure()))).collect()
}

/// The share of the answers whose rate counts: a few that come very late, or never, say
/// nothing about it.
const IN_TIME: f64 = 0.99;

/// The rate of answers: so many of them as came in time, by the time from the first
/// answer until they had come, or by their share of the window if that is longer.
fn answer_rate(seconds: &[Second], first: Duration, window: Duration) -> f64 {
    let all: u64 = seconds.iter().map(Second::answered).sum();
    let in_time = as_f64(all) * IN_TIME;
    let mut before = 0.0;
    for second in seconds {
        let answered = as_f64(second.answered());
        if before + answered >= in_time && answered > 0.0 {
            let until = as_f64(second.at) + (in_time - before) / answered;
            let came = (until - first.as_secs_f64()).max(window.as_secs_f64() * IN_TIME);
            return in_time / came.max(1e-6);
        }
        before += answered;
    }
    0.0
}

/// Fewer answers than this say nothing about an expectation.
const ENOUGH: u64 = 100;

impl Meter {
    /// The first expectation that is missed so far. A rate is only judged at the end.
    fn missed_so_far(&self, slos: &[Slo]) -> Option<String> {
        let by_class = self.by_class();
        let answered: u64 = by_class.iter().sum();
        if answered < ENOUGH {
            return None;
        }
        let errors: u64 = by_class[FIRST_ERROR..].iter().sum();
        let errors = as_f64(errors) / as_f64(answered);
        let during = slos.iter().filter(|slo| slo.figure() != Figure::Rate).copied();
        let response = self.all(|times| &times.response);
        let judged = judge(&during.collect::<Vec<_>>(), &response, Some(errors), None);
        judged.iter().find(|judgement| !judgement.holds()).map(ToString::to_string)
    }
}

/// Looks on while it is measured: for a person, for the files that are open, and for
/// what is expected.
pub fn watch(
    meter: &SharedMeter,
    onlooker: Option<&Onlooker>,
    plan: &Plan,
    shutdown: &Shutdown,
) -> Watching {
    let files = Arc::clone(&meter.lock().files);
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
                    shutdown.drain(Cause::SloMissed(missed.into()));
                }
            }
        }));
    }
    Watching(tasks)
}

/// Those who look on.
pub struct Watching(Vec<JoinHandle<()>>);

impl Watching {
    pub fn abort(&self) {
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

impl SharedMeter {
    /// What was measured, once nothing is out any more.
    pub fn into_measured(
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
        let answered_per_second = answer_rate(&meter.seconds, first, window);
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
            all,
            lateness: meter.lateness.clone(),
            seconds: std::mem::take(&mut meter.seconds),
            sent: meter.sent,
            dropped: meter.dropped,
            out: meter.out.unwrap_or_default(),
            health: Health {
                late: meter.late,
                sent: meter.sent,
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
