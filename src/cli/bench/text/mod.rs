//! Texts about a measurement.

pub(super) mod comparison;
pub(super) mod notices;
pub(super) mod search;
pub(super) mod summary;
mod units;
