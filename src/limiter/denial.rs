//! Why a row or a question is not let through.

use std::sync::Arc;

/// The limiter is closed: nothing more may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    Closed,
    /// bk-sops works, but failed each time the question was asked.
    InVain,
}

impl From<Closed> for NotAsked {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// No request of its business was granted for the whole of `--throttle-patience`. Holds the
    /// server's last words.
    Throttled(Arc<str>),
    /// bk-sops works, but fails each time that this row is sent.
    BadRow,
}
