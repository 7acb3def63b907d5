//! Owner of standard error: notices, logs, progress lines, the bar, the text that `-q` holds back,
//! and the questions next to them on the terminal.
//!
//! Callers hand text over and do not wait. A single writer, on its own thread, prints it in the
//! order of arrival and draws the bar, so only the writer is blocked by a terminal or pipe that
//! nobody reads. Text that finds no room meanwhile is dropped and counted; of the bar only the
//! latest frame is kept.
//!
//! What is printed before the command line is parsed (clap's errors) does not pass through here.

mod deferred;
mod prompt;
mod queue;
#[cfg(test)]
mod tests;
mod writer;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use queue::{Capacity, ConsoleQueue};

pub(crate) use deferred::TextKind;
pub(crate) use prompt::{Prompt, terminal};
pub(crate) use queue::{BarFrame, MAX_WAIT, Release};

/// Maximum wait before something is printed on standard output.
const MAX_SETTLE_WAIT: Duration = Duration::from_secs(1);

/// Maximum wait for the text of a panic, whose thread may end the program.
const MAX_PANIC_WAIT: Duration = Duration::from_secs(1);

static CONSOLE: LazyLock<Console> = LazyLock::new(|| {
    let queue: &'static ConsoleQueue = Box::leak(Box::new(ConsoleQueue::new(Capacity::default())));
    let writer = thread::Builder::new().name("console".into());
    let spawned = writer.spawn(|| writer::run(queue, io::stderr()));
    Console { queue, has_writer: spawned.is_ok() }
});

struct Console {
    queue: &'static ConsoleQueue,
    /// Whether the system gave a thread; without one, text is written at the end.
    has_writer: bool,
}

impl Console {
    fn flush(&self, limit: Duration) {
        if self.has_writer {
            self.queue.flush(limit);
        } else if let Some(work) = self.queue.try_take() {
            // Ignores write errors: stderr may be closed.
            drop(io::stderr().write_all(work.text.as_bytes()));
        }
    }
}

/// Adds a line end.
pub(crate) fn show(kind: TextKind, text: &str) {
    CONSOLE.queue.push(kind, text);
}

pub(crate) fn draw(frame: BarFrame) {
    CONSOLE.queue.draw(Some(frame));
}

pub(crate) fn clear() {
    CONSOLE.queue.draw(None);
}

/// Asks a question on the terminal, after everything that was shown before. While it is open,
/// nothing is drawn, and text for the same terminal waits.
///
/// Returns an error if there is no terminal, or no thread to read it.
pub(crate) fn ask(question: String) -> io::Result<Prompt> {
    Prompt::begin(CONSOLE.queue, question, terminal()?)
}

/// Holds back all text from now on, until [`close`] decides what happens to it.
pub(crate) fn defer() {
    CONSOLE.queue.defer();
}

/// Waits a moment until everything is written, so that standard output comes after it if both are
/// the same terminal.
pub(crate) fn settle() {
    CONSOLE.flush(MAX_SETTLE_WAIT);
}

/// Ends the bar and an open question, and waits up to `limit` until everything is written,
/// including the number of lost lines. Call it last: the program can end then.
pub(crate) fn close(release: Release, limit: Duration) {
    CONSOLE.queue.close(release);
    CONSOLE.flush(limit);
}

/// Reports panics here, since the usual hook would wait for standard error.
pub(crate) fn catch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("\n{trace}"),
            _ => "\nnote: RUST_BACKTRACE=1 shows a backtrace".into(),
        };
        // Shown even with -q: the program may end before the text that is held back is released.
        CONSOLE.queue.push_now(&format!("thread '{name}' {panic}{trace}"));
        CONSOLE.flush(MAX_PANIC_WAIT);
    }));
}
