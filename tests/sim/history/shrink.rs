//! Shrinks a history that breaks a promise to a smaller one that breaks it, too.

use std::time::Duration;

use super::simplify::simplifications;
use super::{Act, Before, Event, Flag, History, ListedRow};

/// Maximum number of histories that are tried.
const MAX_TRIES: u32 = 400;

/// Takes as much away from `history` as can be taken while `still_breaks`.
pub fn shrink(history: History, still_breaks: &mut dyn FnMut(&History) -> bool) -> History {
    let mut search = Search { best: history, still_breaks, tries: MAX_TRIES };
    while search.pass() && search.tries > 0 {}
    search.best
}

/// A list inside a history.
type ListOf<T> = fn(&mut History, usize) -> &mut Vec<T>;

/// Drops the first session; the second becomes the `run`.
fn drop_run(history: &mut History) {
    const OF_RESUME: [&str; 2] = ["retry-failed", "target-changed"];
    history.sessions.remove(0);
    let run = &mut history.sessions[0];
    run.gap = Duration::ZERO;
    run.reboot = false;
    run.before.clear();
    run.flags.retain(|flag| !OF_RESUME.contains(&flag.name));
}

struct Search<'a> {
    /// The smallest history so far that breaks.
    best: History,
    still_breaks: &'a mut dyn FnMut(&History) -> bool,
    tries: u32,
}

impl Search<'_> {
    /// Tries each way to make it smaller, and returns whether one did.
    fn pass(&mut self) -> bool {
        let events: ListOf<Event> = |history, _| &mut history.events;
        let rows: ListOf<ListedRow> = |history, _| &mut history.list;
        let acts: ListOf<Act> = |history, session| &mut history.sessions[session].acts;
        let befores: ListOf<Before> = |history, session| &mut history.sessions[session].before;
        let flags: ListOf<Flag> = |history, session| &mut history.sessions[session].flags;
        let mut is_smaller = self.drop_sessions();
        is_smaller |= self.drop_items(events, 0);
        is_smaller |= self.drop_items(rows, 0);
        for session in 0..self.best.sessions.len() {
            is_smaller |= self.drop_items(acts, session);
            is_smaller |= self.drop_items(befores, session);
            is_smaller |= self.drop_items(flags, session);
        }
        is_smaller | self.simplify()
    }

    /// Takes the changed history if it still breaks.
    fn try_change(&mut self, change: impl FnOnce(&mut History)) -> bool {
        if self.tries == 0 {
            return false;
        }
        let mut changed = self.best.clone();
        change(&mut changed);
        if changed == self.best {
            return false;
        }
        self.tries -= 1;
        let breaks = (self.still_breaks)(&changed);
        if breaks {
            self.best = changed;
        }
        breaks
    }

    /// Drops the resumes behind one, then single ones, then the `run`, in whose place the first
    /// resume begins.
    fn drop_sessions(&mut self) -> bool {
        let mut is_smaller = false;
        for kept in 1..self.best.sessions.len() {
            if self.try_change(|history| history.sessions.truncate(kept)) {
                is_smaller = true;
                break;
            }
        }
        for at in (1..self.best.sessions.len()).rev() {
            is_smaller |= self.try_change(|history| drop(history.sessions.remove(at)));
        }
        while self.best.sessions.len() > 1 && self.try_change(drop_run) {
            is_smaller = true;
        }
        is_smaller
    }

    /// Drops halves of a list, then quarters, and so on down to single items.
    fn drop_items<T>(&mut self, list: ListOf<T>, session: usize) -> bool {
        let mut is_smaller = false;
        let mut chunk = list(&mut self.best, session).len();
        while chunk > 0 {
            // From the end, since a dropped chunk moves only what was already tried.
            let mut end = list(&mut self.best, session).len();
            while end > 0 {
                let begin = end.saturating_sub(chunk);
                is_smaller |= self.try_change(|history| {
                    list(history, session).drain(begin..end);
                });
                end = begin;
            }
            chunk /= 2;
        }
        is_smaller
    }

    fn simplify(&mut self) -> bool {
        let mut is_simpler = false;
        for simpler in simplifications(&self.best) {
            is_simpler |= self.try_change(|history| simpler.apply(history));
        }
        is_simpler
    }
}
