//! What is said of plans, ends of sessions, kept runs and measurements, for people and for
//! programs. Nothing here decides, reads or prints.

mod advice;
pub(crate) mod bench;
pub(crate) mod count;
pub(crate) mod doctor;
mod failures;
pub(crate) mod fold;
pub(crate) mod kept_run;
pub(crate) mod location;
pub(crate) mod plan;
mod row_notes;
pub(crate) mod run_page;
pub(crate) mod runs;
pub(crate) mod settings;
pub(crate) mod stopping;
pub(crate) mod summary;
pub(crate) mod time;
