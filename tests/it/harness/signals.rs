//! Signals: sent by tests, and at their defaults in the programs that tests start.

use std::process::Command;
use std::sync::Once;

use nix::sys::signal::{SigSet, Signal};
use tokio::signal::unix::SignalKind;

/// Signals that tests send to the program, or that would keep it from ending.
const SIGNALS: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// Makes the program start with default signals, however the tests were started.
///
/// A script that runs the tests in the background has SIGINT and SIGQUIT ignored, `nohup` SIGHUP,
/// and a child inherits that. A signal that is caught is reset to its default in a new program, so
/// the ignored ones are caught here; to this process they mean as little as before.
pub fn with_default_signals() {
    static CAUGHT: Once = Once::new();
    CAUGHT.call_once(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        for signal in
            SIGNALS.into_iter().filter(|signal| has(std::process::id(), "SigIgn", *signal))
        {
            // The handler stays when the stream is gone.
            drop(tokio::signal::unix::signal(SignalKind::from_raw(signal as i32)).unwrap());
        }
    });
    // A new program has the mask of the thread that starts it.
    let signals: SigSet = SIGNALS.into_iter().collect();
    signals.thread_unblock().unwrap();
}

/// Whether `signal` is in the mask of a process that is called `name` in its `/proc/PID/status`.
pub fn has(pid: u32, name: &str, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal as u32 - 1)) != 0
}

pub fn signal(pid: u32, name: &str) {
    let pid = pid.to_string();
    let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
    assert!(sent.success(), "kill -{name} {pid}");
}
