//! Detects that the server is gone, and decides who may look whether it is back, and how long
//! that may take.
//!
//! Something nearly always answers in front of bk-sops, so what counts is whether an answer shows
//! that bk-sops works. A rule with the time handed in: it neither waits nor sends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::answer::{Answer, Delivery, FailureClass, Speaker, Verdict};
use crate::rules::retry::{Backoff, Role, Server};

/// Minimum number of consecutive attempts without an HTTP answer that are an outage.
const SILENT_THRESHOLD: u32 = 4;

/// Minimum number of consecutive idle attempts that are an outage, if enough rows have them.
const IDLE_THRESHOLD: u32 = 8;

/// Minimum number of different rows among the idle attempts: a few bad rows are no outage.
const ROWS_THRESHOLD: usize = 4;

/// Maximum time between two probes if bk-sops itself answers: perhaps only the rows are wrong.
const MAX_OWN_WAIT: Duration = Duration::from_secs(5);

/// Maximum number of characters that are quoted of the server's words.
const MAX_QUOTED: usize = 120;

/// What one attempt shows about whether bk-sops works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Only bk-sops can have answered so: it works.
    Works,
    /// There was no HTTP answer.
    Silence,
    /// bk-sops answered that it failed: its own HTTP 500.
    OwnError,
    /// Something else answered in its place.
    Covered,
    Nothing,
}

impl Sign {
    /// Returns what `verdict` shows, given what is known of the server.
    #[must_use]
    pub(crate) const fn of(verdict: &Verdict, server: Server) -> Self {
        let Verdict::Failed(failure) = verdict else { return Self::Works };
        match (failure.delivery, failure.class) {
            // Before the first answer nothing says that there is a server that could be gone.
            (Delivery::NotSent(_) | Delivery::Lost | Delivery::NotHttp, _) => match server {
                Server::NeverReached => Self::Nothing,
                Server::Reached | Server::Front | Server::BkSops => Self::Silence,
            },
            (Delivery::Answered(Speaker::BkSops), FailureClass::Transient) => Self::OwnError,
            (Delivery::Answered(Speaker::BkSops), _) => Self::Works,
            (Delivery::Answered(_), FailureClass::Transient | FailureClass::Ambiguous) => {
                Self::Covered
            }
            (Delivery::Answered(Speaker::Stranger), _) => match server {
                Server::BkSops => Self::Covered,
                Server::NeverReached | Server::Reached | Server::Front => Self::Nothing,
            },
            (Delivery::Answered(Speaker::Front | Speaker::Proxy), _) => Self::Nothing,
        }
    }

    /// Whether nothing shows that bk-sops works.
    #[must_use]
    pub(crate) const fn is_idle(self) -> bool {
        matches!(self, Self::Silence | Self::OwnError | Self::Covered)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct CircuitBreaker {
    streak: Streak,
    now: Option<OngoingOutage>,
    /// Total time of the outages that are over.
    past: Duration,
}

/// Idle attempts since bk-sops last showed itself.
#[derive(Clone, Debug, Default)]
struct Streak {
    /// Number of attempts without an HTTP answer since the last HTTP answer.
    silent: u32,
    idle: u32,
    /// Lines of the different rows among them, no more than matter.
    rows: Vec<u64>,
}

#[derive(Clone, Debug)]
struct OngoingOutage {
    since: Instant,
    /// When the next probe may leave.
    next: Instant,
    /// The backoff's next step.
    step: u32,
    probe: Probe,
    /// Lines of the rows that were probed in this round.
    probed: BTreeSet<u64>,
    /// Whether bk-sops itself answered each probe of this round.
    answers_itself: bool,
    says: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    Out,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    Go(Role),
    Wait(Instant),
    WaitForProbe,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptResult {
    /// `None` for a connection that could not be made.
    pub line: Option<u64>,
    pub role: Role,
    pub sign: Sign,
    pub at: Instant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    /// Whether it began an outage or ended during one, and so counts as no retry.
    pub in_outage: bool,
    /// How long the outage has lasted, if the attempt was its probe.
    pub lasted: Option<Duration>,
    pub change: OutageChange,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OutageChange {
    #[default]
    None,
    Began,
    Over(Duration),
}

/// What to do once every row that may go was probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    Again,
    /// The outage is over after this time: bk-sops answers, and these rows are bad.
    BadRows(BTreeSet<u64>, Duration),
}

impl CircuitBreaker {
    /// Learns from an attempt that has ended; `says` describes it if it is idle.
    pub(crate) fn heard(
        &mut self,
        ended: AttemptResult,
        backoff: &Backoff,
        says: impl FnOnce() -> Arc<str>,
    ) -> Learned {
        let AttemptResult { line, role, sign, at } = ended;
        if sign == Sign::Works {
            let change = match self.now {
                Some(OngoingOutage { since, .. }) => {
                    OutageChange::Over(at.saturating_duration_since(since))
                }
                None => OutageChange::None,
            };
            self.end(at);
            return Learned { change, ..Learned::default() };
        }
        self.streak.add(sign, line);
        match &mut self.now {
            Some(gone) => {
                if sign.is_idle() {
                    gone.says = says();
                }
                let lasted = (role == Role::Probe).then(|| gone.probed(ended, backoff));
                Learned { in_outage: sign.is_idle(), lasted, change: OutageChange::None }
            }
            None if sign.is_idle() && self.streak.is_outage() => {
                self.now = Some(OngoingOutage::new(at, backoff, says()));
                Learned { in_outage: true, lasted: None, change: OutageChange::Began }
            }
            None => Learned::default(),
        }
    }

    /// Takes back a probe that was given up without having been sent.
    pub(crate) fn withdrawn(&mut self) {
        if let Some(gone) = &mut self.now {
            gone.probe = Probe::None;
        }
    }

    #[must_use]
    pub(crate) fn may_go(&self, now: Instant) -> May {
        match &self.now {
            None => May::Go(Role::Normal),
            Some(gone) if gone.probe == Probe::Out => May::WaitForProbe,
            Some(gone) if gone.next > now => May::Wait(gone.next),
            Some(_) => May::Go(Role::Probe),
        }
    }

    /// Returns the role of a connection that could not be made at `now`: it was the probe if one
    /// was due.
    #[must_use]
    pub(crate) fn role_of_connection(&self, now: Instant) -> Role {
        match self.may_go(now) {
            May::Go(role) => role,
            May::Wait(_) | May::WaitForProbe => Role::Normal,
        }
    }

    pub(crate) fn sent(&mut self, role: Role) {
        if let (Some(gone), Role::Probe) = (&mut self.now, role) {
            gone.probe = Probe::Out;
        }
    }

    #[must_use]
    pub(crate) fn was_probed(&self, line: u64) -> bool {
        self.now.as_ref().is_some_and(|gone| gone.probed.contains(&line))
    }

    /// Ends a round, in which every row that may go was probed, or every question if no row may.
    pub(crate) fn round_is_over(&mut self, now: Instant) -> Round {
        let Some(gone) = &mut self.now else { return Round::Again };
        let probed = std::mem::take(&mut gone.probed);
        if gone.answers_itself && !probed.is_empty() {
            let lasted = now.saturating_duration_since(gone.since);
            self.end(now);
            return Round::BadRows(probed, lasted);
        }
        gone.answers_itself = true;
        Round::Again
    }

    /// Returns what the last idle attempt of the present outage said.
    #[must_use]
    pub(crate) fn says(&self) -> Option<Arc<str>> {
        self.now.as_ref().map(|gone| Arc::clone(&gone.says))
    }

    /// Returns the total time of all outages, the present one included.
    #[must_use]
    pub(crate) fn total(&self, now: Instant) -> Duration {
        let present = self.now.as_ref().map(|gone| now.saturating_duration_since(gone.since));
        self.past + present.unwrap_or_default()
    }

    fn end(&mut self, now: Instant) {
        self.past = self.total(now);
        (self.streak, self.now) = (Streak::default(), None);
    }
}

impl Streak {
    fn add(&mut self, sign: Sign, line: Option<u64>) {
        self.silent = match sign {
            Sign::Silence => self.silent.saturating_add(1),
            Sign::Works | Sign::OwnError | Sign::Covered | Sign::Nothing => 0,
        };
        if sign.is_idle() {
            self.idle = self.idle.saturating_add(1);
            if let Some(line) = line
                && self.rows.len() < ROWS_THRESHOLD
                && !self.rows.contains(&line)
            {
                self.rows.push(line);
            }
        }
    }

    const fn is_outage(&self) -> bool {
        self.silent >= SILENT_THRESHOLD
            || (self.idle >= IDLE_THRESHOLD && self.rows.len() >= ROWS_THRESHOLD)
    }
}

impl OngoingOutage {
    fn new(since: Instant, backoff: &Backoff, says: Arc<str>) -> Self {
        let next = since + backoff.wait(0);
        let probed = BTreeSet::new();
        Self { since, next, step: 1, probe: Probe::None, probed, answers_itself: true, says }
    }

    /// Notes a probe that failed or said nothing, and returns how long the outage has lasted.
    fn probed(&mut self, ended: AttemptResult, backoff: &Backoff) -> Duration {
        self.probe = Probe::None;
        self.probed.extend(ended.line);
        self.answers_itself &= ended.sign == Sign::OwnError;
        let longest = if ended.sign == Sign::OwnError { MAX_OWN_WAIT } else { Duration::MAX };
        self.next = ended.at + backoff.wait(self.step).min(longest);
        self.step = self.step.saturating_add(1);
        ended.at.saturating_duration_since(self.since)
    }
}

/// Describes what answers in place of bk-sops, or that nothing does, in one line.
#[must_use]
pub(crate) fn description(answer: &Answer) -> String {
    let said: String =
        answer.reply.message.chars().filter(|c| !c.is_control()).take(MAX_QUOTED).collect();
    let status = answer.reply.http_status.unwrap_or_default();
    let Verdict::Failed(failure) = &answer.verdict else { return said };
    match failure.delivery {
        Delivery::NotSent(_) | Delivery::Lost | Delivery::NotHttp => {
            format!("no answer from bk-sops ({said})")
        }
        Delivery::Answered(Speaker::BkSops) => format!("bk-sops answers that it failed ({said})"),
        Delivery::Answered(Speaker::Front) => {
            let code = &answer.reply.code;
            let front = if code.starts_with("13") { "the ESB" } else { "the API gateway" };
            format!("{front} answers {code} for bk-sops ({said})")
        }
        Delivery::Answered(Speaker::Proxy | Speaker::Stranger) => {
            let server = if failure.server.is_empty() { "a proxy" } else { &*failure.server };
            format!("{server} answers {status} for bk-sops")
        }
    }
}

#[cfg(test)]
mod tests;
