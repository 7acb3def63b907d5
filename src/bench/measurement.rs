//! What a measurement sends, expects, and ends with.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::schedule::{ArrivalPattern, Schedule};
use super::slo::Slo;

/// Requests, and when each leaves.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// An open loop: when a request is due never depends on an answer.
    Open {
        /// Due times, the warm-up included.
        schedule: Schedule,
        spread: ArrivalPattern,
        /// Maximum number of requests in flight. A request that is due beyond it is dropped and
        /// counted.
        max_in_flight: NonZeroUsize,
    },
    /// The classical loop: each of `concurrency` senders waits for an answer before its next
    /// request.
    Closed { concurrency: NonZeroUsize, stop: LoopEnd },
}

/// End of a closed loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopEnd {
    /// After this time, the warm-up included.
    Over(Duration),
    /// After this number of requests, the warm-up's not counted.
    Sent(u64),
}

/// A load, and what is expected of the server.
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

/// Why a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadEnd {
    /// All of it was sent.
    LoadOver,
    RowsUsedUp,
    /// `Shutdown` knows the cause.
    Stopped,
}
