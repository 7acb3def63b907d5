//! Limits of a launch.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::domain::rate::Rate;
use crate::rules::budget::{Base, Budget};
use crate::rules::retry::Backoff;

/// Limits on requests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Rate of all requests.
    pub rate: Rate,
    /// Maximum number of requests that leave at once, if above the pace's own allowance.
    pub burst: Option<NonZeroU32>,
    /// Rate of the starts of one business.
    pub rate_per_biz: Rate,
    /// Maximum number of requests in flight.
    pub slots: NonZeroUsize,
    /// Maximum number of requests in flight of one business.
    pub slots_per_biz: Option<NonZeroUsize>,
    /// Backoff for holds that state no time, and for the probes of an outage.
    pub backoff: Backoff,
    /// Maximum time that all requests of a business may be refused before its rows fail.
    pub throttle_patience: Duration,
    /// Budget of rows that may fail.
    pub budget: Option<(Budget, Base)>,
}
