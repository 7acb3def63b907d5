//! Killed at any moment and resumed, until it is finished: what the report says is
//! held against what the server saw.

use std::time::Duration;

use bk_launch::internals::domain::lines::Lines;
use bk_launch::internals::rules::intents::unpack;
use bk_launch::internals::rules::resume::doubts;
use bk_launch::mock::{Behaviour, Latency, MockCounts};

use crate::harness::{Report, Running, Scene, launch, list, scene, slow, sometimes, well};

const ROWS: u64 = 2_000;

/// Every hundredth task was started by somebody else, long ago.
fn is_somebody_elses(task: u64) -> bool {
    task.is_multiple_of(100)
}

fn faulty(seed: u64) -> Behaviour {
    Behaviour {
        faults: sometimes("429 502 reset-before reset-after hang broken-json", 0.02),
        seed,
        latency: Latency::Exponential(Duration::from_millis(5)),
        started: (1..=ROWS).filter(|task| is_somebody_elses(*task)).collect(),
        ..well()
    }
}

/// A launch that is killed over and over.
struct Victim {
    scene: Scene,
    random: fastrand::Rng,
}

impl Victim {
    fn new(seed: u64) -> Self {
        let scene = scene(list(ROWS)).against(faulty(seed));
        Self { scene, random: fastrand::Rng::with_seed(seed) }
    }

    fn begin(&self) -> Running {
        let lookahead = ["20", "300", "10000"][self.random.clone().usize(..3)];
        self.scene
            .run()
            .with("--force --rate unlimited --timeout 1s --backoff 1ms..50ms --concurrency 64")
            .with(format!("--lookahead {lookahead}"))
            .start()
    }

    /// Kills it after a while, and gives what was settled by then.
    fn kill(&mut self, run: Running) -> (Lines, MockCounts) {
        std::thread::sleep(Duration::from_millis(self.random.u64(20..900)));
        run.killed();
        let is_born = !self.scene.runs().is_empty();
        let settled =
            if is_born { self.scene.journal().settled().unwrap() } else { Lines::default() };
        let counts = self.scene.seen();
        self.nothing_was_sent_that_was_not_noted(&counts);
        (settled, counts)
    }

    /// No row without an intent, and no row before it was born, ever reached the server.
    fn nothing_was_sent_that_was_not_noted(&self, counts: &MockCounts) {
        let is_born = !self.scene.runs().is_empty();
        let noted = if is_born { noted(&self.scene) } else { Lines::default() };
        for (key, task) in &counts.tasks {
            let id: u64 = key.rsplit('/').next().unwrap().parse().unwrap();
            let is_noted = noted.contains(id + 1);
            assert!(is_noted || task.requests == 0, "task {id} was sent without an intent");
        }
    }

    /// A run that was killed before it was born is begun again.
    fn again(&self) -> Running {
        if self.scene.runs().is_empty() { self.begin() } else { self.scene.resume().start() }
    }
}

/// The lines of all rows that any session of the only run noted before sending them.
fn noted(scene: &Scene) -> Lines {
    let journal = scene.database();
    let mut select = journal.prepare("SELECT lines FROM intent").unwrap();
    let batches = select.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    batches.flat_map(|packed| unpack(&packed.unwrap()).unwrap()).collect()
}

fn key(task: u64) -> String {
    format!("cmdb_biz/2/{task}")
}

/// No request was sent for a row that had been settled.
fn settled_rows_were_left_alone(
    seed: u64,
    (settled, then): &(Lines, MockCounts),
    now: &MockCounts,
) {
    for task in (1..=ROWS).filter(|task| settled.contains(task + 1)) {
        let requests = |counts: &MockCounts| counts.tasks.get(&key(task)).map_or(0, |t| t.requests);
        assert_eq!(requests(then), requests(now), "seed {seed}: task {task} was settled");
    }
}

/// Every word of the report is true.
pub fn is_true(seed: u64, report: &Report, counts: &MockCounts) {
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
    let end = victim.again().ends();
    let counts = victim.scene.seen();
    settled_rows_were_left_alone(seed, &first, &counts);
    settled_rows_were_left_alone(seed, &second, &counts);
    assert!(matches!(end.code(), Some(0 | 1)), "seed {seed}: {end}");
    let report = victim.scene.report("r.csv");
    is_true(seed, &report, &counts);
    let unknown = report.count("unknown");
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

/// Kills a launch with default slots after `starts` starts, and counts the rows in doubt.
fn in_doubt_after(rate: &str, latency: u64, starts: u64) -> (Scene, usize) {
    let run = launch(list(5_000)).against(slow(latency)).with(format!("--rate {rate}")).start();
    let scene = run.once_sent(starts).killed().scene();
    let journal = scene.journal();
    let doubts = doubts(journal.last_session().unwrap(), &journal.settled().unwrap());
    for task in scene.seen().tasks.keys().map(|key| key.rsplit('/').next().unwrap()) {
        let line = task.parse::<u64>().unwrap() + 1;
        let is_known = journal.settled().unwrap().contains(line) || doubts.contains_key(&line);
        assert!(is_known, "line {line} was sent, and is neither settled nor in doubt");
    }
    (scene, doubts.len())
}

#[test]
fn after_a_crash_no_more_than_a_second_of_rows_is_in_doubt() {
    for (rate, latency, starts, most) in
        [("20/s", 5, 25, 60), ("200/s", 5, 250, 300), ("unlimited", 8, 1_500, 1_100)]
    {
        let (_scene, in_doubt) = in_doubt_after(rate, latency, starts);
        assert!(in_doubt <= most, "{in_doubt} rows are in doubt at {rate}");
    }
}

#[test]
fn what_somebody_starts_between_a_crash_and_the_resume_is_his() {
    let (scene, in_doubt) = in_doubt_after("20/s", 5, 25);
    // The last row was never sent, and a colleague starts its task now.
    scene.change(|behaviour| {
        behaviour.started.insert(5_000);
    });
    let resumed = scene
        .resume()
        .with("--rate unlimited --already-started fail")
        .exits(1)
        .says("somebody else started these tasks")
        .reports_all(5_000)
        .reports(4_999, "started");
    assert_eq!(resumed.report().outcome(5_001), "already_started");
    let by_resume = resumed.report().count_where("known_by", "resume");
    assert!(by_resume <= in_doubt, "{by_resume} of {in_doubt}");
}
