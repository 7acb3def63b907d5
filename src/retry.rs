//! When a row is sent again.
//!
//! Pure rules: a [`Policy`] says what to do about a [`Failure`], a [`Backoff`]
//! how long to wait. Nothing here waits, sends, or knows the time.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;
use tokio_retry::strategy::ExponentialBackoff;

use crate::answer::{Contact, Failure, FailureClass, NotSent};

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send it again, after the backoff's step `step` (from 0); it counts as a retry.
    After {
        /// Which step of the backoff to wait for.
        step: u32,
    },
    /// Send it again when the gates let it through; it does not count as a retry.
    WhenHeldNoMore,
    /// Nothing more is to be done: settle the row by the class of the failure.
    GiveUp,
    /// Every row would fail alike: stop the run; this row stays pending.
    Stop(Stop),
}

/// Why one answer stops the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Credentials, the user or the app are refused.
    Auth,
    /// This is no way to the API.
    Config,
    /// The server was never reached.
    NeverReached,
}

/// What a decision depends on, apart from the failure itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The attempts at this row that count, this one included.
    pub counted: u32,
    /// Whether this request was one of an outage's probes.
    pub kind: Attempt,
    /// Whether this run ever had an HTTP answer.
    pub server: Server,
    /// How long those who share this row's throttle have been refused, without
    /// anything of theirs being accepted.
    pub starved: Duration,
}

/// What a request was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// To start its task.
    Ordinary,
    /// To start its task, and to see whether an outage has ended.
    Probe,
}

/// What is known of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// It answered at least once in this run.
    Seen,
    /// It never answered yet.
    NeverSeen,
}

/// How often, and for how long, a row is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Sends after the first.
    pub retries: u32,
    /// How long a row may be refused by a throttle that lets nothing through.
    pub throttle_patience: Duration,
}

impl Policy {
    /// What to do after `failure`.
    ///
    /// | class | and | next |
    /// |---|---|---|
    /// | `bad_request`, `not_found`, `permission` | | give up |
    /// | `auth`, `config` | | stop |
    /// | any, not sent: host name or certificate; or what came is no HTTP | no HTTP answer yet | stop: `config` |
    /// | `throttled_*` | no retries allowed, or nothing accepted for the patience | give up |
    /// | `throttled_*` | | when held no more |
    /// | `transient`, `ambiguous` | a probe, and retries are allowed | when held no more |
    /// | `transient`, `ambiguous` | retries left | after backoff |
    /// | `transient`, not sent | none left, no HTTP answer yet | stop: never reached |
    /// | `ambiguous`, lost | none left, at least one was used, no HTTP answer yet | stop: never reached |
    /// | `transient`, `ambiguous` | none left | give up |
    #[must_use]
    pub fn next(&self, failure: &Failure, now: Situation) -> Next {
        let unseen = now.server == Server::NeverSeen;
        if unseen && no_way_to_a_server(failure.contact) {
            return Next::Stop(Stop::Config);
        }
        match failure.class {
            FailureClass::BadRequest | FailureClass::NotFound | FailureClass::Permission => {
                Next::GiveUp
            }
            FailureClass::Auth => Next::Stop(Stop::Auth),
            FailureClass::Config => Next::Stop(Stop::Config),
            FailureClass::ThrottledBiz | FailureClass::ThrottledApp => {
                if self.retries == 0 || now.starved >= self.throttle_patience {
                    Next::GiveUp
                } else {
                    Next::WhenHeldNoMore
                }
            }
            FailureClass::Transient | FailureClass::Ambiguous => {
                if now.kind == Attempt::Probe && self.retries > 0 {
                    Next::WhenHeldNoMore
                } else if now.counted <= self.retries {
                    Next::After { step: now.counted.saturating_sub(1) }
                } else if unseen && never_reached(failure.contact, now.counted) {
                    Next::Stop(Stop::NeverReached)
                } else {
                    Next::GiveUp
                }
            }
        }
    }
}

/// Whether the URL leads to nothing that could be the server.
const fn no_way_to_a_server(contact: Contact) -> bool {
    match contact {
        Contact::NotSent(NotSent::HostName | NotSent::Certificate) | Contact::NotHttp => true,
        Contact::NotSent(NotSent::Unreachable) | Contact::Lost | Contact::Answered => false,
    }
}

/// Whether a row that ends so says that there is no server. One request that was
/// lost says little; one that was lost each time it was sent says enough.
const fn never_reached(contact: Contact, counted: u32) -> bool {
    match contact {
        Contact::NotSent(_) => true,
        Contact::Lost => counted > 1,
        Contact::Answered | Contact::NotHttp => false,
    }
}

/// Waits that double, from a first value up to a longest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Waits of `first`, twice that, and so on, up to `longest`.
    ///
    /// # Errors
    ///
    /// Where `first` is no whole number of milliseconds from 1, or `longest` is
    /// shorter than `first`.
    pub fn new(first: Duration, longest: Duration) -> Result<Self, BackoffError> {
        if first < Duration::from_millis(1) || !first.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(BackoffError::First);
        }
        if longest < first {
            return Err(BackoffError::Order);
        }
        Ok(Self { first, longest })
    }

    /// The wait of step `step`, from 0.
    #[must_use]
    pub fn wait(&self, step: u32) -> Duration {
        // tokio-retry's base is a power too: base 2 doubles, and its first value
        // is twice the factor, so the very first wait is put before it.
        let first = u64::try_from(self.first.as_millis()).unwrap_or(u64::MAX);
        let doubling = ExponentialBackoff::from_millis(2).factor(first).max_delay(self.longest);
        // 2^63 of anything is beyond the longest wait.
        let step = step.min(63) as usize;
        std::iter::once(self.first).chain(doubling).nth(step).unwrap_or(self.longest)
    }

    /// The wait of step `step` with jitter: `share` (0 to 1, drawn at random)
    /// of its second half, so that rows that failed together do not come back
    /// together.
    #[must_use]
    pub fn jittered(&self, step: u32, share: f64) -> Duration {
        let wait = self.wait(step);
        wait / 2 + (wait / 2).mul_f64(share.clamp(0.0, 1.0))
    }
}

impl std::fmt::Display for Backoff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}..{:?}", self.first, self.longest)
    }
}

impl FromStr for Backoff {
    type Err = BackoffError;

    fn from_str(text: &str) -> Result<Self, BackoffError> {
        let (first, longest) = text.split_once("..").ok_or(BackoffError::Form)?;
        let duration = |text: &str| {
            text.parse::<SignedDuration>()
                .ok()
                .and_then(|duration| Duration::try_from(duration).ok())
                .ok_or(BackoffError::Form)
        };
        Self::new(duration(first)?, duration(longest)?)
    }
}

/// The text is no backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BackoffError {
    /// Not two durations with `..` between them.
    #[error("write it as two durations with .. between them, such as 500ms..30s")]
    Form,
    /// The first wait is too short or not whole.
    #[error("the first wait must be a whole number of milliseconds, at least 1ms")]
    First,
    /// The longest wait is shorter than the first.
    #[error("the longest wait must not be shorter than the first")]
    Order,
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureClass::{
        Ambiguous, Auth, BadRequest, Config, NotFound, Permission, ThrottledApp, ThrottledBiz,
        Transient,
    };

    const POLICY: Policy = Policy { retries: 4, throttle_patience: Duration::from_mins(15) };

    fn failure(class: FailureClass, contact: Contact) -> Failure {
        Failure { class, contact, hold: None }
    }

    fn situation(counted: u32) -> Situation {
        Situation {
            counted,
            kind: Attempt::Ordinary,
            server: Server::Seen,
            starved: Duration::ZERO,
        }
    }

    #[test]
    fn what_is_done_depends_on_the_class() {
        let answered = Contact::Answered;
        for (class, counted, next) in [
            (BadRequest, 1, Next::GiveUp),
            (NotFound, 1, Next::GiveUp),
            (Permission, 1, Next::GiveUp),
            (Auth, 1, Next::Stop(Stop::Auth)),
            (Config, 3, Next::Stop(Stop::Config)),
            (ThrottledBiz, 1, Next::WhenHeldNoMore),
            (ThrottledApp, 99, Next::WhenHeldNoMore),
            (Transient, 1, Next::After { step: 0 }),
            (Transient, 4, Next::After { step: 3 }),
            (Transient, 5, Next::GiveUp),
            (Ambiguous, 4, Next::After { step: 3 }),
            (Ambiguous, 5, Next::GiveUp),
        ] {
            let found = POLICY.next(&failure(class, answered), situation(counted));
            assert_eq!(found, next, "{class} after {counted} attempts");
        }
    }

    #[test]
    fn a_throttle_fails_a_row_only_when_it_lets_nothing_through() {
        for (retries, starved, next) in [
            (4, Duration::from_secs(899), Next::WhenHeldNoMore),
            (4, Duration::from_mins(15), Next::GiveUp),
            (0, Duration::ZERO, Next::GiveUp),
        ] {
            let policy = Policy { retries, ..POLICY };
            let now = Situation { starved, ..situation(1) };
            assert_eq!(policy.next(&failure(ThrottledBiz, Contact::Answered), now), next);
        }
    }

    #[test]
    fn probes_do_not_count_unless_nothing_may_be_sent_again() {
        let lost = failure(Ambiguous, Contact::Lost);
        for (retries, counted, next) in
            [(4, 5, Next::WhenHeldNoMore), (1, 9, Next::WhenHeldNoMore), (0, 1, Next::GiveUp)]
        {
            let now = Situation { kind: Attempt::Probe, ..situation(counted) };
            assert_eq!(Policy { retries, ..POLICY }.next(&lost, now), next);
        }
    }

    #[test]
    fn before_the_first_answer_there_is_no_patience() {
        let not_sent = Contact::NotSent;
        for (contact, counted, server, next) in [
            (not_sent(NotSent::HostName), 1, Server::NeverSeen, Next::Stop(Stop::Config)),
            (not_sent(NotSent::Certificate), 1, Server::NeverSeen, Next::Stop(Stop::Config)),
            (not_sent(NotSent::HostName), 1, Server::Seen, Next::After { step: 0 }),
            (not_sent(NotSent::Certificate), 5, Server::Seen, Next::GiveUp),
            (not_sent(NotSent::Unreachable), 4, Server::NeverSeen, Next::After { step: 3 }),
            (not_sent(NotSent::Unreachable), 5, Server::NeverSeen, Next::Stop(Stop::NeverReached)),
            (not_sent(NotSent::Unreachable), 5, Server::Seen, Next::GiveUp),
            (Contact::Lost, 5, Server::NeverSeen, Next::Stop(Stop::NeverReached)),
            (Contact::Lost, 5, Server::Seen, Next::GiveUp),
            (Contact::NotHttp, 1, Server::NeverSeen, Next::Stop(Stop::Config)),
            (Contact::NotHttp, 1, Server::Seen, Next::After { step: 0 }),
        ] {
            let lost = matches!(contact, Contact::Lost | Contact::NotHttp);
            let class = if lost { Ambiguous } else { Transient };
            let now = Situation { server, ..situation(counted) };
            assert_eq!(POLICY.next(&failure(class, contact), now), next, "{contact:?} {counted}");
        }
    }

    #[test]
    fn one_lost_request_does_not_mean_that_there_is_no_server() {
        let policy = Policy { retries: 0, ..POLICY };
        let now = Situation { server: Server::NeverSeen, ..situation(1) };
        assert_eq!(policy.next(&failure(Ambiguous, Contact::Lost), now), Next::GiveUp);
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let millis = |text: &str| {
            let backoff: Backoff = text.parse().expect(text);
            (0..8).map(|step| backoff.wait(step).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(millis("500ms..30s"), [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        assert_eq!(millis("1ms..5ms"), [1, 2, 4, 5, 5, 5, 5, 5]);
        assert_eq!(millis("3s..3s"), [3000; 8]);
        let backoff: Backoff = "500ms..30s".parse().unwrap();
        assert_eq!(backoff.wait(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn jitter_takes_up_to_half_of_a_wait() {
        let backoff: Backoff = "400ms..30s".parse().unwrap();
        assert_eq!(backoff.jittered(0, 0.0), Duration::from_millis(200));
        assert_eq!(backoff.jittered(0, 0.5), Duration::from_millis(300));
        assert_eq!(backoff.jittered(1, 1.0), Duration::from_millis(800));
    }

    #[test]
    fn what_is_no_backoff_says_why() {
        for (text, error) in [
            ("500ms", BackoffError::Form),
            ("a..b", BackoffError::Form),
            ("-1s..3s", BackoffError::Form),
            ("0s..3s", BackoffError::First),
            ("100us..3s", BackoffError::First),
            ("3s..1s", BackoffError::Order),
        ] {
            assert_eq!(text.parse::<Backoff>(), Err(error), "{text}");
        }
    }
}
