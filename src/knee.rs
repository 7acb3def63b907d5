//! Finds the highest rate that holds: by steps that grow and then close in.
//!
//! A rule only: it is told how a step came out, and says which one is next.

/// The search for the highest rate that holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    next: f64,
    /// The highest rate that held.
    held: Option<f64>,
    /// The lowest rate that did not.
    failed: Option<f64>,
    most: f64,
}

/// How a step came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The server held the rate.
    Held,
    /// It did not.
    Failed,
}

/// Where nothing is known yet, the next rate is so many times the last.
const GROWTH: f64 = 2.0;

/// The search is over when the highest rate that held and the lowest that did not are
/// this near to each other.
const NEAR: f64 = 0.02;

/// Nobody looks for less than one request in so many seconds.
const LEAST: f64 = 0.1;

impl Search {
    /// A search that begins at `rate` and goes no higher than `most`.
    #[must_use]
    pub const fn from(rate: f64, most: f64) -> Self {
        Self { next: rate.min(most), held: None, failed: None, most }
    }

    /// The rate of the next step; `None` once the search is over.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        match (self.held, self.failed) {
            (Some(held), Some(failed)) if failed <= held * (1.0 + NEAR) => None,
            (Some(held), None) if held >= self.most => None,
            (None, Some(failed)) if failed <= LEAST => None,
            _ => Some(self.next),
        }
    }

    /// Takes note of how the step at [`rate`](Self::rate) came out.
    #[must_use]
    pub fn came_out(self, step: Step) -> Self {
        let (held, failed) = match step {
            Step::Held => (Some(self.next), self.failed),
            Step::Failed => (self.held, Some(self.next)),
        };
        let next = match (held, failed) {
            (Some(held), None) => (held * GROWTH).min(self.most),
            (None, Some(failed)) => failed / GROWTH,
            (Some(held), Some(failed)) => f64::midpoint(held, failed),
            (None, None) => self.next,
        };
        Self { next, held, failed, ..self }
    }

    /// The highest rate that held.
    #[must_use]
    pub const fn highest(&self) -> Option<f64> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a server that holds `capacity`, and says what was found in how many
    /// steps.
    fn find(from: f64, capacity: f64, most: f64) -> (Option<f64>, usize) {
        let mut search = Search::from(from, most);
        let mut steps = 0;
        while let Some(rate) = search.rate() {
            let step = if rate <= capacity { Step::Held } else { Step::Failed };
            search = search.came_out(step);
            steps += 1;
            assert!(steps < 100, "the search does not end");
        }
        (search.highest(), steps)
    }

    #[test]
    fn the_highest_rate_is_found_within_two_percent() {
        for from in [1.0, 20.0, 160.0, 5_000.0] {
            for capacity in [0.7, 19.0, 20.0, 21.0, 163.0, 1_000.0, 4_321.0] {
                let (found, steps) = find(from, capacity, 20_000.0);
                let found = found.unwrap();
                assert!(found <= capacity && found >= capacity * 0.98, "{found} of {capacity}");
                assert!(steps <= 20, "{steps} steps from {from} to {capacity}");
            }
        }
        assert_eq!(find(20.0, 1e9, 1_000.0).0, Some(1_000.0), "no higher than asked");
        assert_eq!(find(20.0, 0.0, 1_000.0).0, None, "nothing holds");
    }
}
