//! Sessions, as a journal keeps them.

use jiff::Timestamp;

use crate::domain::clocks::Reading;
use crate::domain::record::AlreadyStarted;

/// A session that begins.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// This machine's clocks when it begins.
    pub at: Reading,
    /// The server that it calls.
    pub target: &'a str,
    /// Takes bad rows up again, if given; it says whether "already started" is bad.
    pub reopens: Option<AlreadyStarted>,
    /// The moment before which it sends nothing, if it waits for one.
    pub waits_until: Option<Timestamp>,
}

/// A session of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastSession {
    /// Number in its run, from 1.
    pub number: u32,
    pub began: Timestamp,
    /// The moment before which it sent nothing, if it waited for one.
    pub waits_until: Option<Timestamp>,
    pub target: String,
    /// Whether it took up bad rows again.
    pub retry_failed: bool,
    /// Why it sent nothing new any more, if it was stopped.
    pub draining: Option<String>,
    /// When it ended; `None` if it crashed, or goes on.
    pub ended: Option<Timestamp>,
    /// `finished`, or why it stopped.
    pub ending: Option<String>,
    pub exit: Option<u8>,
}

/// Ending of a session that left nothing to do.
pub(crate) const FINISHED: &str = "finished";
