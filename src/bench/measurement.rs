//! What a measurement sends, what it expects, and how it ends.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::schedule::{ArrivalPattern, Schedule};
use super::slo::Slo;

#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// An open loop: when a request is due never depends on an answer.
    Open {
        /// Due times, the warm-up included.
        schedule: Schedule,
        sending: Sending,
    },
    /// A closed loop: each of `concurrency` senders waits for an answer before its next request.
    Closed { concurrency: NonZeroUsize, stop: LoopEnd },
}

/// Gaps, slack and bound of the sends of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    pub spread: ArrivalPattern,
    /// Requests that are due within this time of each other leave in one wake-up.
    pub slack: Duration,
    /// Maximum number of requests in flight. A request that is due beyond it is dropped and
    /// counted.
    pub max_in_flight: NonZeroUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopEnd {
    /// After this time, including the warm-up.
    Over(Duration),
    /// After this number of requests, without those of the warm-up.
    Sent(u64),
}

#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    pub load: Load,
    /// Time at the beginning whose requests are not counted.
    pub warmup: Duration,
    pub slos: Vec<Slo>,
    pub on_miss: OnMiss,
}

/// Action to take if an expectation is missed during the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnMiss {
    GoOn,
    Abort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadEnd {
    LoadOver,
    RowsUsedUp,
    /// [`Shutdown`](crate::shutdown::Shutdown) knows the cause.
    Stopped,
}
