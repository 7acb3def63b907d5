//! A run of the program that goes on.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ExitStatus, Output};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bk_launch::mock::MockCounts;
use nix::sys::signal::Signal;

use super::{LIMIT, Outcome, Scene, has, signal, until};

/// A program that was started. It is killed with a test that fails, and what it said until then
/// is told.
pub struct Running {
    pub child: Child,
    pub scene: Scene,
    /// What it reads, as long as that is open.
    pub keys: Option<ChildStdin>,
    pub report: Option<OsString>,
    words: String,
    /// What its standard output and error brought, once they are read.
    output: Option<(Pipe, Pipe)>,
}

impl Running {
    pub fn new(mut child: Child, scene: Scene, words: String) -> Self {
        let keys = child.stdin.take();
        Self { child, scene, keys, report: None, words, output: None }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server saw something.
    #[track_caller]
    pub fn once(self, what: &str, mut happened: impl FnMut(&MockCounts) -> bool) -> Self {
        until(what, || happened(&self.scene.seen()));
        self
    }

    /// Waits until the server saw so many starts.
    #[track_caller]
    pub fn once_sent(self, starts: u64) -> Self {
        self.once("rows are sent", |seen| seen.starts >= starts)
    }

    /// Waits until it said something on standard error.
    #[track_caller]
    pub fn once_it_says(mut self, what: &str) -> Self {
        let (_, stderr) = self.read();
        until(what, || String::from_utf8_lossy(&stderr.so_far()).contains(what));
        self
    }

    pub fn signal(self, name: &str) -> Self {
        signal(self.pid(), name);
        self
    }

    /// Returns once the program handles SIGTERM: before, a signal ends it at once.
    #[track_caller]
    pub fn once_it_handles_signals(self) -> Self {
        until("signals are handled", || has(self.pid(), "SigCgt", Signal::SIGTERM));
        self
    }

    pub fn types(&mut self, text: impl AsRef<[u8]>) {
        self.keys.as_mut().unwrap().write_all(text.as_ref()).unwrap();
    }

    /// Ends its standard input.
    pub fn hangs_up(mut self) -> Self {
        drop(self.keys.take());
        self
    }

    /// Kills it, and returns once it is gone.
    #[track_caller]
    pub fn killed(self) -> Outcome {
        self.signal("KILL").ends()
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Outcome {
        self.ends().exits(code)
    }

    /// Waits for its end, whatever that is.
    #[track_caller]
    pub fn ends(mut self) -> Outcome {
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
        self.outcome(status)
    }

    /// Begins to read its pipes, unless they are read already.
    fn read(&mut self) -> (&Pipe, &Pipe) {
        let Child { stdout, stderr, .. } = &mut self.child;
        let output = self
            .output
            .get_or_insert_with(|| (Pipe::read(stdout.take()), Pipe::read(stderr.take())));
        (&output.0, &output.1)
    }

    fn outcome(&mut self, status: ExitStatus) -> Outcome {
        let (words, report, scene) = (self.words.clone(), self.report.clone(), self.scene.clone());
        let (stdout, stderr) = self.read();
        let output = Output { status, stdout: stdout.so_far(), stderr: stderr.so_far() };
        Outcome::new(scene, words, report, output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let has_ended = self.child.try_wait().is_ok_and(|status| status.is_some());
        if has_ended {
            return;
        }
        drop(self.child.kill());
        let Ok(status) = self.child.wait() else { return };
        if thread::panicking() {
            let (stdout, stderr) = self.read();
            for pipe in [stdout, stderr] {
                pipe.is_closed(Duration::from_secs(1));
            }
            drop(self.outcome(status));
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
