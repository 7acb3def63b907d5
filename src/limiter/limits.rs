//! The limits that a launch is given.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::domain::rate::Rate;
use crate::rules::budget::{Base, Budget};
use crate::rules::retry::Backoff;

/// The limits on requests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests of everyone.
    pub rate: Rate,
    /// Maximum number of requests that leave at once, if above the pace's own allowance.
    pub burst: Option<NonZeroU32>,
    /// Starts of one business.
    pub rate_per_biz: Rate,
    /// Maximum number of requests in flight.
    pub slots: NonZeroUsize,
    /// Maximum number of requests in flight of one business.
    pub slots_per_biz: Option<NonZeroUsize>,
    /// How long holds last that state no time, and how often an outage is probed.
    pub backoff: Backoff,
    /// How long all requests of a business may be refused before its rows fail.
    pub throttle_patience: Duration,
    /// How many rows may fail.
    pub budget: Option<(Budget, Base)>,
}
