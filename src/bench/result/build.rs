//! Makes a result from the measured figures.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use jiff::Timestamp;

use super::schema::{
    BenchResult, ClassResult, Distribution, GeneratorResult, SCHEMA, SecondResult, SloResult,
    StartedRows, StepResult, UNFINISHED,
};
use crate::bench::find_max::MeasuredStep;
use crate::bench::measured::{Measured, Second, TimeHistograms, TrafficTotals};
use crate::bench::search::SearchDecision;
use crate::bench::slo::SloJudgement;
use crate::bench::started::StartedLines;
use crate::domain::lines::Lines;

/// What is known about a measurement before it begins.
pub(crate) struct Circumstances {
    pub began: Timestamp,
    pub target: String,
    /// The load, in words.
    pub load: String,
    pub warmup: Duration,
    /// `None` if the tasks are the mock's.
    pub input: Option<String>,
}

impl BenchResult {
    /// Returns the result of one measurement. The caller adds the results of a search, why it was
    /// stopped and the exit code.
    #[must_use]
    pub(crate) fn of(
        circumstances: Circumstances,
        measured: &Measured,
        judged: &[SloJudgement],
        started: &StartedLines,
    ) -> Self {
        let Circumstances { began, target, load, warmup, input } = circumstances;
        let TrafficTotals { connects, bytes_sent, bytes_received } = measured.traffic;
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").into(),
            began: began.to_string(),
            target,
            load,
            warmup_seconds: warmup.as_secs_f64(),
            seconds: measured.window.as_secs_f64(),
            wanted: measured.wanted,
            sent: measured.sent,
            answered: measured.answered(),
            errors: measured.errors(),
            dropped: measured.dropped,
            sent_per_second: measured.sent_per_second(),
            answered_per_second: measured.answered_per_second,
            connects,
            bytes_sent,
            bytes_received,
            response: Distribution::of(&measured.all.response),
            service: Distribution::of(&measured.all.service),
            lateness: Distribution::of(&measured.lateness),
            classes: classes(measured),
            generator: GeneratorResult::of(measured),
            slos: judged.iter().map(Into::into).collect(),
            rows: StartedRows::of(started, input),
            series: measured.seconds.iter().map(Into::into).collect(),
            steps: Vec::new(),
            highest_per_second: None,
            limited_by: None,
            stopped: None,
            exit: 0,
        }
    }
}

impl Distribution {
    fn of(times: &Histogram<u64>) -> Self {
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

fn classes(measured: &Measured) -> BTreeMap<String, ClassResult> {
    let named = measured.classes.iter().filter_map(|(class, times)| {
        let said = measured.said[class].as_deref();
        Some((class.as_str().into(), ClassResult::of(times.as_ref()?, said)))
    });
    named.collect()
}

impl ClassResult {
    fn of(times: &TimeHistograms, said: Option<&str>) -> Self {
        Self {
            requests: times.response.len(),
            said: said.unwrap_or_default().to_owned(),
            response: Distribution::of(&times.response),
            service: Distribution::of(&times.service),
        }
    }
}

impl GeneratorResult {
    fn of(measured: &Measured) -> Self {
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

impl From<&SloJudgement> for SloResult {
    fn from(judgement: &SloJudgement) -> Self {
        Self {
            slo: judgement.slo.to_string(),
            holds: judgement.holds(),
            measured: judgement.measured,
            told: judgement.to_string(),
        }
    }
}

impl StartedRows {
    fn of(started: &StartedLines, input: Option<String>) -> Self {
        Self {
            input,
            started: started.accepted.len(),
            started_lines: ranges(&started.accepted),
            perhaps: started.in_doubt.len(),
            perhaps_lines: ranges(&started.in_doubt),
        }
    }
}

impl From<&Second> for SecondResult {
    fn from(second: &Second) -> Self {
        let response = second.response;
        let classes = second.by_class.iter().filter(|(_, count)| **count > 0);
        Self {
            second: second.at,
            wanted: second.wanted,
            sent: second.sent,
            answered: second.answered(),
            errors: second.errors(),
            late: second.late,
            dropped: second.dropped,
            in_flight: second.in_flight,
            p50: response.map(|times| times.p50),
            p90: response.map(|times| times.p90),
            p99: response.map(|times| times.p99),
            max: response.map(|times| times.max),
            mean: response.map(|times| times.mean),
            classes: classes.map(|(class, count)| (class.as_str().into(), *count)).collect(),
        }
    }
}

impl From<&MeasuredStep> for StepResult {
    fn from(step: &MeasuredStep) -> Self {
        let MeasuredStep { planned, measured, decision, why, .. } = step;
        let response = Distribution::of(&measured.all.response);
        Self {
            wanted_per_second: planned.rate,
            answered_per_second: measured.answered_per_second,
            p50: response.p50,
            p99: response.p99,
            error_share: measured.error_share().unwrap_or_default(),
            late_share: measured.health.late_share(),
            verdict: decision.map_or(UNFINISHED, SearchDecision::as_str).into(),
            failed: why.clone().filter(|_| *decision != Some(SearchDecision::Held)),
        }
    }
}

/// Writes lines as ranges, such as `2-501,503`.
#[must_use]
pub(crate) fn ranges(lines: &Lines) -> String {
    let one = |(first, last): (u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    lines.ranges().map(one).collect::<Vec<_>>().join(",")
}
