//! Stages: each is settled before the next begins.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use bk_launch::internals::store::Lock;
use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Latency, Mock};

use crate::harness::{Folder, HEADER, Running, rows, signal, until};

fn mock(first: Vec<FirstFault>) -> Mock {
    let latency = Latency::Fixed(Duration::from_millis(20));
    Mock::start(Behaviour { first, latency, ..Behaviour::default() }, 0).unwrap()
}

fn list(count: u64) -> Folder {
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, count)));
    folder
}

fn words<'a>(url: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    let run = ["run", "tasks.csv", "-o", "r.csv", "--rate", "unlimited", "--esb", url];
    [&run[..], flags].concat()
}

#[test]
fn a_stage_is_settled_before_the_next_begins() {
    // The canary is slow: it needs two retries.
    let canary = FirstFault { task: 1, kind: FaultKind::Crash, times: 2 };
    let (mock, folder) = (mock(vec![canary]), list(40));
    let url = mock.url();
    let flags = ["--stages", "1,10%", "--backoff", "200ms..200ms"];
    let run = folder.run(&words(&url, &flags)).exits(0);
    run.says(&[
        "stage 1 of 3 is settled; next are rows 2 to 4 of the input",
        "stage 2 of 3 is settled; next are rows 5 to 40 of the input",
    ]);
    let arrivals = mock.counts().arrivals;
    let at = |task| arrivals.iter().filter(move |a| a.task == task).map(|a| a.micros);
    let last_of_canary = at(1).max().unwrap();
    assert_eq!(at(1).count(), 3);
    assert!((2..=40).all(|task| at(task).min().unwrap() > last_of_canary));
    let second = (2..=4).map(|task| at(task).max().unwrap()).max().unwrap();
    assert!((5..=40).all(|task| at(task).min().unwrap() > second));
}

#[test]
fn a_canary_that_fails_stops_the_run() {
    let canary = FirstFault { task: 1, kind: FaultKind::Crash, times: 9 };
    let (mock, folder) = (mock(vec![canary]), list(100));
    let url = mock.url();
    let flags = ["--stages", "1,100%", "--retries", "0", "--max-failures", "5%"];
    folder
        .run(&words(&url, &flags))
        .exits(3)
        .says(&["1 rows failed, and --max-failures tolerates 0"]);
    assert_eq!(mock.counts().starts, 1);
    // Borders stay where they are; the failed row is not taken up without --retry-failed.
    folder.run(&["resume"]).exits(1);
    assert_eq!(mock.counts().started, 99);
}

#[test]
fn a_pause_lies_between_stages_and_a_stop_ends_it() {
    let (mock, folder) = (mock(Vec::new()), list(5));
    let url = mock.url();
    let begun = Instant::now();
    let flags = ["--stages", "1", "--stage-pause", "1s"];
    folder.run(&words(&url, &flags)).exits(0).says(&["next are rows 2 to 5 of the input, in 1 s"]);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let folder = list(5);
    let flags = ["--stages", "1", "--stage-pause", "1h"];
    let run = folder.start(&mut folder.program(&words(&url, &flags)));
    until("the first stage is settled", || {
        folder.path("r.csv").exists() && folder.report("r.csv").lines.len() == 1
    });
    run.signal("INT");
    run.wait().exits(130);
    assert_eq!(folder.report("r.csv").counts()["pending"], 4);
    assert_eq!(mock.counts().starts, 6);
}

#[test]
fn where_there_is_no_terminal_nobody_can_be_asked() {
    let (mock, folder) = (mock(Vec::new()), list(5));
    let url = mock.url();
    let words = words(&url, &["--stages", "1", "--stage-ask"]).join(" ");
    // A session of its own has no terminal.
    let run = folder.shell(&format!("setsid -w PROGRAM {words}")).exits(2);
    run.says(&["--stage-ask needs a terminal"]);
    assert_eq!(mock.counts().requests, 0);
}

#[test]
fn on_a_terminal_somebody_is_asked() {
    for (answer, code, started) in [("y", 0, 5), ("n", 3, 1), ("", 3, 1)] {
        let (mock, folder) = (mock(Vec::new()), list(5));
        let url = mock.url();
        let words = words(&url, &["--stages", "1", "--stage-ask"]).join(" ");
        // `script` runs the program on a terminal of its own.
        let line = format!(
            "(sleep 2; echo '{answer}'; sleep 1) | script -qec \"PROGRAM {words}\" said; echo code $?"
        );
        let run = folder.shell(&line);
        let said = std::fs::read_to_string(folder.path("said")).unwrap();
        assert!(said.contains("next are rows 2 to 5 of the input: go on? [y/N]"), "{said} {run}");
        assert!(run.stdout().contains(&format!("code {code}")), "{answer:?} {run}");
        assert_eq!(mock.counts().started, started);
        if code == 3 {
            assert!(said.contains("the next stage was declined"), "{said}");
        }
    }
}

/// A run of the program on a terminal of its own, at which somebody is asked.
struct Asked<'a> {
    folder: &'a Folder,
    said: String,
    run: Running,
    typing: ChildStdin,
}

impl<'a> Asked<'a> {
    /// Starts it; `said` is the file that gets all that the terminal is sent.
    fn start(folder: &'a Folder, words: &[&str], said: &str) -> Self {
        let line = format!("{} {}", env!("CARGO_BIN_EXE_bk-launch"), words.join(" "));
        let program = folder.program(&[]);
        let mut script = Command::new("script");
        script.args(["-qefc", &line, said]).current_dir(folder.path("")).env_clear();
        script.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.env("PATH", "/usr/bin:/bin").stdin(Stdio::piped());
        let mut run = folder.start(&mut script);
        let typing = run.child.stdin.take().unwrap();
        Self { folder, said: said.into(), run, typing }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path(&self.said)).unwrap_or_default()
    }

    /// Waits until it asks for the rows `from` on.
    fn is_asked_for(&self, rows: &str) {
        let question = format!("next are rows {rows} of the input: go on? [y/N]");
        until(&question, || self.said().contains(&question));
    }

    fn answer(&mut self, answer: &str) {
        self.typing.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }

    /// Kills it at once.
    fn kill(self) {
        let run = self.folder.runs().pop().unwrap();
        signal(Lock::holder(&run.path).unwrap().unwrap().pid.unwrap(), "KILL");
        self.run.wait();
    }
}

#[test]
fn a_stage_that_nobody_agreed_to_is_asked_for_again_in_the_next_session() {
    let (mock, folder) = (mock(Vec::new()), list(6));
    let url = mock.url();
    let flags = ["--stages", "1,3", "--stage-ask", "--progress", "none"];
    let mut asked = Asked::start(&folder, &words(&url, &flags), "first");
    asked.is_asked_for("2 to 3");
    asked.answer("n");
    asked.run.wait().exits(3);
    let resume = ["resume", "--progress", "none"];
    // Neither a crash at the question is a yes, nor a signal.
    let asked = Asked::start(&folder, &resume, "second");
    asked.is_asked_for("2 to 3");
    asked.kill();
    let asked = Asked::start(&folder, &resume, "third");
    asked.is_asked_for("2 to 3");
    let run = folder.only_run();
    signal(Lock::holder(&run.path).unwrap().unwrap().pid.unwrap(), "TERM");
    asked.run.wait().exits(143);
    assert_eq!(mock.counts().starts, 1, "only the first stage was sent");

    // What was agreed to is written before any row of it is sent, and is not asked for again.
    let slow = Latency::Fixed(Duration::from_mins(1));
    mock.site().change(|behaviour| behaviour.latency = slow);
    let mut asked = Asked::start(&folder, &resume, "fourth");
    asked.is_asked_for("2 to 3");
    asked.answer("y");
    until("the second stage is sent", || mock.counts().starts > 1);
    asked.kill();
    mock.site().change(|behaviour| behaviour.latency = Latency::Fixed(Duration::ZERO));
    let mut asked = Asked::start(&folder, &resume, "fifth");
    asked.is_asked_for("4 to 6");
    assert!(!asked.said().contains("rows 2 to 3 of the input: go on?"), "{}", asked.said());
    asked.answer("yes");
    asked.run.wait().exits(0);
    assert_eq!(mock.counts().started, 6);
}

#[test]
fn stages_are_shown_before_and_refused_where_they_make_no_sense() {
    let (mock, folder) = (mock(Vec::new()), list(100));
    let url = mock.url();
    let flags = ["--stages", "1,10%,100%", "--max-failures", "5%", "--dry-run"];
    let told = folder.run(&words(&url, &flags)).exits(0).stdout();
    assert!(told.contains("stages, by rows of the input: 1 to 1, 2 to 10, 11 to 100"), "{told}");
    assert!(told.contains("failures: 0, 0, 5 tolerated, up to the end of each stage"), "{told}");
    for (flags, says) in [
        (&["--stages", "10,5"][..], "each stage must end after the one before"),
        (&["--stages", "ten"], "such as 1,10%,100%"),
        (&["--stage-pause", "5m"], "--stages"),
    ] {
        folder.run(&words(&url, flags)).exits(2).says(&[says]);
    }
    let of_stdin = ["run", "-", "-o", "s.csv", "--stages", "10%", "--esb", &url];
    folder.run(&of_stdin).exits(2).says(&["--stages with percentages needs a file"]);
    assert_eq!(mock.counts().requests, 0);
    let few = folder.run(&words(&url, &["--limit", "3"])).exits(0);
    assert!(!few.stderr().contains("hint:"), "three rows are a canary already: {few}");
    folder.run(&words(&url, &["--force"])).exits(0).says(&["hint: --stages 1,10%,100%"]);
}
