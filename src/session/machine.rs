//! This machine as a session sees it: its clocks, random numbers, side jobs and standard streams.
//! All are handed in, so that a session can be simulated.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::clocks::Clocks;
use crate::domain::executor::Executor;
use crate::domain::request_id::RunId;
use crate::journal::{About, Journal, JournalError};
use crate::system_clocks::SystemClocks;
use crate::system_executor::SystemExecutor;

/// The machine that a session runs on.
pub struct Machine {
    /// Its clocks.
    pub clocks: Arc<dyn Clocks>,
    /// Random numbers.
    pub random: fastrand::Rng,
    /// Runs side jobs.
    pub executor: Arc<dyn Executor>,
    /// Standard input and output.
    pub streams: Streams,
    /// Puts a blank journal in the place of a new one; without it, each is made by SQL.
    pub place_blank: Option<PlaceBlank>,
    /// Is shown the journal of each session before that writes to it.
    pub journal_opened: JournalOpened,
}

/// Looks at a journal that a session is about to write.
pub type JournalOpened = Arc<dyn Fn(&mut Journal) + Send + Sync>;

/// Puts a blank journal in a place.
pub(crate) type PlaceBlank = Arc<dyn Fn(&Path) + Send + Sync>;

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
            place_blank: None,
            journal_opened: Arc::new(|_| {}),
        }
    }

    /// Returns what the wall clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clocks.read().wall
    }

    /// Creates the journal of a new run.
    pub(crate) fn create_journal(
        &self,
        path: &Path,
        about: &About,
    ) -> Result<Journal, JournalError> {
        match &self.place_blank {
            Some(place) => {
                place(path);
                Journal::fill_blank(path, about)
            }
            None => Journal::create(path, about),
        }
    }

    /// Makes the id of a run that begins now.
    pub(crate) fn run_id(&mut self) -> RunId {
        RunId::new(self.now(), self.random.u32(..))
    }
}
