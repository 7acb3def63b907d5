//! Owner of standard error: notices, logs, lines of progress, the bar, what `-q`
//! holds back, and the questions that stand beside them on the terminal.
//!
//! Everybody hands text over and goes on. One writer, on a thread of its own, puts it
//! out in the order in which it came; it alone draws the bar, and it alone is kept
//! waiting by a terminal or pipe that nobody reads. Text that finds no room meanwhile
//! is dropped and counted; of the bar only the latest frame is kept.
//!
//! What is printed before the command line is understood (clap's errors) does not go
//! through here.

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

/// Longest wait before something is printed on standard output.
const MAX_SETTLE_WAIT: Duration = Duration::from_secs(1);

/// Longest wait for the text of a panic, whose thread may end the program.
const MAX_PANIC_WAIT: Duration = Duration::from_secs(1);

static CONSOLE: LazyLock<Console> = LazyLock::new(|| {
    let queue: &'static ConsoleQueue = Box::leak(Box::new(ConsoleQueue::new(Capacity::default())));
    let writer = thread::Builder::new().name("console".into());
    let spawned = writer.spawn(|| writer::run(queue, io::stderr()));
    Console { queue, has_writer: spawned.is_ok() }
});

struct Console {
    queue: &'static ConsoleQueue,
    /// Whether the system gave a thread; without it text is written at the end.
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

/// Shows a text; a line end is added.
pub(crate) fn show(kind: TextKind, text: &str) {
    CONSOLE.queue.push(kind, text);
}

/// Draws the bar over the one that was drawn before.
pub(crate) fn draw(frame: BarFrame) {
    CONSOLE.queue.draw(Some(frame));
}

/// Removes the bar.
pub(crate) fn clear() {
    CONSOLE.queue.draw(None);
}

/// Asks a question on the terminal, after everything that was shown before. While it
/// stands there, nothing is drawn, and text that would share its terminal waits.
///
/// # Errors
///
/// Returns an error if there is no terminal, or no thread to read it.
pub(crate) fn ask(question: String) -> io::Result<Prompt> {
    Prompt::begin(CONSOLE.queue, question, terminal()?)
}

/// Holds everything back from now on, until [`close`] says what becomes of it.
pub(crate) fn defer() {
    CONSOLE.queue.defer();
}

/// Waits a moment until everything is written, so that standard output comes after it
/// where both are one terminal.
pub(crate) fn settle() {
    CONSOLE.flush(MAX_SETTLE_WAIT);
}

/// Ends the bar and a standing question, and waits up to `limit` until everything is
/// written, with the number of lines that were lost. The program can end then.
pub(crate) fn close(release: Release, limit: Duration) {
    CONSOLE.queue.close(release);
    CONSOLE.flush(limit);
}

/// Has panics told here, since the usual hook would wait for standard error.
pub(crate) fn catch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("\n{trace}"),
            _ => "\nnote: RUST_BACKTRACE=1 shows a backtrace".into(),
        };
        // It is told even with -q: nobody may live to release what is held back.
        CONSOLE.queue.push_now(&format!("thread '{name}' {panic}{trace}"));
        CONSOLE.flush(MAX_PANIC_WAIT);
    }));
}
