//! A folder per test, the program run in it, and its report read back.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use bk_launch::internals::journal::Journal;
use bk_launch::internals::store::RunStore;
use nix::sys::signal::{SigSet, Signal};
use tempfile::TempDir;
use tokio::signal::unix::SignalKind;

/// Maximum time that a test waits for anything. Far beyond what a busy machine needs: a wait that
/// lasts longer has no end.
pub const LIMIT: Duration = Duration::from_mins(5);

/// Signals that tests send to the program, or that would keep it from ending.
const SIGNALS: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// Makes the program start with default signals, however the tests were started.
///
/// A script that runs the tests in the background has SIGINT and SIGQUIT ignored, `nohup` SIGHUP,
/// and a child inherits that. A signal that is caught is reset to its default in a new program, so
/// the ignored ones are caught here; to this process they mean as little as before.
fn with_default_signals() {
    static CAUGHT: Once = Once::new();
    CAUGHT.call_once(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        for signal in
            SIGNALS.into_iter().filter(|signal| has(std::process::id(), "SigIgn", *signal))
        {
            // The handler stays when the stream is gone.
            drop(tokio::signal::unix::signal(SignalKind::from_raw(signal as i32)).unwrap());
        }
    });
    // A new program has the mask of the thread that starts it.
    let signals: SigSet = SIGNALS.into_iter().collect();
    signals.thread_unblock().unwrap();
}

/// Whether `signal` is in the mask of a process that is called `name` in its `/proc/PID/status`.
pub fn has(pid: u32, name: &str, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal as u32 - 1)) != 0
}

/// A folder that goes away with the test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and gives its name back.
    pub fn file<'a>(&self, name: &'a str, content: impl AsRef<[u8]>) -> &'a str {
        std::fs::write(self.path(name), content).unwrap();
        name
    }

    /// The program, with credentials and nothing else in its environment, about
    /// to be run in this folder.
    pub fn program(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bk-launch"));
        command
            .current_dir(self.0.path())
            .env_clear()
            .envs([("BK_APP_CODE", "app"), ("BK_APP_SECRET", "s3cret-of-app")])
            .env("BK_TOKEN", "t0ken-of-user")
            .env("BK_LAUNCH_STATE", self.0.path().join("state"))
            .args(words)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Finished {
        let mut running = self.start(&mut self.program(words));
        running.words = format!("bk-launch {}", words.join(" "));
        running.wait()
    }

    /// Starts the program, for signals and pipes.
    pub fn start(&self, command: &mut Command) -> Running {
        with_default_signals();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let words = format!("{command:?}");
        Running { child, words, folder: self.0.path().to_owned(), output: None }
    }

    pub fn report(&self, name: &str) -> Report {
        Report::read(&self.path(name))
    }

    /// The folders of all runs, the oldest first.
    pub fn runs(&self) -> Vec<bk_launch::internals::store::RunDir> {
        RunStore::of(&self.path("state")).all().unwrap()
    }

    /// The folder of the only run.
    #[track_caller]
    pub fn only_run(&self) -> bk_launch::internals::store::RunDir {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "one run");
        runs.remove(0)
    }

    /// The journal of the only run.
    pub fn journal(&self) -> Journal {
        Journal::open(&self.only_run().journal()).unwrap()
    }

    /// Runs a line of shell, in which PROGRAM is the program.
    #[track_caller]
    pub fn shell(&self, line: &str) -> Finished {
        let mut shell = Command::new("bash");
        let program = self.program(&[]);
        shell.args(["-c", &line.replace("PROGRAM", env!("CARGO_BIN_EXE_bk-launch"))]);
        shell.current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        self.start(&mut shell).wait()
    }
}

/// A run of the program that goes on. It is killed with a test that fails, and what it said
/// until then is told.
pub struct Running {
    pub child: Child,
    words: String,
    folder: PathBuf,
    /// What its standard output and error brought, once they are read.
    output: Option<(Pipe, Pipe)>,
}

impl Running {
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Returns once the program handles SIGTERM: before, a signal ends it at once.
    #[track_caller]
    pub fn handles_signals(&self) {
        until("signals are handled", || has(self.child.id(), "SigCgt", Signal::SIGTERM));
    }

    #[track_caller]
    pub fn wait(mut self) -> Finished {
        self.read();
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < LIMIT, "does not end: {}", self.words);
            thread::sleep(Duration::from_millis(1));
        };
        // A child of the program may hold its pipes open.
        let (stdout, stderr) = self.read();
        let are_closed = stdout.is_closed(LIMIT) && stderr.is_closed(LIMIT);
        assert!(are_closed, "ended, but a pipe of it stays open: {}", self.words);
        self.finished(status)
    }

    /// Begins to read its pipes, unless they are read already.
    fn read(&mut self) -> (&Pipe, &Pipe) {
        let Child { stdout, stderr, .. } = &mut self.child;
        let output = self
            .output
            .get_or_insert_with(|| (Pipe::read(stdout.take()), Pipe::read(stderr.take())));
        (&output.0, &output.1)
    }

    fn finished(&mut self, status: ExitStatus) -> Finished {
        let (words, folder) = (self.words.clone(), self.folder.clone());
        let (stdout, stderr) = self.read();
        let output = Output { status, stdout: stdout.so_far(), stderr: stderr.so_far() };
        Finished { words, folder, output }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let has_ended = self.child.try_wait().is_ok_and(|status| status.is_some());
        if has_ended && !thread::panicking() {
            return;
        }
        drop(self.child.kill());
        let Ok(status) = self.child.wait() else { return };
        if thread::panicking() {
            #[expect(clippy::print_stdout, reason = "shown with the test that failed")]
            let tell = |said: Finished| println!("when the test failed: {said}");
            let (stdout, stderr) = self.read();
            for pipe in [stdout, stderr] {
                pipe.is_closed(Duration::from_secs(1));
            }
            tell(self.finished(status));
        }
    }
}

/// What a pipe brings, read on a thread of its own.
struct Pipe {
    so_far: Arc<Mutex<Vec<u8>>>,
    closed: Receiver<()>,
}

impl Pipe {
    /// Begins to read; of a pipe that somebody took away there is nothing.
    fn read(pipe: Option<impl Read + Send + 'static>) -> Self {
        let so_far = Arc::new(Mutex::new(Vec::new()));
        let (reading, closed) = mpsc::channel();
        let shared = Arc::clone(&so_far);
        thread::spawn(move || {
            let _reading = reading;
            let Some(mut pipe) = pipe else { return };
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = pipe.read(&mut bytes) {
                shared.lock().unwrap().extend_from_slice(&bytes[..length]);
            }
        });
        Self { so_far, closed }
    }

    /// Whether it is read to its end within `limit`.
    fn is_closed(&self, limit: Duration) -> bool {
        self.closed.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Disconnected)
    }

    fn so_far(&self) -> Vec<u8> {
        self.so_far.lock().unwrap().clone()
    }
}

/// A run of the program that ended.
pub struct Finished {
    words: String,
    folder: PathBuf,
    output: Output,
}

impl Finished {
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// Ends the test unless the program ended with this exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(code), "exit code of {self}");
        self
    }

    /// Ends the test unless stderr says all of this.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr().contains(part), "stderr lacks {part:?} in {self}");
        }
        assert!(!self.stderr().contains("panicked"), "no panic in {self}");
        self
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { words, folder, output } = self;
        writeln!(f, "{words}\n  in {}, which ended by {}", folder.display(), output.status)?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}\n---", self.stdout(), self.stderr())
    }
}

/// A report, read back.
pub struct Report {
    pub columns: Vec<String>,
    pub lines: Vec<BTreeMap<String, String>>,
}

impl Report {
    pub fn read(path: &Path) -> Self {
        let mut reader = csv::Reader::from_path(path).unwrap();
        let columns: Vec<String> = reader.headers().unwrap().iter().map(Into::into).collect();
        let lines = reader
            .records()
            .map(|record| {
                let record = record.unwrap();
                columns.iter().cloned().zip(record.iter().map(Into::into)).collect()
            })
            .collect();
        Self { columns, lines }
    }

    /// The line of the input row on `line`.
    #[track_caller]
    pub fn line(&self, line: u64) -> &BTreeMap<String, String> {
        let line = line.to_string();
        let mut found = self.lines.iter().filter(|fields| fields["line"] == line);
        let first = found.next().unwrap_or_else(|| panic!("the report lacks line {line}"));
        assert!(found.next().is_none(), "line {line} is there twice");
        first
    }

    pub fn outcome(&self, line: u64) -> &str {
        &self.line(line)["outcome"]
    }

    /// How many lines have each outcome.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            *counts.entry(line["outcome"].as_str()).or_default() += 1;
        }
        counts
    }

    /// Ends the test unless every line of an input of `rows` rows with a header
    /// is there exactly once.
    #[track_caller]
    pub fn is_complete(&self, rows: u64) {
        let mut lines: Vec<u64> =
            self.lines.iter().map(|fields| fields["line"].parse().unwrap()).collect();
        lines.sort_unstable();
        assert!(lines.iter().copied().eq(2..2 + rows), "{rows} rows, found {lines:?}");
    }
}

/// Rows of a CSV with a header: `count` tasks of one business, from `first` on.
pub fn rows(business: u64, first: u64, count: u64) -> String {
    (first..first + count).map(|task| format!("{business},{task},\n")).collect()
}

pub const HEADER: &str = "bk_biz_id,task_id,scope\n";

pub fn signal(pid: u32, name: &str) {
    let pid = pid.to_string();
    let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
    assert!(sent.success(), "kill -{name} {pid}");
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
