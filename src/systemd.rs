//! Tells systemd how a session goes, where it is the one that started it.
//!
//! Without `$NOTIFY_SOCKET` nothing is done. Nothing that happens here matters to the
//! session.

use std::time::Duration;

use sd_notify::{NotifyState, notify};
use tracing::debug;

/// How often the status is told.
pub const EVERY: Duration = Duration::from_secs(2);

/// Whether there is somebody to be told.
#[must_use]
pub fn is_told() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// The session begins, and this is what it will do.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// How things stand.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(&one_line(status))]);
}

/// Nothing new is sent any more.
pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        debug!(%error, "systemd was not told");
    }
}

/// A line end would begin another word of the protocol.
fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
