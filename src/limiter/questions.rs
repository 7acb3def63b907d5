//! Waiting questions for states of tasks and for links.

use std::collections::{BTreeSet, VecDeque};

use super::request_kind::{MAX_LOOKUPS, Question};

/// The waiting questions, each of them a `T`, in order of arrival.
#[derive(Debug)]
pub(super) struct Questions<T> {
    states: VecDeque<(u64, T)>,
    links: VecDeque<(u64, T)>,
    /// Number of link questions that are out.
    links_out: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sought {
    /// The question at this place among its kind.
    Found(Question, usize),
    /// Questions wait, but none of them is wanted.
    NoneWanted,
    Nobody,
}

impl<T> Questions<T> {
    pub(super) const fn new() -> Self {
        Self { states: VecDeque::new(), links: VecDeque::new(), links_out: 0 }
    }

    pub(super) fn join(&mut self, question: Question, line: u64, row: T) {
        self.queue(question).push_back((line, row));
    }

    /// Returns how many questions may go.
    pub(super) fn len(&self) -> usize {
        let links = self.links.len().min(MAX_LOOKUPS.saturating_sub(self.links_out));
        self.states.len() + links
    }

    /// Whether a question for a state may go.
    pub(super) fn state(&self) -> Option<()> {
        self.states.front().map(|_| ())
    }

    /// Whether a question for a link may go.
    pub(super) fn link(&self) -> Option<()> {
        self.links.front().filter(|_| self.links_out < MAX_LOOKUPS).map(|_| ())
    }

    /// Looks for the first wanted question, those for states before those for links.
    pub(super) fn search(&self, is_wanted: impl Fn(u64) -> bool) -> Sought {
        for (question, queue) in [(Question::State, &self.states), (Question::Link, &self.links)] {
            if let Some(index) = queue.iter().position(|(line, _)| is_wanted(*line)) {
                return Sought::Found(question, index);
            }
        }
        if self.states.is_empty() && self.links.is_empty() {
            Sought::Nobody
        } else {
            Sought::NoneWanted
        }
    }

    pub(super) fn take(&mut self, question: Question, index: usize) -> Option<T> {
        let (_, row) = self.queue(question).remove(index)?;
        self.links_out += usize::from(question == Question::Link);
        Some(row)
    }

    pub(super) const fn link_is_back(&mut self) {
        self.links_out -= 1;
    }

    pub(super) fn remove(&mut self, lines: &BTreeSet<u64>) -> Vec<T> {
        let mut removed = Vec::new();
        for queue in [&mut self.states, &mut self.links] {
            let (chosen, others): (Vec<_>, Vec<_>) =
                std::mem::take(queue).into_iter().partition(|(line, _)| lines.contains(line));
            queue.extend(others);
            removed.extend(chosen.into_iter().map(|(_, row)| row));
        }
        removed
    }

    /// Drops all that wait, which tells them.
    pub(super) fn clear(&mut self) {
        self.states.clear();
        self.links.clear();
    }

    const fn queue(&mut self, question: Question) -> &mut VecDeque<(u64, T)> {
        match question {
            Question::State => &mut self.states,
            Question::Link => &mut self.links,
        }
    }
}
