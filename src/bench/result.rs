//! The result of a measurement as a file: its schema, and how one is read again.
//!
//! The keys are a contract, told in `docs/measuring.md`. What is written here is what was
//! measured; nothing is decided.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::measured::{Measured, Second, Times};
use crate::bench::compare::{Better, Change, Pair};
use crate::bench::slo::Judgement;
use crate::rules::resume::Lines;

/// The version of the schema.
pub(crate) const SCHEMA: u32 = 1;

/// What is told of a measurement that ended since the rows did.
pub(crate) const ROWS_USED_UP: &str = "the rows were used up";

/// A whole result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// [`SCHEMA`]
    pub schema: u32,
    /// The version of the program.
    pub version: String,
    /// When it began, RFC 3339.
    pub began: String,
    /// The server.
    pub target: String,
    /// The load, in words.
    pub load: String,
    /// Seconds that were left out at the beginning.
    pub warmup_seconds: f64,
    /// Seconds in which requests were sent.
    pub seconds: f64,
    /// Requests that were due; `null` in a closed loop.
    pub wanted: Option<f64>,
    /// Requests that were sent.
    pub sent: u64,
    /// Answers, and requests that were given up.
    pub answered: u64,
    /// Answers that were neither accepted nor already started.
    pub errors: u64,
    /// Requests that were due, but too many were out.
    pub dropped: u64,
    /// Requests that were sent, per second.
    pub sent_per_second: f64,
    /// Answers per second, while they came.
    pub answered_per_second: f64,
    /// Connections that were made, the warm-up included.
    pub connects: u64,
    /// Bytes of the bodies of requests, the warm-up included.
    pub bytes_sent: u64,
    /// Bytes of the bodies of answers, the warm-up included.
    pub bytes_received: u64,
    /// From the due time to the end of the answer.
    pub response: Distribution,
    /// From the send to the end of the answer.
    pub service: Distribution,
    /// From the due time to the send.
    pub lateness: Distribution,
    /// The same by what the answers meant.
    pub classes: BTreeMap<String, Class>,
    /// How the generator itself fared.
    pub generator: Generator,
    /// What was expected, and how it came out.
    pub slos: Vec<SloOutcome>,
    /// The rows that were started.
    pub rows: Rows,
    /// Second by second.
    pub series: Vec<Tick>,
    /// The steps of `--find-max`, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepOutcome>,
    /// The highest rate that held, of `--find-max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_per_second: Option<f64>,
    /// What kept `--find-max` from a higher rate, `server` or `machine` (this one, so that the
    /// server may hold more); absent if nothing did, or it ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
    /// Why it ended early, if it did.
    pub stopped: Option<String>,
    /// The exit code.
    pub exit: u8,
}

/// Times in microseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Distribution {
    /// Half of them took no longer.
    pub p50: u64,
    /// 90 %
    pub p90: u64,
    /// 95 %
    pub p95: u64,
    /// 99 %
    pub p99: u64,
    /// 99.9 %
    pub p99_9: u64,
    /// 99.99 %
    pub p99_99: u64,
    /// The longest.
    pub max: u64,
    /// The mean.
    pub mean: f64,
    /// All of them: an HDR histogram, V2, in base64.
    pub histogram: String,
}

/// The requests of one class.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Class {
    /// How many there are.
    pub requests: u64,
    /// What the server said to the first of them, or what happened.
    pub said: String,
    /// From the due time.
    pub response: Distribution,
    /// From the send.
    pub service: Distribution,
}

/// How the generator itself fared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Generator {
    /// Why the figures are its own and not the server's; `null` if they are not.
    pub bottleneck: Option<String>,
    /// Sends that were more than 10 ms late.
    pub late: u64,
    /// Their share of all.
    pub late_share: f64,
    /// The share of one core that it used.
    pub cpu_share: f64,
    /// Files that were open at a time, at most.
    pub open_files: u64,
    /// Files that may be open.
    pub open_files_limit: Option<u64>,
    /// Local ports for connections to one address.
    pub local_ports: Option<u64>,
    /// Requests that failed since there was no file or port for them.
    pub own_failures: u64,
}

/// How an expectation came out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SloOutcome {
    /// The expectation.
    pub slo: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was measured: seconds, a share, or answers per second.
    pub measured: Option<f64>,
    /// All that in words.
    pub told: String,
}

/// The rows that were started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Rows {
    /// The input; `null` if the tasks are the mock's.
    pub input: Option<String>,
    /// How many rows the server accepted.
    pub started: u64,
    /// Their lines: `2-501,503`
    pub started_lines: String,
    /// How many it may have accepted.
    pub perhaps: u64,
    /// Their lines.
    pub perhaps_lines: String,
}

/// One second.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tick {
    /// Which, from 0 on.
    pub second: u64,
    /// Requests that were due.
    pub wanted: f64,
    /// Requests that were sent.
    pub sent: u64,
    /// Answers.
    pub answered: u64,
    /// Those of them that were errors.
    pub errors: u64,
    /// Requests that were sent late.
    pub late: u64,
    /// Requests that could not be sent.
    pub dropped: u64,
    /// Requests that were out at its end.
    pub in_flight: u64,
    /// Response times in microseconds; `null` where nothing was answered.
    pub p50: Option<f64>,
    /// See [`p50`](Self::p50).
    pub p90: Option<f64>,
    /// See [`p50`](Self::p50).
    pub p99: Option<f64>,
    /// See [`p50`](Self::p50).
    pub max: Option<f64>,
    /// See [`p50`](Self::p50).
    pub mean: Option<f64>,
    /// Answers by class.
    pub classes: BTreeMap<String, u64>,
}

impl Tick {
    #[expect(clippy::cast_precision_loss, reason = "requests of a second are few")]
    fn error_share(&self) -> Option<f64> {
        (self.answered > 0).then(|| self.errors as f64 / self.answered as f64)
    }
}

/// One step of `--find-max`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StepOutcome {
    /// The rate that was wanted.
    pub wanted_per_second: f64,
    /// The answers that came.
    pub answered_per_second: f64,
    /// Response times, in microseconds.
    pub p50: u64,
    /// See [`p50`](Self::p50).
    pub p99: u64,
    /// The share of errors.
    pub error_share: f64,
    /// The share of sends that were late.
    #[serde(default)]
    pub late_share: f64,
    /// What the step was worth: `held`, `failed`, `unclear` (repeated for longer), `spoiled` (by
    /// this machine) or `unfinished`.
    #[serde(default)]
    pub verdict: String,
    /// Why it is not known that the rate holds; `null` if it does.
    pub failed: Option<String>,
}

impl Distribution {
    /// The figures of a histogram of microseconds.
    #[must_use]
    pub(crate) fn of(times: &Histogram<u64>) -> Self {
        let at = |percent| if times.is_empty() { 0 } else { times.value_at_percentile(percent) };
        Self {
            p50: at(50.0),
            p90: at(90.0),
            p95: at(95.0),
            p99: at(99.0),
            p99_9: at(99.9),
            p99_99: at(99.99),
            max: times.max(),
            mean: times.mean(),
            histogram: encoded(times),
        }
    }
}

fn encoded(times: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(times, &mut bytes).expect("a vector takes everything");
    STANDARD.encode(bytes)
}

impl Class {
    fn of(times: &Times, said: Option<&str>) -> Self {
        Self {
            requests: times.response.len(),
            said: said.unwrap_or_default().to_owned(),
            response: Distribution::of(&times.response),
            service: Distribution::of(&times.service),
        }
    }
}

/// The classes of what was measured, by name.
#[must_use]
pub(crate) fn classes(measured: &Measured) -> BTreeMap<String, Class> {
    let named = measured.classes.iter().filter_map(|(class, times)| {
        let said = measured.said[class].as_deref();
        Some((class.as_str().into(), Class::of(times.as_ref()?, said)))
    });
    named.collect()
}

impl Generator {
    /// What is told of the generator.
    #[must_use]
    pub(crate) fn of(measured: &Measured) -> Self {
        let health = &measured.health;
        Self {
            bottleneck: health.bottleneck(),
            late: health.late,
            late_share: health.late_share(),
            cpu_share: health.cpu,
            open_files: health.files,
            open_files_limit: health.file_limit,
            local_ports: health.ports,
            own_failures: health.own_failures,
        }
    }
}

impl From<&Judgement> for SloOutcome {
    fn from(judgement: &Judgement) -> Self {
        Self {
            slo: judgement.slo.to_string(),
            holds: judgement.holds(),
            measured: judgement.measured,
            told: judgement.to_string(),
        }
    }
}

impl From<&Second> for Tick {
    fn from(second: &Second) -> Self {
        let response = |at: usize| second.response.map(|figures| figures[at]);
        let classes = second.by_class.into_iter().filter(|(_, count)| *count > 0);
        Self {
            second: second.at,
            wanted: second.wanted,
            sent: second.sent,
            answered: second.answered(),
            errors: second.errors(),
            late: second.late,
            dropped: second.dropped,
            in_flight: second.in_flight,
            p50: response(0),
            p90: response(1),
            p99: response(2),
            max: response(3),
            mean: response(4),
            classes: classes.map(|(class, count)| (class.as_str().into(), count)).collect(),
        }
    }
}

/// `2-501,503`
#[must_use]
pub(crate) fn ranges(lines: &Lines) -> String {
    let one = |(first, last): (u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    lines.ranges().map(one).collect::<Vec<_>>().join(",")
}

/// A result cannot be read.
#[derive(Debug, Error)]
pub(crate) enum ResultError {
    /// The file itself.
    #[error("cannot read the result {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It is none.
    #[error("{} is no result of bench: {source}", path.display())]
    NotOne {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It is one of another time.
    #[error("{} has version {found} of the schema, and this program reads version {SCHEMA}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version.
        found: u32,
    },
}

impl Outcome {
    /// Reads a result.
    ///
    /// # Errors
    ///
    /// Where the file is not there, or is something else.
    pub(crate) fn read(path: &Path) -> Result<Self, ResultError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ResultError::Read { path: path.to_owned(), source })?;
        let outcome: Self = serde_json::from_str(&text)
            .map_err(|source| ResultError::NotOne { path: path.to_owned(), source })?;
        if outcome.schema == SCHEMA {
            return Ok(outcome);
        }
        Err(ResultError::Version { path: path.to_owned(), found: outcome.schema })
    }

    /// Why its figures are not those of the server under that load, if it says so itself.
    #[must_use]
    pub(crate) fn invalid(&self) -> Option<String> {
        let early = || self.stopped.as_ref().filter(|why| *why != ROWS_USED_UP);
        if let Some(why) = &self.generator.bottleneck {
            Some(format!("not the server but the machine that sent was measured: {why}"))
        } else if self.dropped > 0 {
            Some(format!("{} requests were due and not sent", self.dropped))
        } else if let Some(why) = early() {
            Some(format!("it ended early: {why}"))
        } else {
            (self.answered == 0).then(|| "nothing was answered".into())
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share is told with few digits")]
    fn error_share(&self) -> f64 {
        if self.answered == 0 { 0.0 } else { self.errors as f64 / self.answered as f64 }
    }

    /// The seconds that are whole: the last one may be a part.
    fn whole_seconds(&self) -> impl Iterator<Item = &Tick> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds are few and positive"
        )]
        let whole = (self.seconds + 1e-6) as u64;
        self.series.iter().filter(move |tick| tick.second < whole)
    }

    fn figure(&self, of: impl Fn(&Tick) -> Option<f64>) -> Vec<f64> {
        self.whole_seconds().filter_map(of).collect()
    }
}

/// Reads a figure of the whole result, as its summary tells it.
type Whole = fn(&Outcome) -> f64;

/// Reads the same figure of one second, if it has one.
type OfSecond = fn(&Tick) -> Option<f64>;

/// The figures in which two results are compared, as a whole and second by second.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "requests and microseconds are few")]
pub(crate) fn pairs(base: &Outcome, now: &Outcome) -> Vec<Pair> {
    let pair = |name, (better, change), whole: Whole, of: OfSecond| Pair {
        name,
        better,
        change,
        whole: (whole(base), whole(now)),
        base: base.figure(of),
        now: now.figure(of),
    };
    let time = (Better::Lower, Change::Relative);
    vec![
        pair("p50", time, |all| all.response.p50 as f64, |tick| tick.p50),
        pair("p90", time, |all| all.response.p90 as f64, |tick| tick.p90),
        pair("p99", time, |all| all.response.p99 as f64, |tick| tick.p99),
        pair("mean", time, |all| all.response.mean, |tick| tick.mean),
        pair(
            "rate",
            (Better::Higher, Change::Relative),
            |all| all.answered_per_second,
            |tick| Some(tick.answered as f64),
        ),
        pair("errors", (Better::Lower, Change::Absolute), Outcome::error_share, Tick::error_share),
    ]
}
