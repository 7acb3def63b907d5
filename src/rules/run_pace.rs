//! Pace of a session, as its journal tells, and the end that it foresees.

use std::time::Duration;

use jiff::Timestamp;

/// Minimum time over which a rate says anything.
const MIN_TIME: Duration = Duration::from_secs(1);

/// Minimum number of rows of which a rate says anything.
const MIN_ROWS: u64 = 2;

/// When a run will be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// Ends at about this moment.
    Fits(Timestamp),
    /// Leaves about this many rows.
    Leaves(u64),
}

/// Rows that were settled in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunPace {
    pub rows: u64,
    pub from: Timestamp,
    pub to: Timestamp,
}

impl RunPace {
    fn time(&self) -> Duration {
        Duration::try_from(self.from.duration_until(self.to)).unwrap_or_default()
    }

    /// Whether there is enough of it for a rate.
    fn is_enough(&self) -> bool {
        self.rows >= MIN_ROWS && self.time() >= MIN_TIME
    }

    /// Returns rows per second; `None` if time or rows are too few to say so.
    #[expect(clippy::cast_precision_loss, reason = "a rate is told with one digit after the point")]
    pub(crate) fn per_second(&self) -> Option<f64> {
        self.is_enough().then(|| self.rows as f64 / self.time().as_secs_f64())
    }

    /// Forecasts a session that goes on like that with `left` rows, and sends no new row from
    /// `last_row` on.
    pub(crate) fn forecast(&self, left: u64, last_row: Option<Timestamp>) -> Option<RunEnd> {
        let rows = u32::try_from(self.rows).ok().filter(|_| self.is_enough())?;
        fit(left, self.time() / rows, self.to, last_row)
    }
}

/// Forecasts a launch of `rows` rows that takes `each` per row and begins at `start`, if no new row
/// is sent from `last` on.
#[must_use]
pub(crate) fn fit(
    rows: u64,
    each: Duration,
    start: Timestamp,
    last: Option<Timestamp>,
) -> Option<RunEnd> {
    let nanos = u64::try_from(each.as_nanos()).ok()?;
    let needed = Duration::from_nanos(nanos.saturating_mul(rows));
    let done = start.checked_add(needed).ok();
    let Some(last) = last else { return done.map(RunEnd::Fits) };
    match done {
        Some(done) if done <= last => Some(RunEnd::Fits(done)),
        _ => {
            let room = Duration::try_from(start.duration_until(last)).unwrap_or_default();
            let fitting = u64::try_from(room.as_nanos() / u128::from(nanos.max(1))).ok()?;
            Some(RunEnd::Leaves(rows.saturating_sub(fitting).max(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_and_an_end_need_a_second_and_two_rows() {
        let from: Timestamp = "2026-12-01T22:00:00Z".parse().unwrap();
        let after = |millis: u64| from.checked_add(Duration::from_millis(millis)).unwrap();
        let ends = |millis| Some(RunEnd::Fits(after(millis)));
        for (rows, millis, left, last, rate, end) in [
            (200, 10_000, 100, None, Some(20.0), ends(15_000)),
            (200, 10_000, 100, Some(15_000), Some(20.0), ends(15_000)),
            (200, 10_000, 100, Some(12_000), Some(20.0), Some(RunEnd::Leaves(60))),
            (200, 10_000, 100, Some(9_000), Some(20.0), Some(RunEnd::Leaves(100))),
            (200, 10_000, 0, None, Some(20.0), ends(10_000)),
            (1, 10_000, 9, None, None, None),
            (3, 100, 9, None, None, None),
            (0, 0, 9, None, None, None),
        ] {
            let pace = RunPace { rows, from, to: after(millis) };
            let found = (pace.per_second(), pace.forecast(left, last.map(after)));
            assert_eq!(found, (rate, end), "{rows} rows in {millis} ms, {left} left, {last:?}");
        }
    }
}
