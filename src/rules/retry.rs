//! When a row is sent again.
//!
//! Pure rules: a [`Policy`] says what to do about a [`Failure`], a [`Backoff`]
//! how long to wait. Nothing here waits, sends, or knows the time.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;
use tokio_retry::strategy::ExponentialBackoff;

use crate::domain::answer::{Delivery, Failure, FailureClass, NotSent, Speaker};

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send it again, after the backoff's step `step` (from 0); it counts as a retry.
    After {
        /// Which step of the backoff to wait for.
        step: u32,
    },
    /// Send it again when the limiter lets it through; it does not count as a retry.
    AfterPause,
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
    /// The app's requests were refused for the whole of `--throttle-patience`.
    Throttled,
}

/// What a decision depends on, apart from the failure itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryContext {
    /// The attempts at this row that count, this one included if it does.
    pub counted: u32,
    /// Whether this attempt began an outage, or ended during one.
    pub in_outage: bool,
    /// What is known of the server.
    pub server: Server,
    /// Connections in a row that could not be made before the first HTTP answer.
    pub unconnected: u32,
    /// Whether those who share this row's throttle still wait.
    pub patience: Patience,
}

/// What a request was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// To start its task.
    Normal,
    /// To start its task, and to see whether an outage has ended.
    Probe,
}

/// What a session knows of the server by the answers that came; more is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// No HTTP answer came.
    NeverReached,
    /// An HTTP answer came, and none that only bk-sops, the ESB or the gateway can give.
    Reached,
    /// The ESB or the gateway answered.
    Front,
    /// bk-sops itself answered.
    BkSops,
}

/// Whether those who are refused by a throttle still wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// They do.
    Left,
    /// Nothing was granted for the whole of `--throttle-patience`.
    Over,
}

/// How often, and for how long, a row is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Sends after the first.
    pub retries: u32,
}

impl Policy {
    /// What to do after `failure`.
    ///
    /// | class | and | next |
    /// |---|---|---|
    /// | any, not sent: host name or certificate; or what came is no HTTP | no HTTP answer yet | stop: `config` |
    /// | any, not sent | no HTTP answer yet, and more connections failed than retries are allowed | stop: never reached |
    /// | any, not sent | no HTTP answer yet, or in an outage | when held no more |
    /// | any, not sent | | after backoff |
    /// | a page of a stranger | no answer of bk-sops, the ESB or the gateway yet | stop: `config` |
    /// | a page of a stranger | after an answer of bk-sops | as `transient` |
    /// | `bad_request`, `not_found`, `permission` | | give up |
    /// | `auth`, `config` | | stop |
    /// | `throttled_*` | no retries allowed | give up |
    /// | `throttled_biz` | nothing granted for the patience | give up |
    /// | `throttled_app` | nothing granted for the patience | stop: throttled |
    /// | `throttled_*` | | when held no more |
    /// | `transient`, `ambiguous` | in an outage | when held no more; give up if no retries are allowed |
    /// | `transient`, `ambiguous` | retries left | after backoff |
    /// | `ambiguous`, lost | none left, at least one was used, no HTTP answer yet | stop: never reached |
    /// | `transient`, `ambiguous` | none left | give up |
    #[must_use]
    pub fn next(&self, failure: &Failure, now: RetryContext) -> Next {
        match failure.delivery {
            Delivery::NotSent(why) => return self.after_no_connection(why, now),
            Delivery::NotHttp if now.server == Server::NeverReached => {
                return Next::Stop(Stop::Config);
            }
            Delivery::Answered(Speaker::Stranger) if now.server < Server::Front => {
                return Next::Stop(Stop::Config);
            }
            Delivery::Answered(Speaker::Stranger) if now.server == Server::BkSops => {
                return self.after_idle(failure.delivery, now);
            }
            Delivery::Answered(_) | Delivery::Lost | Delivery::NotHttp => {}
        }
        match failure.class {
            FailureClass::BadRequest | FailureClass::NotFound | FailureClass::Permission => {
                Next::GiveUp
            }
            FailureClass::Auth => Next::Stop(Stop::Auth),
            FailureClass::Config => Next::Stop(Stop::Config),
            FailureClass::ThrottledBiz | FailureClass::ThrottledApp if self.retries == 0 => {
                Next::GiveUp
            }
            FailureClass::ThrottledBiz => match now.patience {
                Patience::Left => Next::AfterPause,
                Patience::Over => Next::GiveUp,
            },
            FailureClass::ThrottledApp => match now.patience {
                Patience::Left => Next::AfterPause,
                Patience::Over => Next::Stop(Stop::Throttled),
            },
            FailureClass::Transient | FailureClass::Ambiguous => {
                self.after_idle(failure.delivery, now)
            }
        }
    }

    /// A connection that cannot be made is an attempt of no row, so no retry is used.
    const fn after_no_connection(self, why: NotSent, now: RetryContext) -> Next {
        let is_unseen = matches!(now.server, Server::NeverReached);
        match why {
            NotSent::HostName | NotSent::Certificate if is_unseen => Next::Stop(Stop::Config),
            _ if is_unseen && now.unconnected > self.retries => Next::Stop(Stop::NeverReached),
            _ if is_unseen || now.in_outage => Next::AfterPause,
            _ => Next::After { step: now.counted },
        }
    }

    const fn after_idle(self, delivery: Delivery, now: RetryContext) -> Next {
        if now.in_outage {
            if self.retries > 0 { Next::AfterPause } else { Next::GiveUp }
        } else if now.counted <= self.retries {
            Next::After { step: now.counted.saturating_sub(1) }
        } else if matches!(now.server, Server::NeverReached) && never_reached(delivery, now.counted)
        {
            Next::Stop(Stop::NeverReached)
        } else {
            Next::GiveUp
        }
    }
}

/// Whether a row that ends so says that there is no server. One request that was
/// lost says little; one that was lost each time it was sent says enough.
const fn never_reached(delivery: Delivery, counted: u32) -> bool {
    matches!(delivery, Delivery::Lost) && counted > 1
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
    use crate::domain::answer::Taken;
    use FailureClass::{
        Ambiguous, Auth, BadRequest, Config, NotFound, Permission, ThrottledApp, ThrottledBiz,
        Transient,
    };

    const POLICY: Policy = Policy { retries: 4 };

    fn failure(class: FailureClass, delivery: Delivery) -> Failure {
        let (taken, server) = (Taken::No, Box::default());
        Failure { class, delivery, taken, hold: None, server }
    }

    fn situation(counted: u32) -> RetryContext {
        RetryContext {
            counted,
            in_outage: false,
            server: Server::BkSops,
            unconnected: 0,
            patience: Patience::Left,
        }
    }

    #[test]
    fn what_is_done_depends_on_the_class() {
        let answered = Delivery::Answered(Speaker::Front);
        for (class, counted, next) in [
            (BadRequest, 1, Next::GiveUp),
            (NotFound, 1, Next::GiveUp),
            (Permission, 1, Next::GiveUp),
            (Auth, 1, Next::Stop(Stop::Auth)),
            (Config, 3, Next::Stop(Stop::Config)),
            (ThrottledBiz, 1, Next::AfterPause),
            (ThrottledApp, 99, Next::AfterPause),
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
    fn a_throttle_that_lets_nothing_through_fails_a_row_or_stops_everyone() {
        use Patience::{Left, Over};
        for (class, retries, patience, next) in [
            (ThrottledBiz, 4, Left, Next::AfterPause),
            (ThrottledBiz, 4, Over, Next::GiveUp),
            (ThrottledBiz, 0, Left, Next::GiveUp),
            (ThrottledApp, 4, Left, Next::AfterPause),
            (ThrottledApp, 4, Over, Next::Stop(Stop::Throttled)),
            (ThrottledApp, 0, Left, Next::GiveUp),
        ] {
            let now = RetryContext { patience, ..situation(1) };
            let found =
                Policy { retries }.next(&failure(class, Delivery::Answered(Speaker::Front)), now);
            assert_eq!(found, next, "{class} {retries} {patience:?}");
        }
    }

    #[test]
    fn in_an_outage_nothing_counts_unless_nothing_may_be_sent_again() {
        for delivery in [Delivery::Lost, Delivery::Answered(Speaker::Proxy)] {
            for (retries, counted, next) in
                [(4, 5, Next::AfterPause), (1, 9, Next::AfterPause), (0, 0, Next::GiveUp)]
            {
                let now = RetryContext { in_outage: true, ..situation(counted) };
                assert_eq!(Policy { retries }.next(&failure(Ambiguous, delivery), now), next);
            }
        }
    }

    #[test]
    fn before_the_first_answer_there_is_no_patience() {
        use Server::{BkSops, Front, NeverReached, Reached};
        let stranger = Delivery::Answered(Speaker::Stranger);
        for (class, delivery, counted, server, next) in [
            (Ambiguous, Delivery::Lost, 5, NeverReached, Next::Stop(Stop::NeverReached)),
            (Ambiguous, Delivery::Lost, 5, Front, Next::GiveUp),
            (Ambiguous, Delivery::NotHttp, 1, NeverReached, Next::Stop(Stop::Config)),
            (Ambiguous, Delivery::NotHttp, 1, Front, Next::After { step: 0 }),
            (Ambiguous, stranger, 1, Reached, Next::Stop(Stop::Config)),
            (BadRequest, stranger, 1, Reached, Next::Stop(Stop::Config)),
            // A restarting ingress answers 404 for a bk-sops that was there.
            (Config, stranger, 1, BkSops, Next::After { step: 0 }),
            (Config, stranger, 5, BkSops, Next::GiveUp),
            (Config, stranger, 1, Front, Next::Stop(Stop::Config)),
            (BadRequest, Delivery::Answered(Speaker::Proxy), 1, Reached, Next::GiveUp),
            (Ambiguous, Delivery::Answered(Speaker::Proxy), 1, Reached, Next::After { step: 0 }),
        ] {
            let now = RetryContext { server, ..situation(counted) };
            let found = POLICY.next(&failure(class, delivery), now);
            assert_eq!(found, next, "{class} {delivery:?} {counted} {server:?}");
        }
    }

    #[test]
    fn a_connection_that_cannot_be_made_is_an_attempt_of_no_row() {
        use NotSent::{Certificate, HostName, Unreachable};
        use Server::{BkSops, NeverReached};
        let (retry, held) = (Next::After { step: 0 }, Next::AfterPause);
        for (why, unconnected, server, in_outage, next) in [
            (HostName, 1, NeverReached, false, Next::Stop(Stop::Config)),
            (Certificate, 1, NeverReached, false, Next::Stop(Stop::Config)),
            (HostName, 0, BkSops, false, retry),
            (Certificate, 0, BkSops, true, held),
            (Unreachable, 4, NeverReached, false, held),
            (Unreachable, 5, NeverReached, false, Next::Stop(Stop::NeverReached)),
            (Unreachable, 0, BkSops, false, retry),
            (Unreachable, 0, BkSops, true, held),
        ] {
            let now = RetryContext { in_outage, server, unconnected, ..situation(0) };
            let found = POLICY.next(&failure(Transient, Delivery::NotSent(why)), now);
            assert_eq!(found, next, "{why:?} {unconnected} {server:?}");
        }
    }

    #[test]
    fn one_lost_request_does_not_mean_that_there_is_no_server() {
        let now = RetryContext { server: Server::NeverReached, ..situation(1) };
        let next = Policy { retries: 0 }.next(&failure(Ambiguous, Delivery::Lost), now);
        assert_eq!(next, Next::GiveUp);
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
