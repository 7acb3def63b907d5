//! Current state of a measurement, for display.

use crate::domain::answer::AnswerClass;
use enum_map::EnumMap;
use std::time::Duration;

use super::measured::Second;

/// Counts since the end of the warm-up.
#[derive(Clone, Debug)]
pub(crate) struct LoadSnapshot {
    /// Time until the end of the warm-up.
    pub left: Duration,
    /// Time since the end of the warm-up.
    pub elapsed: Duration,
    /// Scheduled rate at this moment; `None` in a closed loop.
    pub wanted: Option<f64>,
    pub sent: u64,
    pub late: u64,
    /// Requests that were due while too many were in flight.
    pub dropped: u64,
    pub in_flight: u64,
    pub by_class: EnumMap<AnswerClass, u64>,
    pub last: Option<Second>,
    /// Median of all response times, in microseconds; 0 if there are none.
    pub p50: u64,
    /// 99th percentile of the same.
    pub p99: u64,
}
