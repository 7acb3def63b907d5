//! The window in which requests may leave. It goes by the wall clock, which may step; so that
//! clock is read again and again, beside the clock that timers go by.

use std::pin::pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::domain::clocks::{Clocks, Reading};
use crate::shutdown::{Shutdown, StopReason};

/// Window in which requests may leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendWindow {
    /// Moment from which requests may leave.
    pub start: Option<Timestamp>,
    /// Moment from which no row leaves that was never sent.
    pub last_row: Option<Deadline>,
    /// Moment from which no request leaves.
    pub stop: Option<Deadline>,
}

/// Moment at which something is over, as soon as either clock says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Moment by the wall clock.
    pub wall: Timestamp,
    /// Moment by the clock that timers go by.
    pub at: Instant,
}

impl Deadline {
    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self, now: Instant, wall: Timestamp) -> bool {
        now >= self.at || wall >= self.wall
    }

    /// Returns the time until it is over by either clock, if neither steps.
    fn left(&self, now: Instant, wall: Timestamp) -> Duration {
        let by_wall = Duration::try_from(wall.duration_until(self.wall)).unwrap_or_default();
        by_wall.min(self.at.saturating_duration_since(now))
    }
}

/// Maximum time between two looks at the wall clock.
const MAX_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Minimum step of the wall clock that is told: clocks are corrected all the time.
const STEP_THRESHOLD: SignedDuration = SignedDuration::from_secs(2);

impl SendWindow {
    /// Waits until requests may leave by the wall clock, or the run stops.
    pub async fn begin(&self, clocks: &dyn Clocks, shutdown: &Shutdown) {
        let Some(start) = self.start else { return };
        loop {
            let left = clocks.read().wall.duration_until(start);
            let Ok(left) = Duration::try_from(left) else { return };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                () = shutdown.draining() => return,
                () = sleep(left.min(MAX_LOOK_INTERVAL)) => {}
            }
        }
    }

    /// Whether the window ends, for new rows or for all requests.
    #[must_use]
    pub const fn has_end(&self) -> bool {
        self.last_row.is_some() || self.stop.is_some()
    }

    /// Closes what is over.
    pub fn close(self, now: Instant, wall: Timestamp, shutdown: &Shutdown) {
        let is_over = |end: Option<Deadline>| end.is_some_and(|end| end.is_over(now, wall));
        if is_over(self.stop) {
            shutdown.drain(StopReason::Window);
        } else if is_over(self.last_row) {
            shutdown.refuse_new_rows(StopReason::Window);
        }
    }

    /// Closes in time what is over, and tells steps of the wall clock, until `over`. Then it
    /// looks once more, so that a step that ended the launch is told too.
    pub async fn keep(
        self,
        clocks: &dyn Clocks,
        shutdown: &Shutdown,
        over: impl Future<Output = ()>,
    ) {
        let mut over = pin!(over);
        let mut looked = look(clocks);
        loop {
            let next = self.close_what_is_over(looked, shutdown);
            tokio::select! {
                biased;
                () = &mut over => break,
                () = sleep(next) => {}
            }
            looked = look_for_a_step(looked, clocks);
        }
        look_for_a_step(looked, clocks);
    }

    /// Closes what is over, and returns the time until the next look.
    fn close_what_is_over(self, (now, read): ClockLook, shutdown: &Shutdown) -> Duration {
        self.close(now, read.wall, shutdown);
        let ends = [self.last_row, self.stop].into_iter().flatten();
        let ahead = ends.filter(|end| !end.is_over(now, read.wall));
        let next = ahead.map(|end| end.left(now, read.wall)).min();
        next.unwrap_or(MAX_LOOK_INTERVAL).min(MAX_LOOK_INTERVAL)
    }
}

/// All clocks at one moment: the one that timers go by, and the machine's.
type ClockLook = (Instant, Reading);

fn look(clocks: &dyn Clocks) -> ClockLook {
    (Instant::now(), clocks.read())
}

/// Looks at the clocks again, and tells a step of the wall clock since the look `before`.
fn look_for_a_step(before: ClockLook, clocks: &dyn Clocks) -> ClockLook {
    let looked = look(clocks);
    if let Some(step) = step((looked.0 - before.0, before.1), &looked.1) {
        warn!("{step}");
    }
    looked
}

/// Describes a step of the wall clock, or a sleep of the machine, while `passed` went by on the
/// clock of timers since the reading `before`.
fn step((passed, before): (Duration, Reading), read: &Reading) -> Option<String> {
    let passed = SignedDuration::try_from(passed).ok()?;
    let slept = read.since_boot - before.since_boot - passed;
    let stepped = before.wall.duration_until(read.wall) - passed - slept;
    let effect = "a window follows the wall clock";
    if stepped.abs() >= STEP_THRESHOLD {
        let way = if stepped.is_positive() { "ahead" } else { "back" };
        let seconds = whole_seconds(stepped.abs());
        return Some(format!("the wall clock was put {way} by {seconds} s; {effect}"));
    }
    (slept >= STEP_THRESHOLD)
        .then(|| format!("the machine slept for {} s; {effect}", whole_seconds(slept)))
}

fn whole_seconds(time: SignedDuration) -> i64 {
    (time + SignedDuration::from_millis(500)).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clocks::Boot;
    use std::future::pending;
    use std::io;
    use std::sync::{Arc, Mutex};

    /// Clocks that go on with paused time, and can be put ahead or back.
    struct Stepping {
        began: Instant,
        step: Mutex<SignedDuration>,
    }

    impl Stepping {
        fn new() -> Self {
            Self { began: Instant::now(), step: Mutex::default() }
        }

        fn put(&self, seconds: i64) {
            *self.step.lock().unwrap() += SignedDuration::from_secs(seconds);
        }
    }

    impl Clocks for Stepping {
        fn read(&self) -> Reading {
            let since_boot = SignedDuration::try_from(self.began.elapsed()).unwrap();
            let wall = wall(0) + since_boot + *self.step.lock().unwrap();
            Reading { wall, since_boot, boot: Boot(1) }
        }
    }

    fn wall(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    fn deadline(clocks: &Stepping, seconds: i64) -> Deadline {
        let at = clocks.began + Duration::from_secs(seconds.unsigned_abs());
        Deadline { wall: wall(seconds), at }
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_begins_once_the_wall_clock_says_so() {
        for (step, begins) in [(0, 60), (50, 11), (-50, 110), (100, 6)] {
            let (clocks, shutdown) = (Stepping::new(), Shutdown::default());
            let times = SendWindow { start: Some(wall(60)), ..SendWindow::default() };
            let stepping = async {
                sleep(Duration::from_millis(5500)).await;
                clocks.put(step);
            };
            tokio::join!(times.begin(&clocks, &shutdown), stepping);
            let waited = clocks.began.elapsed().as_secs();
            assert!(waited.abs_diff(begins) <= 1, "put by {step} s: it waited for {waited} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_is_over_as_soon_as_either_clock_says_so() {
        for (step, no_new, over) in [(0, 50, 60), (30, 20, 30), (-300, 50, 60), (55, 6, 6)] {
            let (clocks, shutdown) = (Stepping::new(), Shutdown::default());
            let (last_row, stop) = (Some(deadline(&clocks, 50)), Some(deadline(&clocks, 60)));
            let times = SendWindow { start: None, last_row, stop };
            let stepping = async {
                sleep(Duration::from_millis(5500)).await;
                clocks.put(step);
                pending::<()>().await;
            };
            let stops = async {
                shutdown.no_new_rows().await;
                let no_new = clocks.began.elapsed().as_secs();
                shutdown.draining().await;
                (no_new, clocks.began.elapsed().as_secs())
            };
            let found = tokio::select! {
                biased;
                found = stops => found,
                () = times.keep(&clocks, &shutdown, pending()) => unreachable!("it goes on"),
                () = stepping => unreachable!("it goes on"),
            };
            assert!(found.0.abs_diff(no_new) <= 1, "put by {step} s: {found:?}");
            assert!(found.1.abs_diff(over) <= 1, "put by {step} s: {found:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_by_either_clock_is_closed() {
        let clocks = Stepping::new();
        let (last_row, stop) = (Some(deadline(&clocks, 50)), Some(deadline(&clocks, 60)));
        // Seconds by the clock of timers and by the wall clock; no new rows, and none at all.
        for (now, shows, no_new, none) in [
            (49, 49, false, false),
            (50, 49, true, false),
            (49, 50, true, false),
            (59, 59, true, false),
            (60, 10, true, true),
            (10, 60, true, true),
        ] {
            let shutdown = Shutdown::default();
            let times = SendWindow { start: None, last_row, stop };
            times.close(clocks.began + Duration::from_secs(now), wall(shows), &shutdown);
            let closed = (!shutdown.takes_new_rows(), shutdown.is_draining());
            assert_eq!(closed, (no_new, none), "{now} s, and {shows} s");
            assert_eq!(shutdown.stop_reason(), no_new.then_some(StopReason::Window));
        }
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Keeps a window while its clock is put ahead, back, and hardly at all.
    async fn put_clocks() {
        let (clocks, shutdown) = (Stepping::new(), Shutdown::default());
        let stepping = async {
            for seconds in [300, -60, 1] {
                sleep(Duration::from_secs(10)).await;
                clocks.put(seconds);
            }
            sleep(Duration::from_secs(10)).await;
        };
        tokio::select! {
            biased;
            () = SendWindow::default().keep(&clocks, &shutdown, pending()) => unreachable!("it goes on"),
            () = stepping => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_step_is_told_once_while_the_run_goes_on() {
        let written = Log::default();
        let log = written.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || log.clone()).finish();
        // While there is but one subscriber, tracing asks that of the thread that first gives a
        // warning, which may be another test's, and caches that nobody listens.
        let _second =
            tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
        let _told = tracing::subscriber::set_default(subscriber);
        put_clocks().await;
        tracing::callsite::rebuild_interest_cache();
        written.0.lock().unwrap().clear();
        put_clocks().await;
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let told: Vec<_> = text.lines().collect();
        assert_eq!(told.len(), 2, "{text}");
        assert!(told[0].contains("WARN") && told[0].contains("put ahead by 300 s"), "{text}");
        assert!(told[1].contains("WARN") && told[1].contains("put back by 60 s"), "{text}");
    }

    #[test]
    fn a_step_is_told_and_so_is_sleep() {
        let before = Reading { wall: wall(0), since_boot: SignedDuration::ZERO, boot: Boot(1) };
        for (wall_after, since_boot, told) in [
            (1, 1, None),
            (2, 1, None),
            (3601, 1, Some("the wall clock was put ahead by 3600 s; ")),
            (-59, 1, Some("the wall clock was put back by 60 s; ")),
            (301, 301, Some("the machine slept for 300 s; ")),
        ] {
            let since_boot = SignedDuration::from_secs(since_boot);
            let read = Reading { wall: wall(wall_after), since_boot, boot: Boot(1) };
            let step = step((Duration::from_secs(1), before), &read);
            assert_eq!(step.is_some(), told.is_some(), "{step:?}");
            assert!(told.is_none_or(|told| step.unwrap().starts_with(told)));
        }
    }
}
