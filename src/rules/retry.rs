//! Decides when a row is sent again.
//!
//! A [`Policy`] says what to do about a [`Failure`], a [`Backoff`] how long to wait.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;
use tokio_retry::strategy::ExponentialBackoff;

use crate::domain::answer::{Delivery, Failure, FailureClass, NotSent, Speaker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send again after step `step` of the backoff (from 0); counts as a retry.
    After { step: u32 },
    /// Send again when the limiter lets it through; does not count as a retry.
    AfterPause,
    /// Settle the row by the class of the failure.
    GiveUp,
    /// Stop the run, since every row would fail alike; this row stays pending.
    Stop(Stop),
}

/// Why one answer stops the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The credentials, user or app were refused.
    Auth,
    /// The URL does not lead to the API.
    Config,
    NeverReached,
    /// The app's requests were refused for the whole of `--throttle-patience`.
    Throttled,
}

/// Circumstances that a decision depends on, apart from the failure itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryContext {
    /// Attempts at this row that count, including this one if it does.
    pub counted: u32,
    /// Whether this attempt began an outage, or ended during one.
    pub in_outage: bool,
    pub server: Server,
    /// Consecutive connections that could not be made, before the first HTTP answer.
    pub unconnected: u32,
    /// Whether the rows that share this one's throttle keep waiting.
    pub patience: Patience,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Starts its task.
    Normal,
    /// Starts its task, and shows whether an outage has ended.
    Probe,
}

/// What the answers so far showed of the server; a later variant shows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    NeverReached,
    /// An HTTP answer came, but none that only bk-sops, the ESB or the gateway can give.
    Reached,
    /// The ESB or the gateway answered.
    Front,
    BkSops,
}

/// Whether throttled rows keep waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    Left,
    /// Nothing was granted for the whole of `--throttle-patience`.
    Over,
}

/// How often a row is tried, and the waits between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Maximum number of sends after the first.
    pub retries: u32,
}

impl Policy {
    /// Decides what to do after `failure`.
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

    /// A connection that cannot be made is no attempt at a row, so it uses no retry.
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

/// Whether a row that ends like this shows that there is no server. One lost request shows little;
/// a row whose requests were all lost shows enough.
const fn never_reached(delivery: Delivery, counted: u32) -> bool {
    matches!(delivery, Delivery::Lost) && counted > 1
}

/// Waits that double, from a first value up to a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Returns waits of `first`, twice that, and so on, up to `longest`.
    ///
    /// # Errors
    ///
    /// Returns an error if `first` is no whole number of milliseconds from 1, or if `longest` is
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

    /// Returns the wait of a step, from 0.
    #[must_use]
    pub fn wait(&self, step: u32) -> Duration {
        // tokio-retry's base is a power too: base 2 doubles, and its first value is twice the
        // factor, so the first wait is put in front.
        let first = u64::try_from(self.first.as_millis()).unwrap_or(u64::MAX);
        let doubling = ExponentialBackoff::from_millis(2).factor(first).max_delay(self.longest);
        // 2^63 of anything exceeds the maximum.
        let step = step.min(63) as usize;
        std::iter::once(self.first).chain(doubling).nth(step).unwrap_or(self.longest)
    }

    /// Returns the wait of a step with jitter: `share` (0 to 1, drawn at random) of its second
    /// half, so that rows that failed together do not come back together.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BackoffError {
    #[error("write it as two durations with .. between them, such as 500ms..30s")]
    Form,
    #[error("the first wait must be a whole number of milliseconds, at least 1ms")]
    First,
    #[error("the longest wait must not be shorter than the first")]
    Order,
}

#[cfg(test)]
mod tests;
