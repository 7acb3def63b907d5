//! Plays seeds: some in each test run, many for minutes, one with its story.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::history::{History, shrink};
use crate::night::{Played, play};
use crate::world::Telling;

/// Number of seeds of the short form.
const FEW: u64 = 100;

/// Real time that a history of a few seconds of work never takes, unless it spins.
const SPINS: Duration = Duration::from_mins(2);

/// Returns a new folder, in memory if the system has such a place.
fn folder() -> TempDir {
    let shared = PathBuf::from("/dev/shm");
    let above = if shared.is_dir() { shared } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("bk-launch-sim-").tempdir_in(above).unwrap()
}

/// Plays a history in a folder of its own. One whose simulated time stands still while it works
/// fails, too.
pub fn play_alone(history: &History, telling: Telling) -> Played {
    let (sender, played) = mpsc::channel();
    let own = history.clone();
    let playing = thread::spawn(move || {
        let played = play(&own, folder().path(), telling);
        // Ignores that nobody waits any more.
        let _ = sender.send(played);
    });
    match played.recv_timeout(SPINS) {
        Ok(played) => played,
        Err(RecvTimeoutError::Timeout) => {
            panic!("seed {} spins:\n{}", history.seed, history.tell())
        }
        Err(RecvTimeoutError::Disconnected) => {
            println!("seed {} panics:\n{}", history.seed, history.tell());
            resume_unwind(playing.join().unwrap_err())
        }
    }
}

/// Plays a seed; tells the story of what is left of it by shrinking if a promise is broken.
fn must_hold(seed: u64) {
    let history = History::draw(seed);
    let Some(broken) = play_alone(&history, Telling::Nothing).broken else { return };
    let small = shrink(history, &mut |smaller| {
        let found = play_alone(smaller, Telling::Nothing).broken;
        found.is_some_and(|found| found.promise == broken.promise)
    });
    let Played { broken, story, .. } = play_alone(&small, Telling::Story);
    let broken = broken.unwrap();
    panic!("seed {seed} breaks a promise:\n{broken}\n\n{}\n{}", small.tell(), told(&story));
}

/// Returns a story as a page.
pub fn told(story: &[(Duration, String)]) -> String {
    let line =
        |(at, sentence): &(Duration, String)| format!("{:>10.3} s  {sentence}\n", at.as_secs_f64());
    story.iter().map(line).collect()
}

/// Returns a number of the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// Plays `seeds` on all cores, each history in one thread. Returns how many were played.
fn must_all_hold(seeds: impl Iterator<Item = u64> + Send) -> u64 {
    let seeds = Mutex::new(seeds);
    let next = || seeds.lock().unwrap().next();
    let play = || {
        let all = std::iter::from_fn(next).inspect(|seed| must_hold(*seed));
        all.count() as u64
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let played: Vec<_> = (0..cores).map(|_| scope.spawn(play)).collect();
        played.into_iter().map(|played| played.join().expect("all promises hold")).sum()
    })
}

#[test]
fn promises_hold_for_a_hundred_seeds() {
    must_all_hold(1..=FEW);
}

#[test]
fn a_seed_is_the_same_history_each_time() {
    for seed in 1..11 {
        let history = History::draw(seed);
        let once = play_alone(&history, Telling::Nothing).fingerprint;
        assert_eq!(play_alone(&history, Telling::Nothing).fingerprint, once, "seed {seed}");
    }
}

#[test]
#[ignore = "takes minutes: as many seeds as SIM_SECONDS hold, from SIM_FROM to SIM_TO"]
fn promises_hold_for_many_seeds() {
    let seconds = number("SIM_SECONDS", 300);
    let (first, last) = (number("SIM_FROM", FEW + 1), number("SIM_TO", u64::MAX));
    let begun = Instant::now();
    let is_time = |_: &u64| begun.elapsed() < Duration::from_secs(seconds);
    let played = must_all_hold((first..=last).take_while(is_time));
    println!("{played} seeds, from {first} on, in {:?}", begun.elapsed());
}

#[test]
fn replay() {
    let Ok(seed) = std::env::var("SIM_SEED") else { return };
    let history = History::draw(seed.parse().unwrap());
    let Played { broken, story, .. } = play_alone(&history, Telling::Story);
    println!("{}\n{}", history.tell(), told(&story));
    assert_eq!(broken, None);
}

#[test]
#[ignore = "a tool: shrinks what SIM_SEED breaks"]
fn shrunk() {
    must_hold(number("SIM_SEED", 1));
}

#[test]
#[ignore = "a tool: counts what SIM_COUNT seeds from SIM_FROM on break, without shrinking"]
fn survey() {
    let (first, count) = (number("SIM_FROM", 1), number("SIM_COUNT", 300));
    let mut found = BTreeMap::<&str, Vec<u64>>::new();
    let begun = Instant::now();
    for seed in first..first + count {
        if let Some(broken) = play_alone(&History::draw(seed), Telling::Nothing).broken {
            found.entry(broken.promise).or_default().push(seed);
        }
    }
    println!("{count} seeds in {:?}", begun.elapsed());
    for (promise, seeds) in found {
        println!("{:>5} {promise}: {:?}", seeds.len(), &seeds[..seeds.len().min(8)]);
    }
}
