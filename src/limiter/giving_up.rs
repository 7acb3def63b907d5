//! Rows and questions that end without another request.

use std::collections::VecDeque;

use super::denial::GivenUp;
use super::fair_queue::Try;
use crate::domain::task::Business;

/// Rows and questions that are given up, until somebody tells them.
#[derive(Debug)]
pub(super) struct GivingUp<R, Q> {
    /// Each row ends as soon as the budget lets it fail.
    rows: VecDeque<Failing<R>>,
    questions: VecDeque<Q>,
}

#[derive(Debug)]
pub(super) struct Failing<R> {
    pub business: Business,
    pub turn: Try,
    pub row: R,
    pub why: GivenUp,
}

impl<R, Q> GivingUp<R, Q> {
    pub(super) const fn new() -> Self {
        Self { rows: VecDeque::new(), questions: VecDeque::new() }
    }

    pub(super) fn add_rows(&mut self, rows: Vec<(Business, Try, R)>, why: &GivenUp) {
        let why = || why.clone();
        self.rows.extend(rows.into_iter().map(|(business, turn, row)| Failing {
            business,
            turn,
            row,
            why: why(),
        }));
    }

    pub(super) fn add_questions(&mut self, questions: Vec<Q>) {
        self.questions.extend(questions);
    }

    pub(super) fn next_row(&mut self) -> Option<Failing<R>> {
        self.rows.pop_front()
    }

    pub(super) fn next_question(&mut self) -> Option<Q> {
        self.questions.pop_front()
    }

    /// Takes back the rows of `business` that were given up because of its throttle.
    pub(super) fn spare(&mut self, business: Business) -> VecDeque<Failing<R>> {
        if self.rows.is_empty() {
            return VecDeque::new();
        }
        let is_spared = |failing: &Failing<R>| {
            failing.business == business && matches!(failing.why, GivenUp::Throttled(_))
        };
        let (spared, rows) = std::mem::take(&mut self.rows).into_iter().partition(is_spared);
        self.rows = rows;
        spared
    }

    /// Drops the rows that were never sent, which tells them.
    pub(super) fn drop_first(&mut self) {
        self.rows.retain(|failing| failing.turn == Try::Retry);
    }

    /// Drops all, which tells them.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.questions.clear();
    }
}
