//! Names of a run and of each of its requests, by which both can be found in the server's logs
//! too.

use std::fmt;

use itoa::Buffer;
use jiff::Timestamp;

/// Name of a run; names sort by the time of the start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(Box<str>);

impl RunId {
    /// Makes the name of a run that starts at `now`; `random` tells apart runs of the same
    /// millisecond.
    #[must_use]
    pub fn new(now: Timestamp, random: u32) -> Self {
        let second = now.strftime("%Y%m%d-%H%M%S");
        // Five hexadecimal digits give 1,048 different names per millisecond.
        let millis = now.subsec_millisecond().unsigned_abs();
        let rest = millis * 1048 + random % 1048;
        Self(format!("{second}-{rest:05x}").into())
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a name; `None` if `text` does not have the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts = text.split('-');
        let (day, time, random) = (parts.next()?, parts.next()?, parts.next()?);
        let fits = (day.len(), time.len(), random.len()) == (8, 6, 5)
            && is_digits(day)
            && is_digits(time)
            && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && parts.next().is_none();
        fits.then(|| Self(text.into()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `X-Request-Id` of one attempt. It is derived from run, session, line and attempt, so that an
/// attempt whose answer never came can be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// Makes the id of attempt `attempt` (from 1) for the row on `line`, in session `session`
    /// (from 1) of `run`.
    #[must_use]
    pub fn new(run: &RunId, session: u32, line: u64, attempt: u32) -> Self {
        Self::of(run, session, line, "-a", Some(attempt))
    }

    /// Makes the id of question `number` for the state of the row's task.
    #[must_use]
    pub fn question(run: &RunId, session: u32, line: u64, number: u32) -> Self {
        Self::of(run, session, line, "-q", Some(number))
    }

    /// Makes the id of the question for the link of the row's task.
    #[must_use]
    pub fn lookup(run: &RunId, session: u32, line: u64) -> Self {
        Self::of(run, session, line, "-d", None)
    }

    fn of(run: &RunId, session: u32, line: u64, kind: &str, number: Option<u32>) -> Self {
        // Without the formatter, which costs several times as much: every attempt has an id.
        let [mut at_session, mut at_line, mut at_number] = [Buffer::new(); 3];
        let (session, line) = (at_session.format(session), at_line.format(line));
        let number = number.map_or("", |number| at_number.format(number));
        Self([run.as_str(), "-s", session, "-l", line, kind, number].concat().into())
    }

    /// Takes the id of an attempt of an earlier session from the journal.
    #[must_use]
    pub fn restored(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the id as text: ASCII letters, digits and `-`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_run_session_line_and_attempt() {
        let start: Timestamp = "2026-12-01T22:00:00Z".parse().unwrap();
        let run = RunId::new(start, 0xabc);
        assert_eq!(run.as_str(), "20261201-220000-0028c");
        let id = RequestId::new(&run, 2, 1007, 3);
        assert_eq!(id.as_str(), "20261201-220000-0028c-s2-l1007-a3");
    }

    #[test]
    fn only_names_of_runs_are_names() {
        for (text, is_one) in [
            ("20261201-220000-0028c", true),
            ("20261201-220000-0028c.new", false),
            ("20261201-220000-00abC", false),
            ("20261201-220000", false),
            ("x", false),
        ] {
            assert_eq!(RunId::parse(text).is_some(), is_one, "{text}");
        }
    }

    #[test]
    fn runs_sort_by_their_start() {
        let earlier = RunId::new("2026-12-01T21:59:59Z".parse().unwrap(), 0xf_ffff);
        let later = RunId::new("2026-12-01T22:00:00Z".parse().unwrap(), 0);
        let last = RunId::new("2026-12-01T22:00:00.999Z".parse().unwrap(), u32::MAX);
        assert!(later < last && RunId::parse(last.as_str()).is_some(), "{last}");
        assert!(earlier < later);
    }
}
