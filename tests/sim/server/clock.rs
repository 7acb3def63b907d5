//! The server's clock, by which it dates its answers and the starts of tasks.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};

use super::{At, TRUE_START};

/// Hours by which the server's zone is ahead of UTC.
const ZONE: i8 = 8;

/// A clock that is ahead of the true time or behind it, and jumps.
#[derive(Clone, Debug)]
pub struct ServerClock {
    ahead: i64,
    jumps: Vec<(At, i64)>,
    last_date: (i64, String),
}

impl ServerClock {
    pub fn new(ahead: i64) -> Self {
        Self { ahead, jumps: Vec::new(), last_date: (i64::MIN, String::new()) }
    }

    /// Lets the clock jump by so many seconds at `at`, which may lie ahead.
    pub fn jump(&mut self, at: At, seconds: i64) {
        self.jumps.push((at, seconds));
    }

    /// Unix second that the clock shows at `at`.
    pub fn second(&self, at: At) -> i64 {
        let jumps = self.jumps.iter().filter(|(when, _)| *when <= at);
        let passed = i64::try_from(at.as_secs()).unwrap_or(i64::MAX / 2);
        TRUE_START + passed + self.ahead + jumps.map(|(_, seconds)| seconds).sum::<i64>()
    }

    /// Returns the header `Date` of an answer that leaves at `at`.
    pub fn date(&mut self, at: At) -> String {
        let second = self.second(at);
        if self.last_date.0 != second {
            let since = Duration::from_secs(second.try_into().unwrap_or(0));
            let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since);
            self.last_date = (second, date);
        }
        self.last_date.1.clone()
    }
}

/// Returns a second as bk-sops writes it, such as `2026-11-24 11:16:07 +0800`.
pub fn local(second: i64) -> String {
    let zone = TimeZone::fixed(offset(ZONE));
    let time = Timestamp::from_second(second).unwrap_or_default().to_zoned_datetime(zone);
    time.strftime("%Y-%m-%d %H:%M:%S %z").to_string()
}
