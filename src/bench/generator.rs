//! Watches the generator of the load: whether the figures are the server's, or its own.

use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::domain::count::Digits;

/// CPU time that this thread had used at some moment.
pub(super) struct ThreadCpuTime(Duration);

impl ThreadCpuTime {
    pub(super) fn now() -> Self {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Self(Duration::new(seconds, nanos))
    }

    /// Returns the CPU time since then as a share of one core; `began` is the time of
    /// [`now`](Self::now).
    pub(super) fn share_since(self, began: Instant) -> f64 {
        let used = Self::now().0.saturating_sub(self.0);
        used.as_secs_f64() / began.elapsed().as_secs_f64().max(1e-9)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct GeneratorHealth {
    /// Sends that were more than 10 ms after their due time.
    pub late: u64,
    pub sent: u64,
    /// Time during which at least one request was due and not yet sent.
    pub waited: Duration,
    /// Requests that failed because this machine had no file or port for them.
    pub own_failures: u64,
    /// Share of one core.
    pub cpu: f64,
    /// Maximum number of files open at a time.
    pub files: u64,
    pub file_limit: Option<u64>,
    /// Number of local ports for connections to one address.
    pub ports: Option<u64>,
}

/// Delay after the due time from which a send is late.
pub(super) const LATE_THRESHOLD: Duration = Duration::from_millis(10);

/// Share of late sends above which the generator is the bottleneck.
const MAX_LATE_SHARE: f64 = 0.01;

/// Minimum number of late sends for a bottleneck. One of three sends is a large share, but every
/// machine pauses now and then.
const MIN_LATE: u64 = 3;

impl GeneratorHealth {
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share is told with few digits")]
    pub(crate) fn late_share(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { self.late as f64 / self.sent as f64 }
    }

    /// Returns why the figures are the generator's and not the server's, if they are.
    #[must_use]
    pub(crate) fn bottleneck(&self) -> Option<String> {
        if self.own_failures > 0 {
            let unsent = Digits::Plain.counted(self.own_failures, "request was", "requests were");
            return Some(format!("this machine ran out of files or ports ({unsent} never sent)"));
        }
        let is_bottleneck = self.late >= MIN_LATE && self.late_share() > MAX_LATE_SHARE;
        is_bottleneck.then(|| {
            format!("this machine was too busy ({} of {} sends late)", self.late, self.sent)
        })
    }
}

/// Whether a request failed because this machine had no file (24) or port (99) for it.
pub(super) fn is_own_failure(message: &str) -> bool {
    message.ends_with("(os error 24)") || message.ends_with("(os error 99)")
}

pub(super) fn open_files() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64)
}

pub(super) fn file_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Raises the limit of open files as far as the system lets this process.
pub(crate) fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If the limit stays, the figures show it.
    let _ = setrlimit(Resource::Nofile, limit);
}

pub(super) fn ports() -> Option<u64> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut bounds = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    Some(last.saturating_sub(first) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_percent_of_late_sends_is_a_bottleneck_if_they_are_not_just_one_or_two() {
        for (late, sent, own_failures, is_one) in [
            (0, 1_000, 0, false),
            (10, 1_000, 0, false),
            (11, 1_000, 0, true),
            (0, 1_000, 1, true),
            (1, 3, 0, false),
            (2, 3, 0, false),
            (3, 3, 0, true),
            (2, 100, 0, false),
            (3, 100, 0, true),
            (3, 300, 0, false),
            (3, 299, 0, true),
            (0, 0, 0, false),
        ] {
            let health = GeneratorHealth { late, sent, own_failures, ..GeneratorHealth::default() };
            let why = format!("{late} of {sent} late, {own_failures}");
            assert_eq!(health.bottleneck().is_some(), is_one, "{why}");
        }
        let busy = GeneratorHealth { late: 3, sent: 96, ..GeneratorHealth::default() };
        let why = busy.bottleneck().unwrap();
        assert_eq!(why, "this machine was too busy (3 of 96 sends late)");
        assert!(is_own_failure("no connection: Too many open files (os error 24)"));
        assert!(!is_own_failure("no connection: Connection refused (os error 111)"));
    }

    #[test]
    fn this_machine_has_files_and_ports() {
        assert!(open_files() > 2 && file_limit().is_none_or(|limit| limit > 2));
        assert!(ports().is_none_or(|ports| ports > 100));
        let before = ThreadCpuTime::now();
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(20) {}
        // Others may have the core most of the time.
        let share = before.share_since(began);
        assert!(share > 0.0 && share < 1.1, "{share}");
    }
}
