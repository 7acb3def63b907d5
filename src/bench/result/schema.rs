//! The keys of a result. Times are in microseconds unless their key says otherwise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) const SCHEMA: u32 = 1;

/// Value of [`BenchResult::stopped`] if the input had too few rows for the load.
pub(crate) const ROWS_USED_UP: &str = "the rows were used up";

/// Value of [`StepResult::verdict`] if the search ended within the step.
pub(crate) const UNFINISHED: &str = "unfinished";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BenchResult {
    /// [`SCHEMA`] of the program that wrote the result.
    pub schema: u32,
    pub version: String,
    /// RFC 3339.
    pub began: String,
    pub target: String,
    /// In words.
    pub load: String,
    /// Seconds at the beginning that only `connects` and `bytes_…` include.
    pub warmup_seconds: f64,
    /// Time during which requests were sent.
    pub seconds: f64,
    /// Due requests; `null` in a closed loop.
    pub wanted: Option<f64>,
    pub sent: u64,
    /// Answers, and requests that were given up.
    pub answered: u64,
    /// Answers that were neither accepted nor already started.
    pub errors: u64,
    /// Requests that were due while too many were in flight, and so never sent.
    pub dropped: u64,
    pub sent_per_second: f64,
    /// Rate of answers during the time in which they came.
    pub answered_per_second: f64,
    pub connects: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// From the due time to the end of the answer.
    pub response: Distribution,
    /// From the send to the end of the answer.
    pub service: Distribution,
    /// From the due time to the send.
    pub lateness: Distribution,
    /// By class of answer.
    pub classes: BTreeMap<String, ClassResult>,
    pub generator: GeneratorResult,
    pub slos: Vec<SloResult>,
    pub rows: StartedRows,
    pub series: Vec<SecondResult>,
    /// Steps of `--find-max`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepResult>,
    /// Highest rate that held, of `--find-max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_per_second: Option<f64>,
    /// What kept `--find-max` from a higher rate: `server`, or `machine` (this one; the server may
    /// hold more). Absent if nothing did, or if the search ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
    pub stopped: Option<String>,
    pub exit: u8,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Distribution {
    pub p50: u64,
    pub p90: u64,
    pub p95: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub p99_99: u64,
    pub max: u64,
    pub mean: f64,
    /// The whole distribution: an HDR histogram, V2, in base64.
    pub histogram: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClassResult {
    pub requests: u64,
    /// Message of the first answer, or what happened in its place.
    pub said: String,
    pub response: Distribution,
    pub service: Distribution,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GeneratorResult {
    /// Why the figures are the generator's own and not the server's; `null` if they are not.
    pub bottleneck: Option<String>,
    /// Sends that were more than 10 ms late.
    pub late: u64,
    pub late_share: f64,
    /// CPU time of the sending thread as a share of one core.
    pub cpu_share: f64,
    /// Maximum number at a time.
    pub open_files: u64,
    pub open_files_limit: Option<u64>,
    /// Number of local ports for connections to one address.
    pub local_ports: Option<u64>,
    /// Requests that failed because this machine had no file or port for them.
    pub own_failures: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SloResult {
    pub slo: String,
    pub holds: bool,
    /// Seconds, a share, or answers per second.
    pub measured: Option<f64>,
    /// The judgement in words.
    pub told: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StartedRows {
    /// `null` if the tasks are the mock's.
    pub input: Option<String>,
    /// Rows that the server accepted.
    pub started: u64,
    /// Their lines, such as `2-501,503`.
    pub started_lines: String,
    /// Rows that the server may have accepted.
    pub perhaps: u64,
    pub perhaps_lines: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SecondResult {
    /// Number of the second, from 0.
    pub second: u64,
    pub wanted: f64,
    pub sent: u64,
    pub answered: u64,
    pub errors: u64,
    pub late: u64,
    pub dropped: u64,
    /// At the end of the second.
    pub in_flight: u64,
    /// Response times; `null` if nothing was answered.
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
    pub mean: Option<f64>,
    pub classes: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StepResult {
    pub wanted_per_second: f64,
    pub answered_per_second: f64,
    pub p50: u64,
    pub p99: u64,
    pub error_share: f64,
    #[serde(default)]
    pub late_share: f64,
    /// What the step showed: `held`, `failed`, `unclear` (repeated for longer), `spoiled` (by this
    /// machine) or `unfinished`.
    #[serde(default)]
    pub verdict: String,
    /// Why the rate is not known to hold; `null` if it does.
    pub failed: Option<String>,
}
