//! Messages when a signal stops a session: at the first one, and at the second.

use std::time::Duration;

use super::count::many;
use crate::shutdown::Signal;

/// Says what a session that stops waits for, and for how long at most.
pub(crate) fn waiting(in_flight: u64, timeout: Duration) -> String {
    let Some(requests) = many(in_flight, "request", "requests") else {
        return "no request is in flight".into();
    };
    let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
    format!("waiting for {requests} (up to {seconds} s)")
}

/// Says that `signal` stops the session, what it waits for, and how to end it at once.
pub(crate) fn stopping(signal: Signal, waiting: &str) -> String {
    match signal {
        Signal::Interrupt => format!("Stopping: {waiting}. Ctrl-C again to abort."),
        Signal::Terminate => format!("SIGTERM: stopping; {waiting}. SIGTERM again to abort."),
        // A second SIGHUP does not count: a terminal that goes away sends several.
        Signal::Hangup => format!("SIGHUP: stopping; {waiting}. SIGTERM to abort."),
    }
}

/// Says that a second `signal` ended the session at once, and `what_follows` for its requests.
pub(crate) fn aborted(signal: Signal, what_follows: &str) -> String {
    format!("Aborted by {}: {what_follows}", signal.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_says_what_it_waits_for_and_how_to_abort_it() {
        let seconds = Duration::from_secs;
        for (signal, in_flight, timeout, told) in [
            (
                Signal::Interrupt,
                16,
                seconds(35),
                "Stopping: waiting for 16 requests (up to 35 s). Ctrl-C again to abort.",
            ),
            (
                Signal::Terminate,
                1,
                Duration::from_millis(1_500),
                "SIGTERM: stopping; waiting for 1 request (up to 2 s). SIGTERM again to abort.",
            ),
            (
                Signal::Hangup,
                1_024,
                seconds(125),
                "SIGHUP: stopping; waiting for 1,024 requests (up to 125 s). SIGTERM to abort.",
            ),
            (
                Signal::Interrupt,
                0,
                seconds(35),
                "Stopping: no request is in flight. Ctrl-C again to abort.",
            ),
        ] {
            assert_eq!(stopping(signal, &waiting(in_flight, timeout)), told);
        }
    }
}
