//! The words in which the tests are written: circumstances first, then what must come of them.
//!
//! ```text
//! launch("2,1\n2,2\n")                                        a folder with this list
//!     .against(Behaviour { denied: [2].into(), ..well() })    a bk-sops of its own
//!     .with("--retries 2")                                    flags, as they are typed
//!     .exits(1)                                               runs the program to its end
//!     .says("1 rejected")                                     on standard error
//!     .row(1).is("started", "reply")                          lines of the report
//! ```
//!
//! A test that fails shows every command that ran in its folder, what each said, the reports and
//! what the server saw.

mod folder;
mod front;
mod launch;
mod outcome;
mod report;
mod running;
mod scene;
mod script;
mod server;
mod signals;
mod terminal;

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

pub use folder::Folder;
pub use front::{Front, Stall, Way, full_backlog};
pub use launch::Launch;
pub use outcome::Outcome;
pub use report::Report;
pub use running::Running;
pub use scene::{Scene, launch, scene};
pub use script::{Conversation, Script, Scripted};
pub use server::{
    Server, answer_once, each, fault, http, mock, read_request, slow, sometimes, well,
};
pub use signals::{has, signal};
pub use terminal::Terminal;

/// Maximum time that a test waits for anything. Far beyond what a busy machine needs: a wait that
/// lasts longer has no end.
pub const LIMIT: Duration = Duration::from_mins(5);

/// Flags that make retries quick.
pub const QUICK: &str = "--rate unlimited --backoff 1ms..20ms";

pub const HEADER: &str = "bk_biz_id,task_id,scope\n";

/// Rows of a CSV with a header: `count` tasks of one business, from `first` on.
pub fn rows(business: u64, first: u64, count: u64) -> String {
    (first..first + count).map(|task| format!("{business},{task},\n")).collect()
}

/// A list with a header: the tasks 1 to `count` of business 2, each on the line after its number.
pub fn list(count: u64) -> String {
    format!("{HEADER}{}", rows(2, 1, count))
}

/// A list without a header: the tasks 1 to `count` of business 2, each on the line of its number.
pub fn bare_list(count: u64) -> String {
    (1..=count).map(|task| format!("2,{task}\n")).collect()
}

/// Waits until something that will happen has happened.
#[track_caller]
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < Duration::from_mins(1), "waited a minute until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The next thing that another thread tells.
#[track_caller]
pub fn next<T>(what: &str, told: &Receiver<T>) -> T {
    told.recv_timeout(LIMIT).unwrap_or_else(|error| panic!("no {what}: {error}"))
}

/// Does what may block, such as opening a named pipe, and gives up after a while.
#[track_caller]
pub fn in_time<T: Send + 'static>(what: &str, act: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || drop(tell.send(act())));
    next(what, &told)
}
