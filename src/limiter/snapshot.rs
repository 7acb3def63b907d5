//! What the limiter tells of itself: counts, who is held, and what an answer taught it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::task::Business;
use crate::rules::retry::{Patience, Server};

/// Counts of what the limiter has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Number of answers that asked for a hold.
    pub throttled: u64,
    pub holds: u64,
    /// Number of requests that were let through.
    pub requests: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimiterSnapshot {
    pub in_flight: u64,
    pub requests: u64,
    pub held: Option<Held>,
}

/// Who is held, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Everyone, since bk-sops is gone; this answers in its place.
    Outage(Instant, Arc<str>),
    /// Everyone, since the app's requests are used up.
    Everyone(Instant),
    /// This many businesses, with the one that is held longest.
    Businesses(u64, Business, Instant),
}

/// What the limiter knows after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Feedback {
    /// Whether the attempt began an outage, or ended during one.
    pub in_outage: bool,
    pub server: Server,
    /// Number of consecutive connections that failed before the first HTTP answer.
    pub unconnected: u32,
    /// Whether the requests that share the throttle which refused this one still wait.
    pub patience: Patience,
    /// The outage that this probe did not end.
    pub outage: Option<Lasting>,
}

/// An outage that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lasting {
    pub lasted: Duration,
    /// What answers in place of bk-sops.
    pub says: Arc<str>,
}
