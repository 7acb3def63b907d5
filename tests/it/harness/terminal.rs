//! The program on a terminal of its own.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Scene, signal};

/// Maximum time that the program takes to show what it shows, and to end.
const SOON: Duration = Duration::from_secs(15);

/// The program on a terminal; it goes away with the test.
pub struct Terminal {
    script: Child,
    keys: ChildStdin,
    seen: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
    scene: Scene,
}

impl Terminal {
    /// Starts `script`, which first prints the program's id.
    pub fn start(script: &mut Command, scene: &Scene) -> Self {
        let mut script = script.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (keys, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let seen = Arc::<Mutex<String>>::default();
        let all = Arc::clone(&seen);
        let reading = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                all.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        Self { script, keys, seen, reading, scene: scene.clone() }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until something happened.
    #[track_caller]
    pub fn until(&self, what: &str, mut happened: impl FnMut(&str) -> bool) {
        let begun = Instant::now();
        while !happened(&self.seen()) {
            let seen = self.seen();
            assert!(begun.elapsed() < SOON, "{what} did not happen: {seen}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to the program.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        self.until("the program's id", |seen| seen.contains(" ."));
        let seen = self.seen();
        signal(
            seen.split("pid ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap(),
            name,
        );
    }

    /// Takes the terminal away.
    pub fn goes_away(self) {
        drop(self);
    }

    /// Waits for the end of the program; its exit code, and all that was seen.
    #[track_caller]
    pub fn ends(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.script.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > SOON {
                self.signal("KILL");
                panic!("it did not end: {}", self.seen());
            }
            thread::sleep(Duration::from_millis(5));
        };
        // What was shown last may still be in the pipe.
        while !self.reading.is_finished() && begun.elapsed() < SOON {
            thread::sleep(Duration::from_millis(5));
        }
        self.scene.tell(format!("on a terminal, which ended by {status}\n{}", self.seen()));
        (status.code(), self.seen())
    }

    /// Waits for the end of the program with this exit code; all that was seen.
    #[track_caller]
    pub fn exits(self, code: i32) -> String {
        let (found, seen) = self.ends();
        assert_eq!(found, Some(code), "exit code on a terminal: {seen}");
        seen
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.script.kill());
        drop(self.script.wait());
    }
}
