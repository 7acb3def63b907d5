//! The words of the command line: what is said of plans, ends and kept runs, for people and
//! for programs. Nothing here decides, reads or prints.

pub(crate) mod count;
pub(crate) mod kept_run;
pub(crate) mod location;
pub(crate) mod plan;
pub(crate) mod runs;
pub(crate) mod setting_list;
pub(crate) mod summary;
pub(crate) mod time;
