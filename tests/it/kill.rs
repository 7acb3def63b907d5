//! Killed at any moment and resumed, until it is finished: what the report says is
//! held against what the server saw.

use std::time::Duration;

use bk_launch::mock::{Behaviour, Counts, Fault, Latency, Mock};
use bk_launch::resume::Lines;

use crate::harness::{Folder, HEADER, Report, Running, rows};

const ROWS: u64 = 2_000;

/// Every hundredth task was started by somebody else, long ago.
fn is_somebody_elses(task: u64) -> bool {
    task.is_multiple_of(100)
}

fn faulty(seed: u64) -> Mock {
    let kinds = ["429", "502", "reset-before", "reset-after", "hang", "broken-json"];
    let faults = kinds.map(|kind| Fault { kind: kind.parse().unwrap(), chance: 0.02 }).to_vec();
    let latency = Latency::Exponential(Duration::from_millis(5));
    let started = (1..=ROWS).filter(|task| is_somebody_elses(*task)).collect();
    Mock::start(Behaviour { faults, seed, latency, started, ..Behaviour::default() }, 0).unwrap()
}

/// A launch that is killed over and over.
struct Victim {
    folder: Folder,
    mock: Mock,
    flags: Vec<String>,
    random: fastrand::Rng,
}

impl Victim {
    fn new(seed: u64) -> Self {
        let (folder, mock) = (Folder::new(), faulty(seed));
        folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, ROWS)));
        let flags = "--rate unlimited --timeout 1s --backoff 1ms..50ms --concurrency 64 --esb";
        let mut flags: Vec<_> = flags.split(' ').map(str::to_owned).collect();
        flags.push(mock.url());
        Self { folder, mock, flags, random: fastrand::Rng::with_seed(seed) }
    }

    fn begin(&self) -> Running {
        let lookahead = ["20", "300", "10000"][self.random.clone().usize(..3)];
        let mut words =
            vec!["run", "tasks.csv", "-o", "r.csv", "--force", "--lookahead", lookahead];
        words.extend(self.flags.iter().map(String::as_str));
        self.folder.start(&mut self.folder.program(&words))
    }

    fn resume(&self) -> Running {
        self.folder.start(&mut self.folder.program(&["resume"]))
    }

    /// Kills it after a while, and gives what was settled by then.
    fn kill(&mut self, run: Running) -> (Lines, Counts) {
        std::thread::sleep(Duration::from_millis(self.random.u64(20..900)));
        run.signal("KILL");
        run.wait();
        let settled = if self.folder.runs().is_empty() {
            Lines::default()
        } else {
            self.folder.journal().settled().unwrap()
        };
        (settled, self.mock.counts())
    }

    /// A run that was killed before it was born is begun again.
    fn again(&self) -> Running {
        if self.folder.runs().is_empty() { self.begin() } else { self.resume() }
    }
}

fn key(task: u64) -> String {
    format!("cmdb_biz/2/{task}")
}

/// No request was sent for a row that had been settled.
fn settled_rows_were_left_alone(seed: u64, (settled, then): &(Lines, Counts), now: &Counts) {
    for task in (1..=ROWS).filter(|task| settled.contains(task + 1)) {
        let requests = |counts: &Counts| counts.tasks.get(&key(task)).map_or(0, |t| t.requests);
        assert_eq!(requests(then), requests(now), "seed {seed}: task {task} was settled");
    }
}

/// Every word of the report is true.
pub fn is_true(seed: u64, report: &Report, counts: &Counts) {
    report.is_complete(ROWS);
    for line in &report.lines {
        let id = line["task_id"].parse().unwrap();
        let task = counts.tasks.get(&key(id)).cloned().unwrap_or_default();
        let why = format!("seed {seed}: {line:?} {task:?}");
        assert!(task.accepted <= 1, "started twice: {why}");
        match line["outcome"].as_str() {
            "already_started" => assert!(is_somebody_elses(id), "{why}"),
            "started" => assert!(task.started && !is_somebody_elses(id), "{why}"),
            "failed" | "rejected" => assert!(!task.started, "{why}"),
            "unknown" => {}
            other => panic!("{other}: {why}"),
        }
    }
}

fn round(seed: u64) {
    let mut victim = Victim::new(seed);
    let run = victim.begin();
    let first = victim.kill(run);
    let again = victim.again();
    let second = victim.kill(again);
    let end = victim.again().wait();
    let counts = victim.mock.counts();
    settled_rows_were_left_alone(seed, &first, &counts);
    settled_rows_were_left_alone(seed, &second, &counts);
    assert!(matches!(end.code(), Some(0 | 1)), "seed {seed}: {end}");
    let report = victim.folder.report("r.csv");
    is_true(seed, &report, &counts);
    let unknown = report.counts().get("unknown").copied().unwrap_or(0);
    assert!(unknown < 20, "seed {seed}: {unknown} unknown rows of {ROWS}");
}

/// A round is mostly waiting for holds, so some go on side by side.
fn rounds(seeds: &[u64]) {
    for seeds in seeds.chunks(6) {
        std::thread::scope(|scope| {
            for seed in seeds {
                scope.spawn(|| round(*seed));
            }
        });
    }
}

#[test]
fn killed_twice_and_resumed_nothing_is_lost_or_made_up() {
    rounds(&[1, 2, 3]);
}

#[test]
#[ignore = "many rounds"]
fn killed_in_thirty_rounds_nothing_is_lost_or_made_up() {
    rounds(&(100..130).collect::<Vec<_>>());
}
