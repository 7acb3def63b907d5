//! When the server is gone: who may look whether it is back, and how long that
//! may take.
//!
//! A rule with the time handed in: it neither waits nor sends.

use std::time::Duration;

use tokio::time::Instant;

use crate::retry::{Attempt, Backoff, Server};

/// So many attempts in a row without an HTTP answer are an outage.
const STREAK: u32 = 4;

/// What the latest attempts say about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    server: Server,
    /// Attempts without an answer since the last answer.
    streak: u32,
    now: Option<Silence>,
}

/// An outage that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Silence {
    since: Instant,
    /// When the next probe may leave.
    next: Instant,
    /// The backoff's next step.
    step: u32,
    probe: Probe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    Out,
    None,
}

/// Whether a request may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// It may, as what.
    Go(Attempt),
    /// Not before this time.
    Wait(Instant),
    /// Not before the probe that is out has ended.
    WaitForProbe,
}

impl Default for Outage {
    fn default() -> Self {
        Self { server: Server::NeverSeen, streak: 0, now: None }
    }
}

impl Outage {
    /// Whether the server ever answered.
    #[must_use]
    pub const fn server(&self) -> Server {
        self.server
    }

    /// An HTTP answer came.
    pub fn answered(&mut self) {
        *self = Self { server: Server::Seen, streak: 0, now: None };
    }

    /// An attempt ended without an HTTP answer. Before the first answer of a
    /// run there is no outage, since nothing says that there is a server.
    ///
    /// How long the outage has lasted, if the attempt was its probe.
    pub fn unanswered(
        &mut self,
        kind: Attempt,
        now: Instant,
        backoff: &Backoff,
    ) -> Option<Duration> {
        self.streak = self.streak.saturating_add(1);
        match &mut self.now {
            Some(silence) if kind == Attempt::Probe => {
                silence.probe = Probe::None;
                silence.next = now + backoff.wait(silence.step);
                silence.step = silence.step.saturating_add(1);
                Some(now.saturating_duration_since(silence.since))
            }
            Some(_) => None,
            None => {
                if self.streak >= STREAK && self.server == Server::Seen {
                    let next = now + backoff.wait(0);
                    self.now = Some(Silence { since: now, next, step: 1, probe: Probe::None });
                }
                None
            }
        }
    }

    /// A probe was given up without having been sent.
    pub fn withdrawn(&mut self) {
        if let Some(silence) = &mut self.now {
            silence.probe = Probe::None;
        }
    }

    /// Whether a request may leave at `now`.
    #[must_use]
    pub fn may_go(&self, now: Instant) -> May {
        match self.now {
            None => May::Go(Attempt::Ordinary),
            Some(silence) if silence.probe == Probe::Out => May::WaitForProbe,
            Some(silence) if silence.next > now => May::Wait(silence.next),
            Some(_) => May::Go(Attempt::Probe),
        }
    }

    /// A request leaves.
    pub fn sent(&mut self, kind: Attempt) {
        if let (Some(silence), Attempt::Probe) = (&mut self.now, kind) {
            silence.probe = Probe::Out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        "500ms..30s".parse().unwrap()
    }

    fn silent(outage: &mut Outage, times: u32, now: Instant) {
        for _ in 0..times {
            assert_eq!(outage.unanswered(Attempt::Ordinary, now, &backoff()), None);
        }
    }

    #[test]
    fn four_attempts_without_an_answer_are_an_outage() {
        let start = Instant::now();
        let mut outage = Outage::default();
        outage.answered();
        silent(&mut outage, 3, start);
        outage.answered();
        silent(&mut outage, 3, start);
        assert_eq!(outage.may_go(start), May::Go(Attempt::Ordinary));
        silent(&mut outage, 1, start);
        assert_eq!(outage.may_go(start), May::Wait(start + Duration::from_millis(500)));
    }

    #[test]
    fn one_probe_at_a_time_until_an_answer_comes() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut outage = Outage::default();
        outage.answered();
        silent(&mut outage, 4, start);
        assert_eq!(outage.may_go(at(500)), May::Go(Attempt::Probe));
        outage.sent(Attempt::Probe);
        assert_eq!(outage.may_go(at(600)), May::WaitForProbe);
        silent(&mut outage, 3, at(650));
        assert_eq!(outage.may_go(at(650)), May::WaitForProbe, "late ones of before are no probes");
        let lasted = outage.unanswered(Attempt::Probe, at(700), &backoff());
        assert_eq!(lasted, Some(Duration::from_millis(700)));
        assert_eq!(outage.may_go(at(700)), May::Wait(at(1700)));
        assert_eq!(outage.may_go(at(1700)), May::Go(Attempt::Probe));
        outage.sent(Attempt::Probe);
        outage.withdrawn();
        assert_eq!(outage.may_go(at(1700)), May::Go(Attempt::Probe));
        outage.sent(Attempt::Probe);
        outage.answered();
        assert_eq!(outage.may_go(at(1800)), May::Go(Attempt::Ordinary));
    }

    #[test]
    fn before_the_first_answer_there_is_no_outage() {
        let start = Instant::now();
        let mut outage = Outage::default();
        silent(&mut outage, 99, start);
        assert_eq!(outage.may_go(start), May::Go(Attempt::Ordinary));
        assert_eq!(outage.server(), Server::NeverSeen);
        outage.answered();
        assert_eq!(outage.server(), Server::Seen);
    }
}
