//! What people are told at the end of a run, as text.

use std::fmt::Write;
use std::path::Path;

use crate::pipeline::{Ended, InputEnd};
use crate::retry::Stop;
use crate::shutdown::Cause;
use crate::stats::Summary;

/// How a run ended, in a few lines.
pub fn describe(ended: &Ended, target: &str, report: &Path) -> String {
    let mut text = counts(&ended.summary);
    if let InputEnd::Failed(error) = &ended.input {
        let rows = ended.summary.rows();
        let _ = write!(text, "\ninput incomplete: {rows} rows were read, then {error}");
    }
    if let Some(failure) = &ended.report_failure {
        let _ = write!(text, "\nstopped: {failure}");
    } else if let Some(cause) = &ended.cause {
        let _ = write!(text, "\nstopped: {}", why(cause, target));
    }
    let _ = write!(text, "\nreport: {}", report.display());
    text
}

/// `12 rows: 10 started, 2 failed; 14 requests`
fn counts(summary: &Summary) -> String {
    let counts: Vec<_> =
        summary.counts().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let rows = summary.rows();
    let plural = if rows == 1 { "" } else { "s" };
    match counts.as_slice() {
        [] => "no rows".into(),
        counts => {
            format!("{rows} row{plural}: {}; {} requests", counts.join(", "), summary.requests)
        }
    }
}

fn why(cause: &Cause, target: &str) -> String {
    match cause {
        Cause::Signal(signal) => format!("by {}", signal.name()),
        Cause::Answer { stop: Stop::Auth, message } => format!(
            "the server refuses the credentials: {}\n  \
             check BK_APP_CODE, BK_APP_SECRET and BK_TOKEN or BK_USERNAME, and that the app may \
             use the API of bk-sops",
            harmless(message)
        ),
        Cause::Answer { stop: Stop::Config, message } => format!(
            "this is no way to the API: {}\n  \
             check the URL given by --esb or --gateway (or its variable): {target}",
            harmless(message)
        ),
        Cause::Answer { stop: Stop::NeverReached, message } => format!(
            "the server was never reached: {}\n  check that it is up, and the URL: {target}",
            harmless(message)
        ),
        Cause::Outage { lasted, message } => format!(
            "the server was gone for {} s, longer than --outage-patience: {}",
            lasted.as_secs(),
            harmless(message)
        ),
        Cause::Output => "a report could not be written".into(),
    }
}

/// Text from the server with nothing in it that a terminal would obey.
fn harmless(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_a_server_says() {
        assert_eq!(harmless("a\u{1b}[2J\n中"), "a\\u{1b}[2J\\n中");
    }

    #[test]
    fn a_cause_says_what_to_check() {
        let answer = |stop| Cause::Answer { stop, message: "said".into() };
        for (cause, hint) in [
            (answer(Stop::Auth), "BK_APP_SECRET"),
            (answer(Stop::Config), "check the URL given by --esb or --gateway"),
            (answer(Stop::NeverReached), "http://h/"),
        ] {
            let text = why(&cause, "http://h/");
            assert!(text.contains("said") && text.contains(hint), "{text}");
        }
    }
}
