//! x
pub mod rate;
pub mod row;
pub mod secret;
pub mod task;
