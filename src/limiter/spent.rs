//! Time that requests were in flight, and rows at risk.

use std::time::Duration;

use tokio::time::Instant;

use super::request_kind::RequestKind;
use crate::domain::answer::{Answer, Delivery, Speaker, Verdict};
use crate::rules::course::AnswerTimes;

/// Time that requests were in flight and rows were at risk, of those that no longer are.
#[derive(Debug, Default)]
pub(super) struct Spent {
    requests: u64,
    questions: u64,
    in_flight: Duration,
    at_risk: Duration,
}

impl Spent {
    /// Adds a request that left at `sent`. Only what bk-sops answered at its own pace says how long
    /// it takes: a hung or a throttled request does not.
    pub(super) fn in_flight(&mut self, kind: RequestKind, sent: Instant, answer: &Answer) {
        let is_question = !matches!(kind, RequestKind::Start(..));
        self.questions += u64::from(is_question);
        let is_timed = match &answer.verdict {
            Verdict::Accepted | Verdict::AlreadyStarted => true,
            Verdict::Failed(failure) => {
                failure.hold.is_none() && failure.delivery == Delivery::Answered(Speaker::BkSops)
            }
        };
        if is_timed {
            self.requests += 1;
            self.in_flight += sent.elapsed();
        }
    }

    /// Adds a time for which a row was at risk.
    pub(super) fn at_risk(&mut self, since: Instant, now: Instant) {
        self.at_risk += now.saturating_duration_since(since);
    }

    /// Returns the mean times, if `settled` rows have their last word.
    #[expect(clippy::cast_precision_loss, reason = "a mean is no closer than a few percent")]
    pub(super) fn answer_times(&self, settled: u64) -> Option<AnswerTimes> {
        let mean = |time: Duration, count: u64| time.as_secs_f64() / count as f64;
        (settled > 0 && self.requests > 0).then(|| AnswerTimes {
            request: mean(self.in_flight, self.requests),
            row: mean(self.at_risk, settled),
            requests: 1.0 + self.questions as f64 / settled as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::{Failure, FailureClass, Hold, Reply, Taken, Whom};
    use crate::domain::task::{Business, Scope};
    use crate::limiter::Try;

    fn answer(verdict: Verdict) -> Answer {
        Answer { verdict, reply: Reply::default(), waited: Duration::ZERO, date: None }
    }

    fn throttled() -> Verdict {
        Verdict::Failed(Failure {
            class: FailureClass::ThrottledApp,
            delivery: Delivery::Answered(Speaker::Front),
            taken: Taken::No,
            hold: Some(Hold { whom: Whom::Everyone, stated: None }),
            server: Box::default(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn means_are_of_requests_and_of_settled_rows() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let business = Business { scope: Scope::CmdbBiz, id: "2".parse().unwrap() };
        let start = RequestKind::Start(business, Try::First);
        let mut spent = Spent::default();
        assert_eq!(spent.answer_times(0), None);
        tokio::time::advance(Duration::from_secs(6)).await;
        for (kind, sent, verdict) in [
            (start, 2, Verdict::Accepted),
            (start, 4, Verdict::AlreadyStarted),
            (RequestKind::Poll, 6, Verdict::Accepted),
            (start, 0, throttled()),
        ] {
            spent.in_flight(kind, after(sent), &answer(verdict));
            assert_eq!(spent.answer_times(0), None);
        }
        spent.at_risk(after(0), after(2));
        spent.at_risk(after(3), after(9));
        let times = AnswerTimes { request: 2.0, row: 4.0, requests: 1.5 };
        assert_eq!(spent.answer_times(2), Some(times));
    }
}
