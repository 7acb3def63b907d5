//! Records which rows were started. A start is real, so every one must be accounted for.

use crate::domain::answer::{Answer, FailureClass, Verdict};
use crate::domain::lines::Lines;

/// Lines of the rows whose requests left.
#[derive(Clone, Debug, Default)]
pub(crate) struct StartedLines {
    pub accepted: Lines,
    /// Rows of which nobody can tell whether the server accepted them.
    pub in_doubt: Lines,
    pub in_flight: Lines,
}

impl StartedLines {
    pub(crate) fn add_request(&mut self, line: u64) {
        self.in_flight.insert(line);
    }

    pub(crate) fn add_answer(&mut self, line: u64, answer: &Answer) {
        self.in_flight.remove(line);
        let is_doubtful = matches!(&answer.verdict,
            Verdict::Failed(failure) if failure.class == FailureClass::Ambiguous);
        if answer.verdict == Verdict::Accepted {
            self.accepted.insert(line);
            self.in_doubt.remove(line);
        } else if is_doubtful && !self.accepted.contains(line) {
            self.in_doubt.insert(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::{Delivery, Failure, Reply, Taken};

    fn answer(verdict: Verdict) -> Answer {
        Answer::new(verdict, Reply::default())
    }

    fn failed(class: FailureClass) -> Answer {
        let (delivery, taken, server) = (Delivery::Lost, Taken::Maybe, Box::default());
        answer(Verdict::Failed(Failure { class, delivery, taken, hold: None, server }))
    }

    #[test]
    fn every_row_that_left_is_out_started_in_doubt_or_not_started() {
        let mut started = StartedLines::default();
        for line in 2..=6 {
            started.add_request(line);
        }
        started.add_answer(2, &answer(Verdict::Accepted));
        started.add_answer(3, &failed(FailureClass::Ambiguous));
        started.add_answer(4, &failed(FailureClass::Permission));
        started.add_answer(5, &answer(Verdict::AlreadyStarted));
        let all = |lines: &Lines| lines.ranges().collect::<Vec<_>>();
        assert_eq!(all(&started.accepted), [(2, 2)]);
        assert_eq!(all(&started.in_doubt), [(3, 3)]);
        assert_eq!(all(&started.in_flight), [(6, 6)]);
        // A row that is used again: what is known stays known.
        started.add_answer(3, &answer(Verdict::Accepted));
        started.add_answer(2, &failed(FailureClass::Ambiguous));
        assert_eq!(all(&started.accepted), [(2, 3)]);
        assert!(started.in_doubt.is_empty());
    }
}
