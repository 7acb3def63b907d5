//! A folder per test, the program run in it, and its report read back.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bk_launch::folder::Runs;
use bk_launch::journal::Journal;
use tempfile::TempDir;

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
    pub fn run(&self, words: &[&str]) -> Finished {
        let output = self.program(words).output().unwrap();
        Finished { words: words.join(" "), folder: self.0.path().to_owned(), output }
    }

    /// Starts the program, for signals and pipes.
    pub fn start(&self, command: &mut Command) -> Running {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let words = format!("{command:?}");
        Running { child, words, folder: self.0.path().to_owned() }
    }

    pub fn report(&self, name: &str) -> Report {
        Report::read(&self.path(name))
    }

    /// The folders of all runs, the oldest first.
    pub fn runs(&self) -> Vec<bk_launch::folder::Folder> {
        Runs::of(&self.path("state")).all().unwrap()
    }

    /// The folder of the only run.
    #[track_caller]
    pub fn only_run(&self) -> bk_launch::folder::Folder {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "one run");
        runs.remove(0)
    }

    /// The journal of the only run.
    pub fn journal(&self) -> Journal {
        Journal::open(&self.only_run().journal()).unwrap()
    }

    /// Runs a line of shell, in which PROGRAM is the program.
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

/// A run of the program that goes on.
pub struct Running {
    pub child: Child,
    words: String,
    folder: PathBuf,
}

impl Running {
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(sent.success(), "kill -{name} {pid}");
    }

    pub fn wait(self) -> Finished {
        let output = self.child.wait_with_output().unwrap();
        Finished { words: self.words, folder: self.folder, output }
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
        writeln!(
            f,
            "bk-launch {words}\n  in {}, which ended by {}",
            folder.display(),
            output.status
        )?;
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

/// Waits until something that will happen has happened.
#[track_caller]
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited 30 s until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
