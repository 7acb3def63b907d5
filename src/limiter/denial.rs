//! Why a row or a question is not let through.

use std::sync::Arc;

/// The limiter is closed: nothing more may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// Why a question is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    /// The limiter is closed.
    Closed,
    /// bk-sops works, and failed each time that it was asked.
    InVain,
}

impl From<Closed> for NotAsked {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}

/// Why a row is given up without another request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// Nothing of its business was granted for the whole of `--throttle-patience`. Holds the
    /// server's last words.
    Throttled(Arc<str>),
    /// bk-sops works, and fails each time that this row is sent.
    BadRow,
}
