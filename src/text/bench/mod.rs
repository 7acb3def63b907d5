//! Texts about a measurement.

pub(crate) mod comparison;
pub(crate) mod notices;
pub(crate) mod search;
pub(crate) mod summary;
mod units;
