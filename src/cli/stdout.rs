//! Standard output of commands that tell what became of requests that were sent.
//!
//! A failure to write there is one of its own: nothing is wrong with what was typed, and
//! tasks were started. It keeps its kind, so a pipe that was closed is still told apart.

use std::io::{self, Write};

use thiserror::Error;

use crate::monitor::console;

/// Standard output, whose errors are told from all others.
pub(crate) struct Stdout(io::Stdout);

/// Returns the standard output for a command that tells of what was sent. What was told
/// before stands before it where both are one terminal.
pub(crate) fn stdout() -> Stdout {
    console::settle();
    Stdout(io::stdout())
}

/// Whether standard output could not be written.
pub(crate) fn is_of_stdout(error: &io::Error) -> bool {
    error.get_ref().and_then(|cause| cause.downcast_ref::<StdoutError>()).is_some()
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(of_stdout)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(of_stdout)
    }
}

fn of_stdout(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), StdoutError(error))
}

#[derive(Debug, Error)]
#[error("cannot write to standard output: {0}")]
struct StdoutError(io::Error);
