//! What a running launch shows: a bar on a terminal, else a line now and then.
//!
//! It is told how things stand, and draws that; it counts nothing itself. Lines
//! that others write to standard error go [`aside`], so that no bar is torn.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::rate::Rate;
use crate::task::Business;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A bar that is drawn anew all the time.
    Bar,
    /// A line every ten seconds.
    Plain,
    /// Nothing.
    None,
}

impl Look {
    /// How often it wants to be told.
    #[must_use]
    pub const fn every(self) -> Option<Duration> {
        match self {
            Self::Bar => Some(Duration::from_millis(100)),
            Self::Plain => Some(Duration::from_secs(10)),
            Self::None => None,
        }
    }
}

/// How things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Rows that have their last word, or were passed over.
    pub done: u64,
    /// Those of them that earlier sessions settled.
    pub replayed: u64,
    /// Those of them that ended good.
    pub good: u64,
    /// Those of them that ended bad.
    pub bad: u64,
    /// Rows that are open and not in flight.
    pub waiting: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// The pause that is kept, if one is.
    pub pause: Option<Pause>,
    /// Whether more rows could be opened.
    pub room: Room,
}

/// Whether more rows could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// They could.
    Free,
    /// As many as `--lookahead` allows are open, and all of them wait.
    AllWait,
}

/// A pause that somebody is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Who, and why.
    pub who: Held,
    /// For how long yet.
    pub left: Duration,
}

/// Who is held, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// So many businesses, of which this one is held longest: their starts are used up.
    Businesses(u64, Business),
    /// Everyone: the app's requests are used up.
    Everyone,
    /// Everyone: the server does not answer.
    Outage,
}

impl Pause {
    fn text(&self) -> String {
        let left = seconds(self.left);
        match self.who {
            Held::Businesses(1, business) => format!("{business} throttled, {left} s"),
            Held::Businesses(count, business) => {
                format!("{count} businesses throttled, {business} for {left} s")
            }
            Held::Everyone => format!("all throttled, {left} s"),
            Held::Outage => format!("no answer, next probe in {left} s"),
        }
    }
}

/// Shows how a launch goes.
pub struct Progress {
    look: Look,
    rows: Option<u64>,
    wanted: Rate,
    bar: ProgressBar,
    /// The requests of the last seconds, for the rate that is achieved.
    recent: VecDeque<(Instant, u64)>,
    began: Instant,
    /// No new row is sent from this moment on.
    last_row: Option<Instant>,
}

/// The rate that is achieved is that of so long.
const RECENT: Duration = Duration::from_secs(5);

impl Progress {
    /// Begins to show a launch of `rows` rows, if that is known.
    #[must_use]
    pub fn begin(look: Look, rows: Option<u64>, wanted: Rate, now: Instant) -> Self {
        let target = match look {
            Look::Bar => ProgressDrawTarget::stderr(),
            Look::Plain | Look::None => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(rows, target);
        let template = match rows {
            Some(_) => "{wide_bar} {pos}/{len}\n{wide_msg}",
            None => "{spinner} {pos} rows\n{wide_msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        if look == Look::Bar {
            *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        }
        Self { look, rows, wanted, bar, recent: VecDeque::new(), began: now, last_row: None }
    }

    /// The same, which foresees whether all is done before `last_row`.
    #[must_use]
    pub fn until(self, last_row: Option<Instant>) -> Self {
        Self { last_row, ..self }
    }

    /// Shows how things stand.
    pub fn show(&mut self, standing: &Standing, now: Instant) {
        if let Some(line) = self.drawn(standing, now) {
            // Whoever closed standard error does not want to know.
            drop(writeln!(io::stderr(), "{line}"));
        }
    }

    /// How often it wants to be told.
    #[must_use]
    pub const fn every(&self) -> Option<Duration> {
        self.look.every()
    }

    /// Draws the bar; for a plain look, gives the line to write.
    fn drawn(&mut self, standing: &Standing, now: Instant) -> Option<String> {
        self.recent.push_back((now, standing.requests));
        while self.recent.len() > 2 && now - self.recent[1].0 >= RECENT {
            self.recent.pop_front();
        }
        let line = self.line(standing, now);
        match self.look {
            Look::Bar => {
                self.bar.set_position(standing.done);
                self.bar.set_message(line);
                if self.rows.is_none() {
                    self.bar.tick();
                }
                None
            }
            Look::Plain => {
                let of = self.rows.map_or_else(String::new, |rows| format!(" of {rows}"));
                Some(format!("{}{of} rows: {line}", standing.done))
            }
            Look::None => None,
        }
    }

    /// The most important first: a narrow terminal cuts off the rest.
    fn line(&self, standing: &Standing, now: Instant) -> String {
        let Standing { good, bad, waiting, in_flight, .. } = standing;
        let mut line = format!("{good} good, {bad} bad");
        if let Some(pause) = &standing.pause {
            let _ = write!(line, "; {}", pause.text());
        }
        if standing.room == Room::AllWait {
            line.push_str("; all rows of --lookahead wait, a larger one may go on");
        }
        let _ = write!(line, "; {:.1}/s of {}", self.achieved(), self.wanted);
        if let Some(left) = self.left(standing, now) {
            let _ = write!(line, ", {} left", roughly(left));
            line.push_str(&self.fit(standing, left, now));
        }
        let _ = write!(line, "; {in_flight} in flight, {waiting} waiting");
        line
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is shown with one digit after the point"
    )]
    fn achieved(&self) -> f64 {
        match (self.recent.front(), self.recent.back()) {
            (Some((first, before)), Some((last, after))) if last > first => {
                (after - before) as f64 / (*last - *first).as_secs_f64()
            }
            _ => 0.0,
        }
    }

    /// Whether the rest fits into the window, if it goes on as it went so far.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rows are foreseen roughly"
    )]
    fn fit(&self, standing: &Standing, left: Duration, now: Instant) -> String {
        let (Some(last_row), Some(rows)) = (self.last_row, self.rows) else { return String::new() };
        let room = last_row.saturating_duration_since(now);
        if left <= room {
            return ", fits".into();
        }
        let rows = rows.saturating_sub(standing.done) as f64;
        let share = 1.0 - room.as_secs_f64() / left.as_secs_f64();
        format!(", does not fit: about {} rows will be left", (rows * share).ceil() as u64)
    }

    /// How long it will take yet, if it goes on as it went so far.
    #[expect(clippy::cast_precision_loss, reason = "a time is shown in seconds")]
    fn left(&self, standing: &Standing, now: Instant) -> Option<Duration> {
        let rows = self.rows?.checked_sub(standing.done)?;
        let now_done = standing.done.checked_sub(standing.replayed).filter(|done| *done > 0)?;
        let so_far = (now - self.began).as_secs_f64();
        Duration::try_from_secs_f64(so_far * rows as f64 / now_done as f64).ok()
    }

    /// Takes the bar away.
    pub fn end(self) {
        self.bar.finish_and_clear();
        *BAR.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The bar that is drawn, for those who write beside it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Does something to standard error while no bar stands there.
pub fn aside<T>(write: impl FnOnce() -> T) -> T {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn roughly(time: Duration) -> String {
    match seconds(time) {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds @ 100..6000 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Scope;

    fn standing(done: u64, requests: u64) -> Standing {
        Standing {
            done,
            replayed: 0,
            good: done,
            bad: 0,
            waiting: 4,
            in_flight: 2,
            requests,
            pause: None,
            room: Room::Free,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_tells_rates_and_what_is_left() {
        let begin = Instant::now();
        let rate = "20/s".parse().unwrap();
        let mut progress = Progress::begin(Look::Plain, Some(400), rate, begin);
        progress.drawn(&standing(0, 0), begin);
        let now = begin + Duration::from_secs(10);
        assert_eq!(
            progress.drawn(&standing(190, 195), now).unwrap(),
            "190 of 400 rows: 190 good, 0 bad; 19.5/s of 20/s, 12 s left; 2 in flight, 4 waiting"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_earlier_sessions_settled_says_nothing_about_the_time_that_is_left() {
        let begin = Instant::now();
        let mut progress = Progress::begin(Look::Plain, Some(400), Rate::Unlimited, begin);
        let resumed = Standing { replayed: 200, ..standing(300, 100) };
        let line = progress.drawn(&resumed, begin + Duration::from_secs(10)).unwrap();
        assert!(line.contains("10 s left"), "{line}");
    }

    #[tokio::test(start_paused = true)]
    async fn whether_it_fits_is_foreseen_by_what_is_achieved() {
        let begin = Instant::now();
        for (window, told) in
            [(30, "10 s left, fits"), (15, "10 s left, does not fit: about 100 rows will be left")]
        {
            let last_row = Some(begin + Duration::from_secs(window));
            let progress = Progress::begin(Look::Plain, Some(400), Rate::Unlimited, begin);
            let mut progress = progress.until(last_row);
            let line =
                progress.drawn(&standing(200, 200), begin + Duration::from_secs(10)).unwrap();
            assert!(line.contains(told), "{line}");
        }
    }

    #[test]
    fn a_pause_says_whose_and_how_long() {
        let business = Business { scope: Scope::CmdbBiz, id: "3".parse().unwrap() };
        for (who, text) in [
            (Held::Businesses(1, business), "business 3 throttled, 12 s"),
            (Held::Businesses(4, business), "4 businesses throttled, business 3 for 12 s"),
            (Held::Everyone, "all throttled, 12 s"),
            (Held::Outage, "no answer, next probe in 12 s"),
        ] {
            assert_eq!(Pause { who, left: Duration::from_millis(11_200) }.text(), text);
        }
    }

    #[test]
    fn when_all_of_the_lookahead_waits_the_flag_is_named() {
        let now = Instant::now();
        let mut progress = Progress::begin(Look::Plain, None, Rate::Unlimited, now);
        let full = Standing { room: Room::AllWait, ..standing(5, 5) };
        assert!(progress.drawn(&full, now).unwrap().contains("all rows of --lookahead wait"));
    }

    #[test]
    fn a_stream_has_no_end_to_be_waited_for() {
        let now = Instant::now();
        let mut progress = Progress::begin(Look::Plain, None, Rate::Unlimited, now);
        let line = progress.drawn(&standing(5, 5), now).unwrap();
        assert_eq!(line, "5 rows: 5 good, 0 bad; 0.0/s of unlimited; 2 in flight, 4 waiting");
    }
}
