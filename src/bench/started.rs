//! Which rows were started: a start is real, so none may be lost count of.

use crate::domain::answer::{Answer, FailureClass, Verdict};
use crate::rules::resume::Lines;

/// The lines of rows whose requests left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Started {
    /// Rows that the server accepted.
    pub surely: Lines,
    /// Rows that it may have accepted: nobody can tell.
    pub perhaps: Lines,
    /// Rows whose requests are out.
    pub out: Lines,
}

impl Started {
    /// The request for the row on `line` leaves.
    pub(crate) fn leaves(&mut self, line: u64) {
        self.out.insert(line);
    }

    /// It came back, or was given up.
    pub(crate) fn returns(&mut self, line: u64, answer: &Answer) {
        self.out.remove(line);
        let is_doubtful = matches!(&answer.verdict,
            Verdict::Failed(failure) if failure.class == FailureClass::Ambiguous);
        if answer.verdict == Verdict::Accepted {
            self.surely.insert(line);
            self.perhaps.remove(line);
        } else if is_doubtful && !self.surely.contains(line) {
            self.perhaps.insert(line);
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
        let mut started = Started::default();
        for line in 2..=6 {
            started.leaves(line);
        }
        started.returns(2, &answer(Verdict::Accepted));
        started.returns(3, &failed(FailureClass::Ambiguous));
        started.returns(4, &failed(FailureClass::Permission));
        started.returns(5, &answer(Verdict::AlreadyStarted));
        let all = |lines: &Lines| lines.ranges().collect::<Vec<_>>();
        assert_eq!(all(&started.surely), [(2, 2)]);
        assert_eq!(all(&started.perhaps), [(3, 3)]);
        assert_eq!(all(&started.out), [(6, 6)]);
        // Rows that are used again: what is known stays known.
        started.returns(3, &answer(Verdict::Accepted));
        started.returns(2, &failed(FailureClass::Ambiguous));
        assert_eq!(all(&started.surely), [(2, 3)]);
        assert!(started.perhaps.is_empty());
    }
}
