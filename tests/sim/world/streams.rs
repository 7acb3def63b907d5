//! Standard streams: what is said on them, and readers who go away.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use bk_launch::internals::session::machine::Streams;

use super::World;
use crate::server::At;

#[derive(Default)]
pub struct StreamState {
    /// What this session wrote on standard output.
    pub stdout: Vec<u8>,
    /// What this session said on standard error, and how much of it anybody read.
    pub said: Vec<String>,
    read: usize,
    pub is_closed: bool,
    is_stderr_read: bool,
    stalled_until: At,
}

impl StreamState {
    /// Begins anew for a new session.
    pub fn begin(&mut self) {
        *self = Self { is_stderr_read: true, ..Self::default() };
    }

    /// Takes a notice. Whoever says it is not held up, whether anybody reads or not.
    pub fn say(&mut self, notice: &str) {
        self.said.push(notice.to_owned());
        if self.is_stderr_read {
            self.read = self.said.len();
        }
    }

    /// Lets nobody read standard error any more.
    pub const fn stall_stderr(&mut self) {
        self.is_stderr_read = false;
    }

    /// Returns the last notice, if anybody read it.
    pub fn last_read(&self) -> Option<&str> {
        let last = self.said.last().filter(|_| self.read == self.said.len());
        last.map(String::as_str)
    }

    pub fn stall(&mut self, until: At) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// Returns until when standard output takes nothing, if it does not now.
    pub fn stalled(&self, now: At) -> Option<At> {
        (self.stalled_until > now).then_some(self.stalled_until)
    }
}

/// Returns the streams of a program in this world.
pub fn streams(world: &Arc<World>, list: &str) -> Streams {
    let (list, world) = (Arc::<str>::from(list), Arc::clone(world));
    Streams {
        input: Arc::new(move || Box::new(ByLine { list: Arc::clone(&list), at: 0 })),
        output: Arc::new(move || Box::new(Stdout(Arc::clone(&world)))),
    }
}

/// Hands out a line a read, so that no row is there before it is read.
struct ByLine {
    list: Arc<str>,
    at: usize,
}

impl Read for ByLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.list.as_bytes()[self.at..];
        let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let count = line.min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

struct Stdout(Arc<World>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        if state.streams.is_closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        state.streams.stdout.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
