//! Data that every layer uses: rows, tasks, answers, records, and the values in them.
//!
//! Nothing here reads, writes, waits or decides.

pub(crate) mod answer;
pub(crate) mod clocks;
pub(crate) mod connections;
pub(crate) mod count;
pub(crate) mod duration;
pub(crate) mod escape;
pub(crate) mod executor;
pub(crate) mod file_state;
pub(crate) mod format;
pub(crate) mod host;
pub(crate) mod lines;
pub(crate) mod rate;
pub(crate) mod record;
pub(crate) mod report_note;
pub(crate) mod request_id;
pub(crate) mod row;
pub(crate) mod secret;
pub(crate) mod secret_command;
pub(crate) mod shell_word;
pub(crate) mod spreadsheet;
pub(crate) mod task;
pub(crate) mod task_column;
