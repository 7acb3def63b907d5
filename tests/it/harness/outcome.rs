//! What came of a command, and what must have come of it.

use std::ffi::OsString;
use std::fmt::{self, Debug};
use std::process::Output;

use bk_launch::mock::MockCounts;
use serde_json::Value;

use super::report::Row;
use super::{Launch, Report, Scene};

/// A command that ended. Of what it said, the scene tells where a test fails.
pub struct Outcome {
    scene: Scene,
    words: String,
    report: Option<OsString>,
    output: Output,
}

/// One text, or several of which each is meant.
pub trait Texts {
    fn texts(self) -> Vec<String>;
}

impl Texts for &str {
    fn texts(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl Texts for String {
    fn texts(self) -> Vec<String> {
        vec![self]
    }
}

impl Texts for &[&str] {
    fn texts(self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

impl<const N: usize> Texts for [&str; N] {
    fn texts(self) -> Vec<String> {
        self[..].texts()
    }
}

impl Outcome {
    pub fn new(scene: Scene, words: String, report: Option<OsString>, output: Output) -> Self {
        let outcome = Self { scene, words, report, output };
        outcome.scene.tell(outcome.to_string());
        outcome
    }

    pub fn scene(&self) -> Scene {
        self.scene.clone()
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// Standard output, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout()).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "exit code of {}", self.words);
        self
    }

    /// Standard error says all of this.
    #[track_caller]
    pub fn says(self, parts: impl Texts) -> Self {
        for part in parts.texts() {
            assert!(self.stderr().contains(&part), "stderr lacks {part:?} in {}", self.words);
        }
        self.does_not_panic()
    }

    /// Standard error says this so many times.
    #[track_caller]
    pub fn says_times(self, times: usize, part: &str) -> Self {
        let found = self.stderr().matches(part).count();
        assert_eq!(found, times, "stderr says {part:?} {found} times in {}", self.words);
        self
    }

    /// Standard error says nothing of this.
    #[track_caller]
    pub fn never_says(self, parts: impl Texts) -> Self {
        for part in parts.texts() {
            assert!(!self.stderr().contains(&part), "stderr has {part:?} in {}", self.words);
        }
        self
    }

    #[track_caller]
    pub fn does_not_panic(self) -> Self {
        assert!(!self.stderr().contains("panicked"), "no panic in {}", self.words);
        self
    }

    /// Standard output holds all of this.
    #[track_caller]
    pub fn prints(self, parts: impl Texts) -> Self {
        for part in parts.texts() {
            assert!(self.stdout().contains(&part), "stdout lacks {part:?} in {}", self.words);
        }
        self
    }

    /// Standard output holds nothing of this.
    #[track_caller]
    pub fn never_prints(self, parts: impl Texts) -> Self {
        for part in parts.texts() {
            assert!(!self.stdout().contains(&part), "stdout has {part:?} in {}", self.words);
        }
        self
    }

    /// Standard output is this and nothing else.
    #[track_caller]
    pub fn prints_only(self, text: &str) -> Self {
        assert_eq!(self.stdout(), text, "stdout of {}", self.words);
        self
    }

    /// Nothing came, neither on standard output nor on standard error.
    #[track_caller]
    pub fn says_nothing(self) -> Self {
        assert_eq!(
            (self.stdout(), self.stderr()),
            (String::new(), String::new()),
            "{}",
            self.words
        );
        self
    }

    /// The report that it wrote: that which its command line names, or `r.csv`.
    #[track_caller]
    pub fn report(&self) -> Report {
        let name = self.report.as_ref().map_or("r.csv", |name| name.to_str().unwrap());
        self.scene.report(name)
    }

    /// The report has each row of an input with a header, from line 2 on, exactly once.
    #[track_caller]
    pub fn reports_all(self, rows: u64) -> Self {
        self.report().is_complete(rows);
        self
    }

    /// So many rows of the report came out like this.
    #[track_caller]
    pub fn reports(self, rows: u64, outcome: &str) -> Self {
        let report = self.report();
        let counts = report.counts();
        assert_eq!(report.count(outcome), rows, "rows {outcome} of {counts:?} in {}", self.words);
        self
    }

    /// The rows came out like this, in the order of the input.
    #[track_caller]
    pub fn reports_in_order<const N: usize>(self, outcomes: [&str; N]) -> Self {
        assert_eq!(self.report().outcomes(), outcomes, "{}", self.words);
        self
    }

    /// Each row came out like this, in the order of the input: outcome, how it is known, attempts.
    #[track_caller]
    pub fn reports_known<const N: usize>(self, known: [&str; N]) -> Self {
        assert_eq!(self.report().known(), known, "{}", self.words);
        self
    }

    /// The row of the input on `line`, as it was reported.
    #[track_caller]
    pub fn row(&self, line: u64) -> Row {
        let report = self.report();
        let fields = report.line(line).clone();
        Row { report, fields }
    }

    /// What the server saw by now is this.
    #[track_caller]
    pub fn server_saw<T: PartialEq<U> + Debug, U: Debug>(
        self,
        what: impl FnOnce(&MockCounts) -> T,
        expected: U,
    ) -> Self {
        assert_eq!(what(&self.scene.seen()), expected, "what the server saw; {self}");
        self
    }

    /// A resume in the same scene.
    pub fn resume(&self) -> Launch {
        self.scene.resume()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scene, words, output, .. } = self;
        let folder = scene.path("");
        writeln!(f, "{words}\n  in {}, which ended by {}", folder.display(), output.status)?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}\n---", self.stdout(), self.stderr())
    }
}
