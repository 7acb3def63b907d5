//! Sessions, as a journal keeps them.

use jiff::Timestamp;

use crate::domain::clocks::Reading;
use crate::domain::record::AlreadyStarted;
use crate::rules::course::LastAnswers;

/// Start of a session.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// This machine's clocks at the start.
    pub at: Reading,
    /// Server that the session calls.
    pub target: &'a str,
    /// Sends bad rows again, if given; the value says whether "already started" is bad.
    pub reopens: Option<AlreadyStarted>,
    /// Time before which the session sends nothing, if it waits for one.
    pub waits_until: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PastSession {
    /// Counts from 1 within the run.
    pub number: u32,
    pub began: Timestamp,
    /// Time before which the session sent nothing, if it waited for one.
    pub waits_until: Option<Timestamp>,
    pub target: String,
    pub retry_failed: bool,
    /// Why the session stopped sending new rows, if it did.
    pub draining: Option<String>,
    /// Time of the end; `None` if the session crashed or still runs.
    pub ended: Option<Timestamp>,
    /// `finished`, or why the session stopped.
    pub ending: Option<String>,
    pub exit: Option<u8>,
    /// How long the server took; `None` if the session settled no row that it sent, or crashed.
    pub answers: Option<LastAnswers>,
}

/// Value of `ending` for a session that left nothing to do.
pub(crate) const FINISHED: &str = "finished";
