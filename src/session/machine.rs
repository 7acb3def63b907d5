//! This machine as a session sees it: its clocks, random numbers, side jobs and standard streams.
//! All are handed in, so that a session can be simulated.

use std::io::{self, Read, Write};
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::clocks::Clocks;
use crate::domain::executor::Executor;
use crate::domain::request_id::RunId;
use crate::journal::Journal;
use crate::system_clocks::SystemClocks;
use crate::system_executor::SystemExecutor;

/// The machine that a session runs on.
pub struct Machine {
    /// Its clocks.
    pub clocks: Arc<dyn Clocks>,
    /// Random numbers.
    pub random: fastrand::Rng,
    /// Where side jobs run.
    pub executor: Arc<dyn Executor>,
    /// Standard input and output.
    pub streams: Streams,
    /// Is shown the journal of each session before that writes to it.
    pub journal_opened: JournalOpened,
}

/// Looks at a journal that a session is about to write.
pub type JournalOpened = Arc<dyn Fn(&Journal) + Send + Sync>;

/// Opens standard input.
pub type OpenStdin = Arc<dyn Fn() -> Box<dyn Read + Send> + Send + Sync>;

/// Opens standard output.
pub type OpenStdout = Arc<dyn Fn() -> Box<dyn Write + Send> + Send + Sync>;

/// Standard input and output of the process.
#[derive(Clone)]
pub struct Streams {
    /// Standard input.
    pub input: OpenStdin,
    /// Standard output.
    pub output: OpenStdout,
}

impl Streams {
    /// Returns the streams of this process.
    pub(crate) fn of_system() -> Self {
        Self {
            input: Arc::new(|| Box::new(io::stdin())),
            output: Arc::new(|| Box::new(io::stdout())),
        }
    }
}

impl Machine {
    /// The machine that the program runs on.
    pub(crate) fn of_system() -> Self {
        let mut random = fastrand::Rng::new();
        Self {
            clocks: Arc::new(SystemClocks::new(random.u128(..))),
            random,
            executor: Arc::new(SystemExecutor),
            streams: Streams::of_system(),
            journal_opened: Arc::new(|_| {}),
        }
    }

    /// Returns what the wall clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clocks.read().wall
    }

    /// Makes the id of a run that begins now.
    pub(crate) fn run_id(&mut self) -> RunId {
        RunId::new(self.now(), self.random.u32(..))
    }
}
