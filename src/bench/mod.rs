//! Measures how `start_task` behaves under load, without lying.
//!
//! ```text
//!  feed (thread)            one thread                                      a request's own task
//! ┌────────────┐  rows   ┌──────────────────────────────────────┐ spawns ┌───────────────────────┐
//! │ the input  ├────────►│ send: waits until a request is due,  ├───────►│ api.start, then meter │
//! └────────────┘         │ whatever became of those before it   │        │ (due, sent, answered) │
//!                        └──────────────────────────────────────┘        └───────────────────────┘
//! ```
//!
//! The loop is open: when a request is due never depends on an answer. Its response time counts
//! from the moment it was *due*, so that a server that stands still is charged for all who would
//! have waited; its service time counts from the moment it was sent. Both include failures and
//! timeouts. Nothing here retries, holds, or decides what a figure means for the exit code.

pub(crate) mod compare;
pub(crate) mod context;
pub(crate) mod feed;
pub(crate) mod find_max;
pub(crate) mod generator;
pub(crate) mod measure;
pub(crate) mod measured;
pub(crate) mod measurement;
mod meter;
pub(crate) mod observers;
pub(crate) mod result;
pub(crate) mod schedule;
pub(crate) mod search;
mod send;
pub(crate) mod slo;
pub(crate) mod snapshot;
pub(crate) mod started;
mod timer;
pub(crate) mod trend;
pub(crate) mod wake_ups;
