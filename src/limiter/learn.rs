//! What the limiter learns from an answer, or from a connection that could not be made.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{debug, warn};

use super::Limiter;
use super::circuit_breaker::{AttemptResult, Learned, OutageChange, Sign, description};
use super::denial::GivenUp;
use super::permit::Permit;
use super::request_kind::RequestKind;
use super::shared::Waiter;
use super::snapshot::{Feedback, Lasting};
use super::state::LimiterState;
use super::throttle::{Began, ThrottleRefusal};
use crate::domain::answer::{Answer, Delivery, Hold, Speaker, Verdict, Whom};
use crate::rules::retry::{Patience, Role};

/// The request that an answer belongs to.
#[derive(Clone, Copy)]
struct SentRequest {
    request_kind: RequestKind,
    sent: Instant,
}

impl Limiter {
    /// Takes the permit back, and learns from the answer to its request.
    pub(crate) fn heard(&self, mut permit: Permit, answer: &Answer) -> Feedback {
        let now = Instant::now();
        let Permit { request_kind, line, sent, role, .. } = permit;
        // An unused connection goes back before anybody else goes.
        drop(permit.connection());
        permit.forget();
        self.shared.change(|state| {
            let asked = SentRequest { request_kind, sent: sent + answer.waited };
            let ended = EndedAttempt { line: Some(line), role, at: now };
            let feedback = self.learn(state, Some(asked), ended, answer);
            state.spent.in_flight(request_kind, sent, answer);
            state.release(request_kind, role, now);
            feedback
        })
    }

    /// Learns from a connection that could not be made, which is an attempt of no row; `answer`
    /// says why.
    pub(crate) fn connection_failed(&self, answer: &Answer) -> Feedback {
        let at = Instant::now();
        self.shared.change(|state| {
            // During an outage a connection is the probe if a probe was due.
            let ended = EndedAttempt { line: None, role: state.outage.role_of_connection(at), at };
            self.learn(state, None, ended, answer)
        })
    }

    fn learn(
        &self,
        state: &mut LimiterState<Waiter>,
        asked: Option<SentRequest>,
        ended: EndedAttempt,
        answer: &Answer,
    ) -> Feedback {
        let EndedAttempt { line, role, at } = ended;
        let mut patience = Patience::Left;
        state.first_answer.heard(delivery(&answer.verdict), at, &self.backoff);
        let server = state.first_answer.server();
        let sign = Sign::of(&answer.verdict, server);
        let result = AttemptResult { line, role, sign, at };
        let Learned { in_outage, lasted, change } =
            state.outage.heard(result, &self.backoff, || description(answer).into());
        if let OutageChange::Over(lasted) = change {
            state.outage_is_over(lasted, at);
        }
        match (&answer.verdict, asked) {
            (Verdict::Accepted | Verdict::AlreadyStarted, Some(asked)) => {
                state.everyone.granted();
                if let RequestKind::Start(business, _) = asked.request_kind {
                    state.granted(business, at);
                }
            }
            (Verdict::Failed(failure), Some(asked)) => {
                if let Some(hold) = failure.hold {
                    patience = self.refused(state, asked, hold, answer);
                }
            }
            (_, None) => {}
        }
        let says = state.outage.says();
        tell_outage(change, says.as_deref().unwrap_or_default());
        let outage = lasted.zip(says).map(|(lasted, says)| Lasting { lasted, says });
        let unconnected = state.first_answer.unconnected();
        Feedback { in_outage, server, unconnected, patience, outage }
    }

    /// Handles an answer that asked for a pause; returns whether those who must pause still wait.
    fn refused<T>(
        &self,
        state: &mut LimiterState<T>,
        asked: SentRequest,
        hold: Hold,
        answer: &Answer,
    ) -> Patience {
        let now = Instant::now();
        let SentRequest { request_kind, sent } = asked;
        let business = match (hold.whom, request_kind) {
            (Whom::Business, RequestKind::Start(business, _)) => Some(business),
            (Whom::Everyone, _) | (Whom::Business, RequestKind::Poll | RequestKind::Lookup) => None,
        };
        let held_before = state.everyone.held(now).unwrap_or(now);
        let throttle = match business {
            Some(business) => &mut state.shares.of(business, now).throttle,
            None => &mut state.everyone,
        };
        let refused = ThrottleRefusal { sent, stated: hold.stated };
        let began = throttle.refused(refused, now, &self.backoff);
        let patience = throttle.patience(now, self.throttle_patience);
        if began == Began::Hold {
            let pause = throttle.held(now).map(|until| until - now);
            debug!(
                whom = ?hold.whom,
                bk_biz_id = business.map(|business| business.id.get()),
                scope = business.map(|business| business.scope.as_str()),
                ?request_kind,
                ?pause,
                stated = ?hold.stated,
                "held"
            );
        }
        let until = state.everyone.held(now).unwrap_or(now);
        state.shares.excuse(held_before, until);
        state.counters.throttled += 1;
        state.counters.holds += u64::from(began == Began::Hold);
        if let (Some(business), Patience::Over) = (business, patience) {
            let why = GivenUp::Throttled(Arc::from(&*answer.reply.message));
            state.give_up(&why, |of, _| of == business);
        }
        patience
    }
}

/// An attempt that has ended.
#[derive(Clone, Copy)]
struct EndedAttempt {
    /// `None` for a connection, which belongs to no row.
    line: Option<u64>,
    role: Role,
    at: Instant,
}

/// Logs that an outage begins or ends.
fn tell_outage(change: OutageChange, says: &str) {
    match change {
        OutageChange::None => {}
        OutageChange::Began => {
            warn!("bk-sops is gone: {says}; until it is back, one request at a time is sent");
        }
        OutageChange::Over(lasted) => warn!("bk-sops is back after {:.0} s", lasted.as_secs_f64()),
    }
}

const fn delivery(verdict: &Verdict) -> Delivery {
    match verdict {
        Verdict::Accepted | Verdict::AlreadyStarted => Delivery::Answered(Speaker::BkSops),
        Verdict::Failed(failure) => failure.delivery,
    }
}
