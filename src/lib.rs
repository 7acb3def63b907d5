//! x
pub mod answer;
pub mod api;
pub mod gates;
pub mod rate;
pub mod record;
pub mod request_id;
pub mod retry;
pub mod row;
pub mod secret;
pub mod shutdown;
pub mod stats;
pub mod task;
