//! The numbers that a history is drawn from, and the shapes in which they are wanted.

use std::time::Duration;

use fastrand::Rng;

/// A source of numbers that depends on its seed alone.
pub(super) struct Dice(Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Returns a source of its own, so that a further draw in one part of a history leaves the
    /// other parts as they were.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// Whether an event of so many percent happens.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(0..100) < percent
    }

    /// Returns a number from `least` to `most`, each as likely.
    pub(super) fn between(&mut self, least: u32, most: u32) -> u32 {
        self.0.u32(least..=most)
    }

    /// Returns a number of either sign, of a size from 1 to `most`.
    pub(super) fn step(&mut self, most: u32) -> i64 {
        let size = i64::from(self.spread(1, most));
        if self.chance(50) { size } else { -size }
    }

    /// Returns a number from `least` (at least 1) to `most`; each doubling is about as likely.
    pub(super) fn spread(&mut self, least: u32, most: u32) -> u32 {
        let octaves = (most / least).max(1).ilog2();
        let low = least << self.0.u32(0..=octaves);
        let high = low.saturating_mul(2).min(most);
        self.between(low.min(high), high)
    }

    /// Returns a time of whole milliseconds; short ones are as likely as long ones.
    pub(super) fn millis(&mut self, least: u32, most: u32) -> Duration {
        Duration::from_millis(self.spread(least, most).into())
    }

    /// Returns a time of whole seconds; short ones are as likely as long ones.
    pub(super) fn secs(&mut self, least: u32, most: u32) -> Duration {
        Duration::from_secs(self.spread(least, most).into())
    }

    /// Returns an index into so many items, of which there is one at least.
    pub(super) fn index(&mut self, len: usize) -> usize {
        self.0.usize(0..len)
    }

    /// Returns one of `choices`.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// Returns a random subset of `all` that is not empty. Most subsets are small, so that many
    /// histories have one kind of trouble, and some have every kind.
    pub(super) fn some_of<T: Copy>(&mut self, all: &[T]) -> Vec<T> {
        let percent = self.pick(&[5, 15, 40, 80]);
        let mut some: Vec<T> = all.iter().copied().filter(|_| self.chance(percent)).collect();
        if some.is_empty() {
            some.push(self.pick(all));
        }
        some
    }
}
