//! Outlets for the progress of a session: standard error with its bar, a metrics file, systemd,
//! and the URLs of monitors.
//!
//! [`console`] owns standard error: nothing else writes to it. Nothing here delays a launch.

pub(crate) mod console;
pub(crate) mod metrics;
pub(crate) mod notify;
pub(crate) mod progress;
pub(crate) mod systemd;
