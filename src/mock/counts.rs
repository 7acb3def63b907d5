//! Counts of everything that came to the mock, as `/_mock/counts` tells them.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts of everything that came.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MockCounts {
    /// Requests of any kind, `/_mock/` ones left out.
    pub requests: u64,
    /// `start_task` requests, those with refused credentials left out.
    pub starts: u64,
    /// Tasks that were truly started, each once.
    pub started: u64,
    /// What start requests came to, by name.
    pub answers: BTreeMap<&'static str, u64>,
    /// Requests that were refused for their credentials.
    pub refused: u64,
    /// Requests of any kind that something else answered, since bk-sops was gone.
    pub gone: u64,
    /// `get_task_status` requests.
    pub status: u64,
    /// `get_task_detail` requests.
    pub detail: u64,
    /// The most requests that were in flight at once.
    pub most_in_flight: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Start requests as they came.
    pub arrivals: Vec<Arrival>,
    /// What came for each task, by `scope/bk_biz_id/task_id`.
    pub tasks: BTreeMap<String, TaskCounts>,
}

/// When a start request came.
#[derive(Clone, Debug, Serialize)]
pub struct Arrival {
    /// Microseconds since the mock began.
    pub micros: u64,
    /// Whose, as `scope/bk_biz_id`.
    pub business: String,
    /// For which task.
    pub task: u64,
}

/// What came for one task.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TaskCounts {
    /// Start requests.
    pub requests: u32,
    /// Answers of `result: true`, also those that were lost on the way.
    pub accepted: u32,
    /// Whether it was truly started, by this or by somebody else.
    pub started: bool,
    /// The `X-Request-Id`s of its start requests.
    pub request_ids: Vec<String>,
}
