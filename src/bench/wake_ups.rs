//! Which requests leave in one wake-up.
//!
//! A wake-up costs about as much CPU time as a request, so requests that are due within a slack of
//! each other share one. It comes when the last of them is due: none leaves early, none leaves later
//! than the slack, and one that is due by itself leaves in time.

use std::iter::Peekable;
use std::time::Duration;

/// Default of `--slack`: far below what a network adds.
pub(crate) const DEFAULT_SLACK: Duration = Duration::from_micros(100);

/// Maximum of `--slack`: half of the delay from which a send counts as late.
pub(crate) const MAX_SLACK: Duration = Duration::from_millis(5);

/// Divides due times, which never decrease, into wake-ups.
pub(super) struct WakeUps<T: Iterator<Item = Duration>> {
    due: Peekable<T>,
    slack: Duration,
    together: Vec<Duration>,
}

impl<T: Iterator<Item = Duration>> WakeUps<T> {
    pub(super) fn new(due: T, slack: Duration) -> Self {
        Self { due: due.peekable(), slack, together: Vec::new() }
    }

    /// Returns the due times of the requests that leave in the next wake-up, which comes at the
    /// last of them; `None` after the end.
    pub(super) fn next(&mut self) -> Option<WakeUp<'_>> {
        let first = self.due.next()?;
        let mut at = first;
        self.together.clear();
        self.together.push(first);
        while let Some(due) = self.due.next_if(|due| due.saturating_sub(first) <= self.slack) {
            self.together.push(due);
            at = due;
        }
        Some(WakeUp { at, due: &self.together })
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct WakeUp<'a> {
    pub at: Duration,
    /// One due time for each request, none of them after `at`.
    pub due: &'a [Duration],
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn micros(due: &[u64]) -> Vec<Duration> {
        due.iter().copied().map(Duration::from_micros).collect()
    }

    /// Returns the due times of each wake-up.
    fn wake_ups(due: &[Duration], slack: Duration) -> Vec<Vec<Duration>> {
        let mut wake_ups = WakeUps::new(due.iter().copied(), slack);
        let mut all = Vec::new();
        while let Some(WakeUp { at, due }) = wake_ups.next() {
            assert_eq!(due.last(), Some(&at), "it comes when the last one is due");
            all.push(due.to_vec());
        }
        all
    }

    #[test]
    fn what_is_due_within_a_slack_leaves_in_one_wake_up() {
        for (slack, due, expected) in [
            (100, &[][..], &[][..]),
            (100, &[0], &[&[0][..]]),
            // One that is due by itself is not delayed.
            (100, &[0, 500, 1_000], &[&[0], &[500], &[1_000]]),
            // The bound belongs to the slack.
            (100, &[0, 100, 200, 300], &[&[0, 100], &[200, 300]]),
            (100, &[0, 101, 200, 302], &[&[0], &[101, 200], &[302]]),
            // The slack counts from the first one, not from one to the next.
            (100, &[0, 50, 100, 150, 200], &[&[0, 50, 100], &[150, 200]]),
            (1_000, &[0, 500, 1_000, 1_500], &[&[0, 500, 1_000], &[1_500]]),
            // Without a slack only what is due at the same moment.
            (0, &[0, 1, 1, 2], &[&[0], &[1, 1], &[2]]),
        ] {
            let found = wake_ups(&micros(due), Duration::from_micros(slack));
            let expected: Vec<_> = expected.iter().map(|due| micros(due)).collect();
            assert_eq!(found, expected, "{due:?} with a slack of {slack} us");
        }
    }

    proptest! {
        #[test]
        fn each_request_leaves_once_and_at_most_the_slack_late(
            gaps in proptest::collection::vec(0_u64..300, 0..100),
            slack in 0_u64..500,
        ) {
            let sum = |at: &mut u64, gap: &u64| { *at += gap; Some(*at) };
            let due = micros(&gaps.iter().scan(0, sum).collect::<Vec<_>>());
            let slack = Duration::from_micros(slack);
            let found = wake_ups(&due, slack);
            prop_assert_eq!(found.concat(), due);
            for together in &found {
                prop_assert!(together[together.len() - 1] <= together[0] + slack);
            }
            for pair in found.windows(2) {
                prop_assert!(pair[1][0] > pair[0][0] + slack, "none that could share waits longer");
            }
        }
    }
}
