//! The end of the program: in order, or at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::monitor::console::{self, Release};
use crate::session::command_group;
use crate::session::exit::Exit;

/// Whether a second signal ends the program.
static IS_ABORTED: AtomicBool = AtomicBool::new(false);

/// Maximum wait for standard error if a second signal ends the program.
const MAX_LAST_WRITE: Duration = Duration::from_millis(200);

/// Writes what is left for standard error: all of it unless the exit code is 0.
pub(crate) fn end(exit: Exit) -> Exit {
    if IS_ABORTED.load(Ordering::Acquire) {
        // Another thread ends the program, in a moment.
        loop {
            thread::park();
        }
    }
    close(exit, console::MAX_WAIT);
    exit
}

/// Keeps the program from ending in another way than by [`abort`].
pub(crate) fn begin_to_abort() {
    IS_ABORTED.store(true, Ordering::Release);
}

/// Ends the program at once, whatever its other threads do.
pub(crate) fn abort(exit: Exit) -> ! {
    close(exit, MAX_LAST_WRITE);
    std::process::exit(exit.code().into());
}

fn close(exit: Exit, patience: Duration) {
    let release = if exit == Exit::Good { Release::Drop } else { Release::Show };
    console::close(release, patience);
    command_group::kill_all();
}
