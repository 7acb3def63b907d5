//! Waits between two looks at a run that is followed.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::session::follow::Reader;

/// Time between two looks at a run that is followed.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);

/// Use of standard output while a run is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StdoutUse {
    /// Rows are written to it.
    Rows,
    Nothing,
}

/// Waits a while, but not longer than until the reader of rows on standard output goes away.
pub(crate) fn wait_for_reader(stdout_use: StdoutUse) -> Reader {
    let stdout = io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let watched = match stdout_use {
        StdoutUse::Rows => &mut watched[..],
        StdoutUse::Nothing => &mut [],
    };
    let limit = Timespec::try_from(FOLLOW_INTERVAL).ok();
    // A signal that interrupts the wait makes it shorter, and no more.
    let _ = poll(watched, limit.as_ref());
    let is_gone = |fd: &PollFd<'_>| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP);
    if watched.iter().any(is_gone) { Reader::Gone } else { Reader::Reads }
}
