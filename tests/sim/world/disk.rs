//! The disk: slow, full or failing commits, and what lies on it after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bk_launch::internals::journal::Journal;
use bk_launch::internals::session::machine::JournalOpened;
use jiff::Timestamp;
use tempfile::TempDir;

use super::World;
use crate::history::{Deed, Fault, InputKind, Moment};
use crate::ledger::{self, Ledger};
use crate::server::At;

/// The disk as this session sees it.
#[derive(Default)]
pub struct Disk {
    /// Number of commits that this session began.
    pub commits: u32,
    /// Number of commits of any kind that its journal began.
    of_any_kind: u32,
    slow_until: At,
    slow_by: Duration,
    /// Pages that the journal may still grow by, if its disk is nearly full when it is opened.
    room: Option<u32>,
    failing: Arc<Failing>,
    /// The wall clock when reports were last written, and when they may have been since.
    written: Option<Timestamp>,
    may_be_written: Option<Timestamp>,
    /// Length of all reports at that time.
    reports: u64,
}

/// Which commits fail.
#[derive(Default)]
struct Failing {
    next: AtomicBool,
    all: AtomicBool,
}

impl Disk {
    /// Begins anew for a new session. A disk that was full has room again.
    pub fn begin(&mut self, wall: Timestamp) {
        let (slow_until, slow_by) = (self.slow_until, self.slow_by);
        *self = Self { slow_until, slow_by, written: Some(wall), ..Self::default() };
    }

    pub fn slow(&self, now: At) -> Option<Duration> {
        (now < self.slow_until).then_some(self.slow_by)
    }

    /// Notes how long the reports are; they were written when they could be last, if they grew.
    pub fn measure_reports(&mut self, bytes: u64) {
        if bytes != self.reports {
            self.reports = bytes;
            // Its head was written when the session began.
            self.written = self.may_be_written.or(self.written);
        }
    }

    pub const fn reports_may_be_written(&mut self, wall: Timestamp) {
        self.may_be_written = Some(wall);
    }
}

/// Puts a copy of a blank journal in a place: making each by SQL takes longer.
pub fn place_blank(path: &Path) {
    static BLANK: OnceLock<Vec<u8>> = OnceLock::new();
    let create = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        Journal::create_blank(&path).unwrap();
        fs::read(path).unwrap()
    };
    fs::write(path, BLANK.get_or_init(create)).unwrap();
}

impl World {
    /// Lets something befall this machine.
    pub fn befall(&self, fault: Fault) {
        let now = self.now();
        self.tell(|| format!("on this machine: {fault:?}"));
        match fault {
            Fault::WallClockStep(seconds) => {
                self.clock.step(seconds);
                self.state().witness.clock_steps.push((now, seconds));
            }
            Fault::Suspend(time) => {
                self.clock.suspend(time);
                self.state().witness.suspensions.push((now, time));
            }
            Fault::SlowDisk(lasts, by) => {
                let mut state = self.state();
                state.disk.slow_until = now + lasts;
                state.disk.slow_by = by;
            }
            Fault::JournalFull(pages) => {
                let disk = &mut self.state().disk;
                if disk.commits == 0 {
                    disk.room = Some(pages);
                } else {
                    disk.failing.all.store(true, Ordering::Relaxed);
                }
            }
            Fault::CommitFails => self.state().disk.failing.next.store(true, Ordering::Relaxed),
            Fault::StdoutCloses => self.state().streams.is_closed = true,
            Fault::StdoutStalls(lasts) => self.state().streams.stall(now + lasts),
            Fault::StderrStalls => self.state().streams.stall_stderr(),
            _ => unreachable!("{fault:?} befalls the server"),
        }
    }

    /// Returns what is done to each journal before a session writes to it.
    pub fn journal_opened(self: &Arc<Self>) -> JournalOpened {
        let world = Arc::clone(self);
        Arc::new(move |journal| world.prepare(journal))
    }

    /// Counts a commit of any kind. Nothing of it lies on the disk yet.
    fn is_committing(&self) {
        let number = {
            let disk = &mut self.state().disk;
            disk.of_any_kind += 1;
            disk.of_any_kind
        };
        self.moment(Moment::Within(number));
    }

    fn prepare(self: &Arc<Self>, journal: &mut Journal) {
        let connection = journal.connection();
        let (failing, room, is_first) = {
            let state = self.state();
            (Arc::clone(&state.disk.failing), state.disk.room, state.session == 0)
        };
        // The times of files are those of the real machine.
        let wall = self.clock.wall().as_millisecond();
        if is_first {
            let sql = "UPDATE report SET commit_before = ?1 WHERE commit_before IS NOT NULL";
            connection.execute(sql, [wall]).unwrap();
        }
        if let Some(room) = room {
            let pages: i64 =
                connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
            connection
                .pragma_update_and_check(None, "max_page_count", pages + i64::from(room), |row| {
                    row.get::<_, i64>(0)
                })
                .unwrap();
        }
        let world = Arc::clone(self);
        let hook = move || {
            world.is_committing();
            failing.all.load(Ordering::Relaxed) || failing.next.swap(false, Ordering::Relaxed)
        };
        connection.commit_hook(Some(hook)).unwrap();
    }

    /// Puts the files of a dead session as they lay when it died.
    pub fn crash(&self, deed: Deed, snapshot: &Snapshot) {
        let ledger = self.state().noted.take();
        if let Some(ledger) = ledger {
            ledger.leave_log();
        }
        let bytes = snapshot.files.iter().filter(|(path, _)| is_report(path));
        let bytes = bytes.map(|(_, file)| file.bytes.len() as u64).sum();
        put_back(&snapshot.files, &self.folder);
        let ledger = ledger::find(&self.folder.join("state")).as_deref().and_then(Ledger::open);
        let is_complete = ledger.is_some_and(|ledger| ledger.has_a_complete_report().unwrap());
        let (writes_in_place, written) = {
            let mut state = self.state();
            state.disk.measure_reports(bytes);
            (state.session == 0 && !is_complete, state.disk.written)
        };
        let random = &mut fastrand::Rng::with_seed(self.history.seed ^ 0x5eed);
        let mut files = snapshot.files.clone();
        if deed == Deed::PowerLoss {
            lose_power(&mut files);
        }
        if self.state().session == 0 && matches!(self.history.input, InputKind::Stream { .. }) {
            self.tear_the_copy(&mut files, random);
        }
        if writes_in_place {
            // The times of files are those of the real machine.
            let written = written.unwrap_or_else(|| self.clock.wall()).as_millisecond();
            let written = SystemTime::UNIX_EPOCH + Duration::from_millis(written.unsigned_abs());
            for (path, file) in &mut files {
                if !is_report(path) {
                    continue;
                }
                if deed == Deed::PowerLoss {
                    // The end was not synced.
                    let keep = random.usize(..=file.bytes.len());
                    file.bytes.truncate(keep);
                }
                file.modified = written;
            }
        }
        put_back(&files, &self.folder);
    }

    /// Writes a part of the next row behind the copy of a stream, as if the session had died while
    /// it wrote that.
    fn tear_the_copy(&self, files: &mut BTreeMap<PathBuf, Lying>, random: &mut fastrand::Rng) {
        let list = crate::night::list(&self.history);
        let is_copy = |path: &Path| path.file_name().is_some_and(|name| name == "input.csv");
        let copy = files.iter_mut().find(|(path, _)| is_copy(path));
        let Some((_, copy)) = copy else { return };
        let Some(rest) = list.as_bytes().strip_prefix(&*copy.bytes) else { return };
        let next = rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        copy.bytes.extend_from_slice(&next[..random.usize(..=next.len())]);
    }
}

/// Takes away what was not synced: what lies in the log behind the last commit. The copy of a
/// stream is synced before a row of it is handed out.
fn lose_power(files: &mut BTreeMap<PathBuf, Lying>) {
    for (path, file) in files {
        if path.file_name().is_some_and(|name| name == "journal.db-wal") {
            let end = end_of_last_commit(&file.bytes);
            file.bytes.truncate(end);
        }
    }
}

/// Length of all reports that lie in `paths`.
pub fn length(paths: &[PathBuf]) -> u64 {
    let lengths = paths.iter().filter(|path| is_report(path));
    lengths.filter_map(|path| path.metadata().ok()).map(|meta| meta.len()).sum()
}

fn is_report(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("report") && !name.ends_with(".part")
}

/// Returns where the last frame ends that completes a commit: bytes 4 to 8 of its head are the size
/// of the database, and 0 in all other frames (the file format of SQLite's log).
fn end_of_last_commit(log: &[u8]) -> usize {
    const HEAD: usize = 32;
    const FRAME_HEAD: usize = 24;
    let number =
        |at: usize| log.get(at..at + 4).map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
    let Some(page) = number(8) else { return 0 };
    let frame = FRAME_HEAD + page as usize;
    let mut end = HEAD;
    let mut at = HEAD;
    while let Some(size) = number(at + 4).filter(|_| at + frame <= log.len()) {
        at += frame;
        if size != 0 {
            end = at;
        }
    }
    end
}

/// A file as it lies.
#[derive(Clone)]
struct Lying {
    bytes: Vec<u8>,
    modified: SystemTime,
    /// Another name of the same file, which keeps it if the session goes on to replace it.
    name: PathBuf,
}

/// The files of a folder at one moment.
pub struct Snapshot {
    files: BTreeMap<PathBuf, Lying>,
    /// Holds the other names.
    _names: TempDir,
}

impl Snapshot {
    /// Reads all files below `folder`. What SQLite shares between processes dies with them.
    pub fn take(folder: &Path) -> Self {
        let names = tempfile::tempdir_in(folder.parent().unwrap()).unwrap();
        let mut files = BTreeMap::new();
        for path in files_below(folder) {
            if path.extension().is_some_and(|extension| extension == "db-shm") {
                continue;
            }
            let modified = path.metadata().unwrap().modified().unwrap();
            let name = names.path().join(files.len().to_string());
            fs::hard_link(&path, &name).unwrap();
            files.insert(path.clone(), Lying { bytes: fs::read(&path).unwrap(), modified, name });
        }
        Self { files, _names: names }
    }
}

/// Writes files again as they lay, each the same as before, and removes all others.
fn put_back(files: &BTreeMap<PathBuf, Lying>, folder: &Path) {
    for path in files_below(folder) {
        fs::remove_file(path).unwrap();
    }
    for (path, Lying { bytes, modified, name }) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::hard_link(name, path).unwrap();
        fs::write(path, bytes).unwrap();
        File::options().write(true).open(path).unwrap().set_modified(*modified).unwrap();
    }
}

/// Returns all files below `folder`, by name.
pub fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.insert(entry.path());
            }
        }
    }
    found
}
