//! Pure decisions, each with its table as a test.
//!
//! Facts, times and random numbers are arguments. No rule reads a clock, waits, or knows its
//! caller.

pub(crate) mod budget;
pub(crate) mod confirm;
pub(crate) mod course;
pub(crate) mod expected_rows;
pub(crate) mod forecast;
pub(crate) mod intents;
pub(crate) mod outcome_filter;
pub(crate) mod proof;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod run_pace;
pub(crate) mod sample;
pub(crate) mod selection;
pub(crate) mod server_time;
pub(crate) mod stages;
pub(crate) mod stats;
pub(crate) mod window;
