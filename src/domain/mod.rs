//! Data that everything speaks of: rows, tasks, answers, records, and the values in them.
//!
//! It neither reads, writes, waits nor decides.

pub mod answer;
pub mod clocks;
pub mod file_state;
pub mod rate;
pub mod record;
pub mod report_note;
pub mod request_id;
pub mod row;
pub mod secret;
pub mod spreadsheet;
pub mod task;
