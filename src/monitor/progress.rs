//! Progress of a running launch: a bar on a terminal, otherwise a line from time to time.
//!
//! Receives snapshots and decides what a [`Screen`] shows of them; it counts nothing itself.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::console::BarFrame;
use crate::domain::count::{counted, number};
use crate::domain::duration::roughly;
use crate::domain::rate::Rate;
use crate::domain::record::AlreadyStarted;
use crate::domain::task::Business;
use crate::rules::forecast::{Estimate, Fit};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressMode {
    /// A bar that is redrawn all the time.
    Bar,
    /// A line every ten seconds, and a few before the launch begins.
    Plain,
    /// Nothing is shown.
    None,
}

/// Time between two lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Whether the wait before the launch is worth a line: once an hour, and more often towards its
/// end.
const fn is_told(begins_in: Duration) -> bool {
    let seconds = begins_in.as_secs();
    let step = match seconds {
        0..600 => 60,
        600..3600 => 600,
        _ => 3600,
    };
    seconds % step < PLAIN_INTERVAL.as_secs()
}

impl ProgressMode {
    /// Returns the time between two snapshots, or `None` if nothing is shown.
    #[must_use]
    pub const fn every(self) -> Option<Duration> {
        match self {
            Self::Bar => Some(Duration::from_millis(100)),
            Self::Plain => Some(PLAIN_INTERVAL),
            Self::None => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSnapshot {
    /// Rows that are settled.
    pub done: u64,
    /// Settled rows that earlier sessions settled.
    pub replayed: u64,
    /// Settled rows whose task this run started.
    pub started: u64,
    /// Settled rows whose task somebody else had started before.
    pub already_started: u64,
    /// Settled rows that ended bad.
    pub bad: u64,
    pub already: AlreadyStarted,
    /// Rows that were skipped or cut off, and are still to be done.
    pub pending: u64,
    /// Rows that are open and not in flight.
    pub waiting: u64,
    pub in_flight: u64,
    pub requests: u64,
    pub pause: Option<Pause>,
    pub room: Room,
}

/// Whether more rows could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Free,
    /// As many as `--lookahead` allows are open, and all of them wait.
    AllWait,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub who: PauseReason,
    /// Time that remains.
    pub left: Duration,
}

/// Who is held by a pause, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseReason {
    /// Number of held businesses, and the one held longest: their starts are used up.
    Businesses(u64, Business),
    /// The app's requests are used up.
    Everyone,
    /// bk-sops is gone, and this answers in its place.
    Outage(Arc<str>),
}

impl Pause {
    fn text(&self) -> String {
        let left = seconds(self.left);
        match &self.who {
            PauseReason::Businesses(1, business) => format!("{business} throttled for {left} s"),
            PauseReason::Businesses(count, business) => {
                format!("{} businesses throttled, {business} for {left} s", number(*count))
            }
            PauseReason::Everyone => format!("all throttled for {left} s"),
            PauseReason::Outage(says) => format!("{says}; next attempt in {left} s"),
        }
    }
}

impl RunSnapshot {
    /// Formats `20 started, 580 already started, 0 bad`: tasks that another run started do not
    /// count as the work of this one.
    fn counts(&self) -> String {
        let Self { started, already_started, bad, pending, .. } = *self;
        let (started, bad, others) = (number(started), number(bad), number(already_started));
        let ended = match (already_started, self.already) {
            (0, _) => format!("{started} started, {bad} bad"),
            (_, AlreadyStarted::Ok) => {
                format!("{started} started, {others} already started, {bad} bad")
            }
            (_, AlreadyStarted::Fail) => {
                format!("{started} started, {bad} bad, {others} of them already started")
            }
        };
        if pending > 0 { format!("{ended}, {} pending", number(pending)) } else { ended }
    }
}

/// Fixed facts about the launch.
#[derive(Clone, Copy, Debug)]
pub struct ProgressGoal {
    /// Number of rows of the input, if known.
    pub rows: Option<u64>,
    /// Rate that the user asked for.
    pub wanted: Rate,
}

impl ProgressGoal {
    /// Returns one line with the current progress, for readers without a bar.
    #[must_use]
    pub fn told(&self, snapshot: &RunSnapshot, estimate: &Estimate) -> String {
        let done = snapshot.done;
        let rows = match self.rows {
            Some(rows) => format!("{} of {}", number(done), counted(rows, "row", "rows")),
            None => counted(done, "row", "rows"),
        };
        format!("{rows}: {}", self.line(snapshot, estimate))
    }

    /// Puts the most important first: a narrow terminal cuts off the rest.
    fn line(&self, snapshot: &RunSnapshot, estimate: &Estimate) -> String {
        let RunSnapshot { waiting, in_flight, .. } = snapshot;
        let mut line = snapshot.counts();
        if let Some(pause) = &snapshot.pause {
            let _ = write!(line, "; {}", pause.text());
        }
        if snapshot.room == Room::AllWait {
            line.push_str("; all rows of --lookahead wait: a larger one would go on");
        }
        match (estimate.begins_in, estimate.achieved) {
            (Some(wait), _) => {
                let _ = write!(line, "; begins in {}", roughly(wait));
            }
            (None, Some(achieved)) => {
                let _ = write!(line, "; {} of {}", self.wanted.achieved(achieved), self.wanted);
            }
            (None, None) => {
                let _ = write!(line, "; at {}", self.wanted);
            }
        }
        if let Some(left) = estimate.left {
            let _ = write!(line, ", {} left", roughly(left));
        }
        match estimate.fit {
            None => {}
            Some(Fit::Fits) => line.push_str(", fits"),
            Some(Fit::Leaves(rows)) => {
                let rows = counted(rows, "row", "rows");
                let _ = write!(line, ", does not fit: about {rows} will be left");
            }
        }
        if let Some(brake) = estimate.slowed_by {
            let _ = write!(line, "; slowed by {brake}");
        }
        if estimate.begins_in.is_none() {
            let (in_flight, waiting) = (number(*in_flight), number(*waiting));
            let _ = write!(line, "; {in_flight} in flight, {waiting} waiting");
        }
        line
    }
}

/// Screen on which progress is shown. It never blocks its caller.
pub trait Screen: Send {
    /// Replaces the bar that was drawn before.
    fn draw(&self, frame: BarFrame);
    fn line(&self, text: &str);
    fn clear(&self);
}

impl Screen for () {
    fn draw(&self, _: BarFrame) {}
    fn line(&self, _: &str) {}
    fn clear(&self) {}
}

/// Display of a launch's progress.
pub struct Progress {
    look: ProgressMode,
    goal: ProgressGoal,
    screen: Box<dyn Screen>,
}

impl Progress {
    /// Makes the display of a launch.
    #[must_use]
    pub fn begin(look: ProgressMode, goal: ProgressGoal, screen: Box<dyn Screen>) -> Self {
        Self { look, goal, screen }
    }

    /// Shows the current progress.
    pub fn show(&self, snapshot: &RunSnapshot, estimate: &Estimate) {
        match self.look {
            ProgressMode::Bar => self.screen.draw(BarFrame {
                template: match self.goal.rows {
                    Some(_) => "{wide_bar} {human_pos}/{human_len}\n{wide_msg}",
                    None => "{spinner} {human_pos} rows\n{wide_msg}",
                },
                length: self.goal.rows,
                position: snapshot.done,
                message: self.goal.line(snapshot, estimate),
            }),
            ProgressMode::Plain if estimate.begins_in.is_none_or(is_told) => {
                self.screen.line(&self.goal.told(snapshot, estimate));
            }
            ProgressMode::Plain | ProgressMode::None => {}
        }
    }

    /// Returns the time between two snapshots, or `None` if nothing is shown.
    #[must_use]
    pub const fn every(&self) -> Option<Duration> {
        self.look.every()
    }

    /// Removes the bar.
    pub fn end(&self) {
        self.screen.clear();
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::Scope;
    use crate::rules::course::Brake;

    fn snapshot(done: u64, requests: u64) -> RunSnapshot {
        RunSnapshot {
            done,
            replayed: 0,
            started: done,
            already_started: 0,
            bad: 0,
            already: AlreadyStarted::Ok,
            pending: 0,
            waiting: 4,
            in_flight: 2,
            requests,
            pause: None,
            room: Room::Free,
        }
    }

    fn told(rows: Option<u64>, snapshot: &RunSnapshot, estimate: &Estimate) -> String {
        ProgressGoal { rows, wanted: "20/s".parse().unwrap() }.told(snapshot, estimate)
    }

    #[test]
    fn a_line_tells_rates_what_is_left_and_whether_it_fits() {
        let estimate = Estimate {
            achieved: Some(19.53),
            left: Some(Duration::from_secs(12)),
            ..Estimate::default()
        };
        for (fit, told_fit) in [
            (None, ""),
            (Some(Fit::Fits), ", fits"),
            (Some(Fit::Leaves(100)), ", does not fit: about 100 rows will be left"),
        ] {
            assert_eq!(
                told(Some(400), &snapshot(190, 195), &Estimate { fit, ..estimate }),
                format!(
                    "190 of 400 rows: 190 started, 0 bad; 19.5/s of 20/s, 12 s left{told_fit}; \
                     2 in flight, 4 waiting"
                )
            );
        }
    }

    #[test]
    fn a_wait_before_the_launch_says_when_it_begins_and_is_seldom_told() {
        let wait = Duration::from_mins(3);
        let left = Some(Duration::from_mins(4));
        let estimate = Estimate { begins_in: Some(wait), left, ..Estimate::default() };
        assert_eq!(
            told(Some(9), &snapshot(0, 0), &Estimate { fit: Some(Fit::Fits), ..estimate }),
            "0 of 9 rows: 0 started, 0 bad; begins in 3 min, 4 min left, fits"
        );
        let all = (0..86_400).step_by(10).map(|left| Duration::from_millis(left * 1000 + 137));
        let lines = |from: u64| {
            all.clone().filter(|wait| wait.as_secs() >= from).filter(|wait| is_told(*wait)).count()
        };
        assert_eq!((lines(3600), lines(600), lines(0)), (23, 23 + 5, 23 + 5 + 10));
    }

    #[test]
    fn what_somebody_else_started_and_what_is_still_to_be_done_stand_apart() {
        use AlreadyStarted::{Fail, Ok};
        for (already_started, bad, already, pending, counts) in [
            (0, 0, Ok, 0, "20 started, 0 bad"),
            (0, 3, Fail, 0, "20 started, 3 bad"),
            (580, 3, Ok, 0, "20 started, 580 already started, 3 bad"),
            (580, 583, Fail, 0, "20 started, 583 bad, 580 of them already started"),
            (0, 0, Ok, 580, "20 started, 0 bad, 580 pending"),
            (7, 1, Ok, 2, "20 started, 7 already started, 1 bad, 2 pending"),
        ] {
            let done = RunSnapshot { already_started, bad, already, pending, ..snapshot(20, 20) };
            assert_eq!(done.counts(), counts);
        }
    }

    #[test]
    fn large_numbers_stand_in_groups_and_a_single_row_is_one() {
        let large = RunSnapshot { pending: 1_500, waiting: 9_984, ..snapshot(12_000, 12_000) };
        assert_eq!(
            told(Some(1_000_000), &large, &Estimate::default()),
            "12,000 of 1,000,000 rows: 12,000 started, 0 bad, 1,500 pending; at 20/s; \
             2 in flight, 9,984 waiting"
        );
        let one = told(Some(1), &snapshot(1, 1), &Estimate::default());
        assert!(one.starts_with("1 of 1 row: 1 started"), "{one}");
    }

    #[test]
    fn a_pause_says_whose_and_how_long() {
        let business = Business { scope: Scope::CmdbBiz, id: "3".parse().unwrap() };
        for (who, text) in [
            (PauseReason::Businesses(1, business), "business 3 throttled for 12 s"),
            (PauseReason::Businesses(4, business), "4 businesses throttled, business 3 for 12 s"),
            (PauseReason::Everyone, "all throttled for 12 s"),
            (
                PauseReason::Outage("nginx answers 502 for bk-sops".into()),
                "nginx answers 502 for bk-sops; next attempt in 12 s",
            ),
        ] {
            assert_eq!(Pause { who, left: Duration::from_millis(11_200) }.text(), text);
        }
    }

    #[test]
    fn a_limit_that_slows_is_named() {
        let slowed_by = Some(Brake::MaxFailures(3));
        let estimate = Estimate { achieved: Some(4.2), slowed_by, ..Estimate::default() };
        assert_eq!(
            told(Some(9), &snapshot(5, 5), &estimate),
            "5 of 9 rows: 5 started, 0 bad; 4.2/s of 20/s; slowed by --max-failures: 3 rows at a \
             time; 2 in flight, 4 waiting"
        );
    }

    #[test]
    fn when_all_of_the_lookahead_waits_the_flag_is_named() {
        let full = RunSnapshot { room: Room::AllWait, ..snapshot(5, 5) };
        assert!(
            told(None, &full, &Estimate::default())
                .contains("all rows of --lookahead wait: a larger")
        );
    }

    #[test]
    fn a_stream_has_no_end_to_be_waited_for() {
        assert_eq!(
            told(None, &snapshot(5, 5), &Estimate::default()),
            "5 rows: 5 started, 0 bad; at 20/s; 2 in flight, 4 waiting"
        );
    }
}
