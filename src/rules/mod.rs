//! Pure decisions, each with its table as a test.
//!
//! Facts, times and random numbers are handed in. No rule reads a clock, waits, or knows who
//! asks it.

pub mod budget;
pub mod confirm;
pub mod forecast;
pub mod intents;
pub mod proof;
pub mod resume;
pub mod retry;
pub mod sample;
pub mod server_time;
pub mod stages;
pub mod stats;
pub mod window;
