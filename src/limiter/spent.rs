//! Time that requests were in flight, and rows at risk.

use std::time::Duration;

use tokio::time::Instant;

use crate::rules::course::AnswerTimes;

/// Time that requests were in flight and rows were at risk, of those that no longer are.
#[derive(Debug, Default)]
pub(super) struct Spent {
    requests: u64,
    in_flight: Duration,
    at_risk: Duration,
}

impl Spent {
    /// Adds a request that left at `sent`.
    pub(super) fn in_flight(&mut self, sent: Instant, now: Instant) {
        self.requests += 1;
        self.in_flight += now.saturating_duration_since(sent);
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
            requests: self.requests as f64 / settled as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_requests_and_of_settled_rows() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut spent = Spent::default();
        assert_eq!(spent.answer_times(0), None);
        for (sent, back) in [(0, 2), (1, 2), (3, 6)] {
            spent.in_flight(after(sent), after(back));
            assert_eq!(spent.answer_times(0), None);
        }
        spent.at_risk(after(0), after(2));
        spent.at_risk(after(3), after(9));
        let times = AnswerTimes { request: 2.0, row: 4.0, requests: 1.5 };
        assert_eq!(spent.answer_times(2), Some(times));
    }
}
