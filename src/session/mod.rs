//! What a session of a run does: starts a run, resumes one, replays one.
//!
//! ```text
//! start::check ──► CheckedRun::plan ──► create ──► pipeline::assemble ──► Pipeline::run ──► note
//! resume::Before::read ──► plan ──► begin ──────────────┘
//! replay::replay                                          (no request at all)
//! ```
//!
//! It prints nothing and parses no flag, so that more than the command line can call it. The
//! clocks and random numbers of a launch come from the [`machine::Machine`] that it is given, the server from a
//! client, and what it shows and asks goes to a [`pipeline::Frontend`]. Its errors say the way
//! out in the words of the command line.

mod error;

pub(crate) mod command_group;
pub(crate) mod credentials;
pub(crate) mod exit;
pub(crate) mod find;
pub(crate) mod follow;
pub(crate) mod input;
pub(crate) mod kept_runs;
mod last_answers;
pub(crate) mod lock;
pub(crate) mod machine;
pub(crate) mod note;
mod own_report;
pub(crate) mod pipeline;
pub(crate) mod plan;
pub(crate) mod replay;
pub(crate) mod reports;
pub(crate) mod resume;
pub(crate) mod rewrite;
pub(crate) mod run;
pub(crate) mod run_state;
pub(crate) mod run_view;
mod secret_output;
mod session_window;
pub(crate) mod settings;
pub(crate) mod staging;
pub(crate) mod start;
pub(crate) mod state_question;
pub(crate) mod timing;
pub(crate) mod zone;

pub(crate) use error::SessionError;
