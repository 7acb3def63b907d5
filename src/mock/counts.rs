//! Counts of all requests, which `/_mock/counts` returns.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts of all requests.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MockCounts {
    /// Requests of any kind except `/_mock/` ones.
    pub requests: u64,
    /// `start_task` requests except those with refused credentials.
    pub starts: u64,
    /// Tasks that were really started, each counted once.
    pub started: u64,
    /// Results of start requests, by name.
    pub answers: BTreeMap<&'static str, u64>,
    /// Requests that were refused for their credentials.
    pub refused: u64,
    /// Requests of any kind that something else answered because bk-sops was gone.
    pub gone: u64,
    /// `get_task_status` requests.
    pub status: u64,
    /// `get_task_detail` requests.
    pub detail: u64,
    /// Maximum number of requests in flight at once.
    pub most_in_flight: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Start requests in order of arrival.
    pub arrivals: Vec<Arrival>,
    /// Counts of each task, by `scope/bk_biz_id/task_id`.
    pub tasks: BTreeMap<String, TaskCounts>,
}

/// Arrival of a start request.
#[derive(Clone, Debug, Serialize)]
pub struct Arrival {
    /// Microseconds since the mock started.
    pub micros: u64,
    /// Business, as `scope/bk_biz_id`.
    pub business: String,
    /// Id of the task.
    pub task: u64,
}

/// Counts of one task.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TaskCounts {
    /// Start requests.
    pub requests: u32,
    /// Answers of `result: true`, including those that were lost on the way.
    pub accepted: u32,
    /// Whether the task was really started, by this caller or by somebody else.
    pub started: bool,
    /// `X-Request-Id`s of the start requests.
    pub request_ids: Vec<String>,
}
