//! Little is sent until a server is known to be there: a wrong URL must not get the whole list,
//! nor the credentials with each row.
//!
//! A rule with the time handed in: it neither waits nor sends.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::answer::{Delivery, Speaker};
use crate::rules::retry::{Backoff, Server};

/// Time to wait for the requests that are out before one more may leave.
const ONE_MORE_INTERVAL: Duration = Duration::from_secs(5);

/// What a session knows of its server, and how much may be sent before it knows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstAnswer {
    server: Server,
    out_since: Option<Instant>,
    /// Number of consecutive connections that failed, before any HTTP answer.
    unconnected: u32,
    /// When the next connection may be tried.
    next: Option<Instant>,
}

impl Default for FirstAnswer {
    fn default() -> Self {
        Self { server: Server::NeverReached, out_since: None, unconnected: 0, next: None }
    }
}

impl FirstAnswer {
    #[must_use]
    pub(crate) const fn server(&self) -> Server {
        self.server
    }

    #[must_use]
    pub(crate) const fn unconnected(&self) -> u32 {
        self.unconnected
    }

    /// Whether one more request may leave at `now`, while `in_flight` are out. If not, the error
    /// is when it may, if nothing is heard before.
    pub(crate) fn may_go(&self, in_flight: usize, now: Instant) -> Result<(), Instant> {
        if self.server >= Server::Front {
            return Ok(());
        }
        if let Some(next) = self.next.filter(|next| *next > now) {
            return Err(next);
        }
        let Some(since) = self.out_since.filter(|_| in_flight > 0) else { return Ok(()) };
        let waited = u32::try_from(in_flight).unwrap_or(u32::MAX);
        let more = since + ONE_MORE_INTERVAL.saturating_mul(waited);
        if more <= now { Ok(()) } else { Err(more) }
    }

    pub(crate) fn sent(&mut self, in_flight: usize, now: Instant) {
        if in_flight == 0 {
            self.out_since = Some(now);
        }
    }

    pub(crate) fn heard(&mut self, delivery: Delivery, now: Instant, backoff: &Backoff) {
        let found = match delivery {
            Delivery::Answered(Speaker::BkSops) => Server::BkSops,
            Delivery::Answered(Speaker::Front) => Server::Front,
            Delivery::Answered(Speaker::Proxy | Speaker::Stranger) => Server::Reached,
            Delivery::NotSent(_) | Delivery::Lost | Delivery::NotHttp => Server::NeverReached,
        };
        self.server = self.server.max(found);
        match delivery {
            Delivery::NotSent(_) if self.server == Server::NeverReached => {
                self.next = Some(now + backoff.wait(self.unconnected));
                self.unconnected = self.unconnected.saturating_add(1);
            }
            _ => (self.unconnected, self.next) = (0, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::NotSent;

    fn backoff() -> Backoff {
        "500ms..30s".parse().unwrap()
    }

    #[test]
    fn one_request_is_out_and_one_more_for_every_five_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut first = FirstAnswer::default();
        assert_eq!(first.may_go(0, start), Ok(()));
        first.sent(0, start);
        assert_eq!(first.may_go(1, start), Err(at(5)));
        assert_eq!(first.may_go(1, at(5)), Ok(()));
        first.sent(1, at(5));
        assert_eq!(first.may_go(2, at(6)), Err(at(10)));
        first.heard(Delivery::Lost, at(7), &backoff());
        assert_eq!(first.may_go(0, at(7)), Ok(()));
        first.sent(0, at(7));
        assert_eq!(first.may_go(1, at(8)), Err(at(12)));
    }

    #[test]
    fn only_what_bk_sops_or_its_fronts_can_have_said_is_a_first_answer() {
        let start = Instant::now();
        for (speaker, server, may_go) in [
            (Speaker::Proxy, Server::Reached, false),
            (Speaker::Stranger, Server::Reached, false),
            (Speaker::Front, Server::Front, true),
            (Speaker::BkSops, Server::BkSops, true),
        ] {
            let mut first = FirstAnswer::default();
            first.sent(0, start);
            first.heard(Delivery::Answered(speaker), start, &backoff());
            assert_eq!(first.server(), server);
            assert_eq!(first.may_go(1, start).is_ok(), may_go, "{speaker:?}");
            first.heard(Delivery::Lost, start, &backoff());
            assert_eq!(first.server(), server, "what is known stays known");
        }
    }

    #[test]
    fn connections_that_cannot_be_made_are_tried_by_the_backoff() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let refused = Delivery::NotSent(NotSent::Unreachable);
        let mut first = FirstAnswer::default();
        first.heard(refused, start, &backoff());
        assert_eq!((first.unconnected(), first.may_go(0, start)), (1, Err(at(500))));
        assert_eq!(first.may_go(0, at(500)), Ok(()));
        first.heard(refused, at(500), &backoff());
        assert_eq!((first.unconnected(), first.may_go(0, at(500))), (2, Err(at(1500))));
        first.heard(Delivery::Lost, at(1500), &backoff());
        assert_eq!((first.unconnected(), first.may_go(0, at(1500))), (0, Ok(())), "in a row");
        first.heard(Delivery::Answered(Speaker::Proxy), at(1500), &backoff());
        first.heard(refused, at(1600), &backoff());
        assert_eq!((first.unconnected(), first.may_go(0, at(1600))), (0, Ok(())));
    }
}
