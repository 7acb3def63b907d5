//! When an accepted row is asked for, and what its state says.
//!
//! Pure rules. "Accepted" only means that the server queued the task, and
//! "already started" may be somebody else's doing (wire facts, section 4); the
//! state of a task tells more. Who asks, and when that may be, is not known here.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::answer::{Seen, TaskState};

/// How long before this run's first attempt a task must have been started to be
/// somebody else's: clocks of servers differ, and answers take their time.
const EARLIER: SignedDuration = SignedDuration::from_secs(60);

/// What the state of a task says about a row that may have started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It began, and nothing speaks against an attempt of this run.
    Ours,
    /// It began before this run first tried.
    SomebodyElses,
    /// It did not begin, or not yet.
    NotYet,
    /// The state could not be had.
    Unseen,
}

/// Judges what was `seen` at `now`, of a row whose first attempt left at `first`
/// by the same clock. Both are put on the server's clock by its header `Date`.
#[must_use]
pub fn judge(seen: &Seen, first: Option<Timestamp>, now: Timestamp) -> Judged {
    match seen.state {
        None => Judged::Unseen,
        Some(TaskState::Created) => Judged::NotYet,
        Some(TaskState::Begun) => match (seen.started, first, seen.date) {
            (Some(started), Some(first), Some(date))
                if started.duration_until(first) + now.duration_until(date) > EARLIER =>
            {
                Judged::SomebodyElses
            }
            _ => Judged::Ours,
        },
    }
}

/// How long to wait before the next question for an accepted row, after `asked`
/// questions and so long `since` it was accepted: 0.5, 1, 2, 4, 8, 8 … s, the last
/// one when `timeout` is over. `None`: the last one has been asked.
#[must_use]
pub fn wait(asked: u32, since: Duration, timeout: Duration) -> Option<Duration> {
    let left = timeout.checked_sub(since).filter(|left| !left.is_zero())?;
    let wait = Duration::from_millis(500) * 2_u32.pow(asked.min(4));
    Some(wait.min(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Answer, Reply, Verdict};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_task_that_began_before_the_first_attempt_is_somebody_elses() {
        use Judged::{NotYet, Ours, SomebodyElses, Unseen};
        use TaskState::{Begun, Created};
        // The first attempt left at 100 by our clock, and the question at 200.
        for (state, started, first, date, expected) in [
            (None, None, Some(100), Some(200), Unseen),
            (Some(Created), None, Some(100), Some(200), NotYet),
            (Some(Begun), Some(101), Some(100), Some(200), Ours),
            (Some(Begun), Some(40), Some(100), Some(200), Ours),
            (Some(Begun), Some(39), Some(100), Some(200), SomebodyElses),
            // The server's clock is an hour ahead of ours, or behind.
            (Some(Begun), Some(3640), Some(100), Some(3800), Ours),
            (Some(Begun), Some(3639), Some(100), Some(3800), SomebodyElses),
            (Some(Begun), Some(-3500), Some(100), Some(-3400), Ours),
            // Something is not known.
            (Some(Begun), None, Some(100), Some(200), Ours),
            (Some(Begun), Some(0), None, Some(200), Ours),
            (Some(Begun), Some(0), Some(100), None, Ours),
        ] {
            let answer = Answer { verdict: Verdict::Accepted, reply: Reply::default() };
            let seen = Seen { answer, state, started: started.map(at), date: date.map(at) };
            let found = judge(&seen, first.map(at), at(200));
            assert_eq!(found, expected, "{state:?} {started:?} {first:?} {date:?}");
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
