//! Decides when to ask about an accepted row, and what its state says.
//!
//! "Accepted" only means that the server queued the task, and "already started" may be somebody
//! else's doing (FACTS.md section 4); the state of a task tells more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::answer::{StatusAnswer, TaskState};

/// Minimum time between a task's start and this run's first attempt for the start to be somebody
/// else's: the clocks of a server's hosts differ, and answers take time.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(10);

/// Who started a task, as its state shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Began, and nothing speaks against an attempt of this run.
    Ours,
    /// Began before this run first tried.
    SomebodyElses,
    /// Has not begun, or not yet.
    NotYet,
    Unseen,
}

/// Judges by the state that was `seen`. `first` is the earliest time of the server's clock at which
/// the first attempt that may have arrived can have left. If the state or a time is unknown,
/// nothing speaks against an attempt of this run.
#[must_use]
pub(crate) fn judge(seen: &StatusAnswer, first: Option<Timestamp>) -> Ownership {
    match seen.state {
        None => Ownership::Unseen,
        Some(TaskState::Created) => Ownership::NotYet,
        Some(TaskState::Begun) => match (seen.started, first) {
            (Some(started), Some(first)) if started.duration_until(first) > CLOCK_TOLERANCE => {
                Ownership::SomebodyElses
            }
            _ => Ownership::Ours,
        },
    }
}

/// Returns the time until the next question about an accepted row, after `asked` questions and
/// `since` its acceptance: 0.5, 1, 2, 4, 8, 8 … s, and a last one when `timeout` is over. `None`
/// after the last question.
#[must_use]
pub(crate) fn wait(asked: u32, since: Duration, timeout: Duration) -> Option<Duration> {
    let left = timeout.checked_sub(since).filter(|left| !left.is_zero())?;
    let wait = Duration::from_millis(500) * 2_u32.pow(asked.min(4));
    Some(wait.min(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::{Answer, Reply, Verdict};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_task_that_began_before_the_first_attempt_is_somebody_elses() {
        use Ownership::{NotYet, Ours, SomebodyElses, Unseen};
        use TaskState::{Begun, Created};
        // The first attempt left at 1000 by the server's clock.
        for (state, started, first, expected) in [
            (None, None, Some(1000), Unseen),
            (Some(Created), None, Some(1000), NotYet),
            (Some(Begun), Some(1001), Some(1000), Ours),
            (Some(Begun), Some(910), Some(1000), Ours),
            (Some(Begun), Some(400), Some(1000), Ours),
            (Some(Begun), Some(399), Some(1000), SomebodyElses),
            (Some(Begun), Some(-6200), Some(1000), SomebodyElses),
            // One of the facts is unknown.
            (Some(Begun), None, Some(1000), Ours),
            (Some(Begun), Some(0), None, Ours),
        ] {
            let answer = Answer::new(Verdict::Accepted, Reply::default());
            let seen = StatusAnswer { answer, state, started: started.map(at) };
            let found = judge(&seen, first.map(at));
            assert_eq!(found, expected, "{state:?} {started:?} {first:?}");
        }
    }

    #[test]
    fn questions_come_further_and_further_apart_and_the_last_at_the_deadline() {
        let schedule = |timeout| {
            let (mut now, mut asked, mut times) = (Duration::ZERO, 0, Vec::new());
            while let Some(wait) = wait(asked, now, Duration::from_millis(timeout)) {
                now += wait;
                asked += 1;
                times.push(now.as_millis());
            }
            times
        };
        assert_eq!(schedule(20_000), [500, 1500, 3500, 7500, 15_500, 20_000]);
        assert_eq!(schedule(32_000), [500, 1500, 3500, 7500, 15_500, 23_500, 31_500, 32_000]);
        assert_eq!(schedule(500), [500]);
        assert_eq!(schedule(100), [100]);
    }
}
