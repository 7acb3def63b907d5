//! The waiting rows of one business.

use std::collections::VecDeque;

use tokio::time::Instant;

/// Whether a row was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// Never sent before.
    First,
    /// Sent before.
    Retry,
}

/// What keeps a business from going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    Until(Instant),
    /// Until `FairQueue::wake` is called for the business.
    UntilWoken,
}

/// Whether rows must be noted before they are sent for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntentNotes {
    /// Noted, so that a crash leaves no doubt about the other rows.
    Needed,
    /// Not noted, since nothing is kept of them.
    NotNeeded,
}

#[derive(Debug)]
pub(super) struct BusinessQueue<T> {
    pub again: VecDeque<T>,
    /// Rows never sent: the first `noted` may go, and the next `named` once that is committed.
    pub first: VecDeque<T>,
    pub noted: usize,
    pub named: usize,
    pub blocked: Option<Blocked>,
    pub indexed: Indexed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexed {
    pub again: Option<Ticket>,
    pub first: Option<Ticket>,
    pub unnamed: Option<Ticket>,
    pub asleep: Option<Instant>,
    pub ready: usize,
    pub ready_again: usize,
}

/// Position of a business in a ring: lower ones go first.
pub(super) type Ticket = u64;

impl<T> Default for BusinessQueue<T> {
    fn default() -> Self {
        Self {
            again: VecDeque::new(),
            first: VecDeque::new(),
            noted: 0,
            named: 0,
            blocked: None,
            indexed: Indexed::default(),
        }
    }
}

impl<T> BusinessQueue<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.again.is_empty() && self.first.is_empty()
    }
}
