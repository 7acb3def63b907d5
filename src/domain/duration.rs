//! Durations in people's words.

use std::time::Duration;

/// Formats `time` in whole units, rounded up, with a count of at least two: `75 s`, `3 min`,
/// `2 h 1 min`.
pub(crate) fn roughly(time: Duration) -> String {
    match time.as_secs() + u64::from(time.subsec_nanos() > 0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Formats a `time` that may be short: `32 ms`, `1.4 s`, and from two minutes on as [`roughly`].
pub(crate) fn briefly(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..120 => format!("{:.1} s", time.as_secs_f64()),
        _ => roughly(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_are_told_in_milliseconds() {
        for (millis, told) in
            [(0, "0 ms"), (32, "32 ms"), (999, "999 ms"), (1400, "1.4 s"), (150_000, "3 min")]
        {
            assert_eq!(briefly(Duration::from_millis(millis)), told);
        }
    }

    #[test]
    fn times_are_told_roughly() {
        for (seconds, told) in [
            (0.0, "0 s"),
            (0.2, "1 s"),
            (75.0, "75 s"),
            (119.0, "119 s"),
            (120.0, "2 min"),
            (121.0, "3 min"),
            (7199.0, "120 min"),
            (7260.0, "2 h 1 min"),
        ] {
            assert_eq!(roughly(Duration::from_secs_f64(seconds)), told);
        }
    }
}
