//! Everything around the program: clocks, network, disk, standard streams, and the people.
//!
//! The program reaches all of it through what it is handed. The world notes what happens, and has
//! the promises checked at each step.

pub mod clock;
mod disk;
mod driver;
mod executor;
mod network;
mod noted;
mod people;
mod streams;
pub mod witness;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::history::{Deed, Fault, History, Key, When};
use crate::promises::{self, Broken, Going, Night, Settings};
use crate::server::{At, Server};
use clock::WorldClock;
use disk::{Disk, Snapshot};
use noted::Noted;
use people::People;
use streams::StreamState;
use witness::{Kind, Witness};

pub use disk::{files_below, place_blank};
pub use driver::SimulatedDriver;
pub use executor::SimulatedExecutor;
pub use network::network;
pub use streams::streams;

/// Everything around the program. Clones are the same world.
pub struct World {
    pub history: History,
    pub clock: Arc<WorldClock>,
    /// Folder in which the program reads and writes.
    pub folder: PathBuf,
    telling: Telling,
    state: Mutex<WorldState>,
    /// Wakes whoever drives the session when it dies.
    died: Notify,
}

/// What changes.
pub struct WorldState {
    pub server: Server,
    pub witness: Witness,
    pub streams: StreamState,
    pub disk: Disk,
    people: People,
    /// Those of the present session.
    settings: Settings,
    /// Index of the present session.
    pub session: usize,
    began: At,
    /// Faults of this machine that are yet to come.
    ahead: Vec<(When, Fault)>,
    /// Starts and questions that reached the server.
    arrived: (u32, u32),
    /// Requests that left and have not reached the server yet.
    on_the_way: Vec<OnTheWay>,
    /// How the session died, and the files as they lay then.
    death: Option<(Deed, Snapshot)>,
    /// The first promise that was broken.
    broken: Option<Broken>,
    /// Sentences for a reader, if there is one.
    story: Vec<(At, String)>,
    rows_read: u64,
    /// Number of side jobs that began.
    jobs: u64,
    /// Credentials as they stand in the files.
    in_files: (String, String),
    pub noted: Noted,
    /// Lines of the list by task.
    lines: BTreeMap<Key, u64>,
}

/// A request between the program and the server.
pub struct OnTheWay {
    pub departure: usize,
    pub arrives: At,
    pub request: crate::server::Request,
}

/// Whether a story is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    Story,
    Nothing,
}

/// Line of the list's first row; the header is line 1.
const FIRST_LINE: u64 = 2;

impl World {
    pub fn new(history: &History, folder: &Path, telling: Telling) -> Arc<Self> {
        let mut server = Server::new(history.seed, &history.server, &history.list, &history.events);
        if telling == Telling::Story {
            server.begin_story();
        }
        let of_machine = |fault: &Fault| {
            matches!(
                fault,
                Fault::WallClockStep(_)
                    | Fault::Suspend(_)
                    | Fault::SlowDisk(..)
                    | Fault::JournalFull(_)
                    | Fault::CommitFails
                    | Fault::StdoutCloses
                    | Fault::StdoutStalls(_)
                    | Fault::StderrStalls
            )
        };
        let events = history.events.iter().filter(|event| of_machine(&event.what));
        let mut lines = BTreeMap::new();
        for (row, line) in history.list.iter().zip(FIRST_LINE..) {
            if let Some(key) = row.key() {
                lines.entry(key).or_insert(line);
            }
        }
        let state = WorldState {
            server,
            witness: Witness::default(),
            streams: StreamState::default(),
            disk: Disk::default(),
            people: People::default(),
            settings: Settings::of(history, 0),
            session: 0,
            began: At::ZERO,
            ahead: events.map(|event| (event.when, event.what)).collect(),
            arrived: (0, 0),
            on_the_way: Vec::new(),
            death: None,
            broken: None,
            story: Vec::new(),
            rows_read: 0,
            jobs: 0,
            in_files: Default::default(),
            noted: Noted::default(),
            lines,
        };
        Arc::new(Self {
            history: history.clone(),
            clock: WorldClock::new(history.seed),
            folder: folder.to_owned(),
            telling,
            state: Mutex::new(state),
            died: Notify::new(),
        })
    }

    pub fn now(&self) -> At {
        self.clock.now()
    }

    pub fn state(&self) -> MutexGuard<'_, WorldState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a sentence down, if anybody reads.
    pub fn tell(&self, sentence: impl FnOnce() -> String) {
        if self.telling == Telling::Nothing {
            return;
        }
        let told = (self.now(), sentence());
        self.state().story.push(told);
    }

    /// Returns the story so far, in the order of time.
    pub fn story(&self) -> Vec<(At, String)> {
        let mut state = self.state();
        let of_server = state.server.events();
        state.story.extend(of_server);
        state.story.sort_by_key(|(at, _)| *at);
        state.story.clone()
    }

    /// Keeps the first promise that does not hold; the session then ends at once.
    pub fn check(&self, held: Result<(), Broken>) {
        if let Err(broken) = held {
            self.tell(|| format!("BROKEN: {broken}"));
            self.state().broken.get_or_insert(broken);
            self.died.notify_one();
        }
    }

    pub fn broken(&self) -> Option<Broken> {
        self.state().broken.clone()
    }

    /// Puts the credentials into the files that are valid, or will be next.
    pub fn write_credentials(&self) {
        let now = self.now();
        let mut state = self.state();
        let present = state.server.present_credentials(now);
        if present != state.in_files {
            fs::write(self.folder.join("secret"), &present.0).unwrap();
            fs::write(self.folder.join("token"), &present.1).unwrap();
            state.in_files = present;
        }
    }

    /// Lets the clocks do what they did while no session ran.
    pub fn clocks_go_on(&self) {
        let now = self.now();
        let of_clocks = |fault: Fault| matches!(fault, Fault::WallClockStep(_) | Fault::Suspend(_));
        let is_due = |when| matches!(when, When::At(at) if at <= now);
        let faults = self.state().take_faults(|when, fault| is_due(when) && of_clocks(fault));
        for fault in faults {
            self.befall(fault);
        }
    }

    /// Lets befall this machine what was due while no session ran.
    pub fn befall_what_is_due(&self) {
        let now = self.now();
        let is_due = |when, _| matches!(when, When::At(at) if at <= now);
        let faults = self.state().take_faults(is_due);
        for fault in faults {
            self.befall(fault);
        }
    }

    /// Returns what two plays of one history have in common.
    pub fn fingerprint(&self) -> Vec<String> {
        let state = self.state();
        let departures = state.witness.departures.iter();
        let departures = departures.map(|one| format!("{:?} {:?} {}", one.at, one.kind, one.id));
        let sessions = state.witness.sessions.iter();
        let sessions = sessions.map(|one| format!("{:?} {:?}", one.ended, one.settled));
        departures.chain(sessions).collect()
    }

    /// Looks at the promises that hold for each departure.
    fn check_departure(&self) {
        let secrets = Vec::new();
        let state = self.state();
        let going =
            Going { session: state.session, began: state.began, signal: state.people.signal() };
        let night = state.night(&self.history, &secrets);
        let held = promises::at_departure(&night, &state.settings, going);
        drop(state);
        self.check(held);
        self.check(self.is_written_down());
    }

    /// Checks what must hold when the last session is over.
    pub fn check_session(&self) {
        let secrets = self.state().server.secrets();
        let now = self.now();
        let mut state = self.state();
        state.server.settle(now);
        let night = state.night(&self.history, &secrets);
        let held = promises::after_session(&night, state.session);
        drop(state);
        self.check(held);
    }
}

impl WorldState {
    /// Returns what the promises look at.
    fn night<'a>(&'a self, history: &'a History, secrets: &'a [String]) -> Night<'a> {
        Night {
            history,
            truth: &self.server.truth,
            refusals: &self.server.refusals,
            witness: &self.witness,
            secrets,
        }
    }

    /// Returns the first line of the list with a task.
    pub fn line(&self, key: &Key) -> Option<u64> {
        self.lines.get(key).copied()
    }

    pub const fn is_dead(&self) -> bool {
        self.death.is_some() || self.broken.is_some()
    }

    pub fn take_death(&mut self) -> Option<(Deed, Snapshot)> {
        self.death.take()
    }

    /// Number of rows that the first session read.
    pub const fn rows_read(&self) -> u64 {
        self.rows_read
    }

    /// Forgets what has not befallen yet: from now on all is calm.
    pub fn nothing_more_befalls(&mut self) {
        self.ahead.clear();
        self.server.befall_no_more();
    }

    pub const fn began(&self) -> At {
        self.began
    }

    pub fn signal(&self) -> Option<At> {
        self.people.signal()
    }

    /// Counts a request that reaches the server; returns the faults of this machine that come with
    /// it.
    fn arrives(&mut self, kind: Kind) -> Vec<Fault> {
        let due = match kind {
            Kind::Start => {
                self.arrived.0 += 1;
                When::Start(self.arrived.0)
            }
            Kind::Status | Kind::Detail => {
                self.arrived.1 += 1;
                When::Question(self.arrived.1)
            }
        };
        self.take_faults(|when, _| when == due)
    }

    /// Takes the faults of this machine that are due.
    fn take_faults(&mut self, is_due: impl Fn(When, Fault) -> bool) -> Vec<Fault> {
        let ahead = std::mem::take(&mut self.ahead).into_iter();
        let (due, ahead): (Vec<_>, Vec<_>) = ahead.partition(|(when, fault)| is_due(*when, *fault));
        self.ahead = ahead;
        due.into_iter().map(|(_, fault)| fault).collect()
    }
}
