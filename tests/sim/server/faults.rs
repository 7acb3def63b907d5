//! When server and network go wrong, by time and by number.

use std::collections::BTreeMap;
use std::time::Duration;

use super::At;
use super::call::Interface;
use crate::history::{ConnectFault, Event, Fault, OutageKind, When};

/// Everything that befalls the way to bk-sops, and how many requests came so far.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    periods: Vec<Period>,
    closes: Vec<At>,
    by_start: BTreeMap<u32, Vec<Fault>>,
    by_question: BTreeMap<u32, Vec<Fault>>,
    starts: u32,
    questions: u32,
}

/// A time in which something is wrong.
#[derive(Clone, Copy, Debug)]
struct Period {
    from: At,
    until: At,
    what: Wrong,
}

#[derive(Clone, Copy, Debug)]
enum Wrong {
    Outage(OutageKind),
    Stall(Duration),
    Connect(ConnectFault),
}

impl Faults {
    /// Sorts out the events that wait for a request; those by time are up to the caller.
    pub fn new(events: &[Event]) -> Self {
        let mut faults = Self::default();
        for event in events {
            match event.when {
                When::At(_) => {}
                When::Start(n) => faults.by_start.entry(n).or_default().push(event.what),
                When::Question(n) => faults.by_question.entry(n).or_default().push(event.what),
            }
        }
        faults
    }

    /// Lets `fault` begin at `at`, which may lie ahead, if it is one of the way.
    pub fn begin(&mut self, at: At, fault: Fault) {
        let (what, lasts) = match fault {
            Fault::Outage(kind, lasts) => (Wrong::Outage(kind), lasts),
            Fault::Stall(lasts, late) => (Wrong::Stall(late), lasts),
            Fault::Connect(kind, lasts) => (Wrong::Connect(kind), lasts),
            Fault::CloseIdle => return self.closes.push(at),
            _ => return,
        };
        self.periods.push(Period { from: at, until: at.saturating_add(lasts), what });
    }

    /// Counts a request; returns what befalls with it.
    pub fn arrives(&mut self, interface: Interface) -> Vec<Fault> {
        let (count, due) = match interface {
            Interface::Start => (&mut self.starts, &mut self.by_start),
            Interface::Status | Interface::Detail => (&mut self.questions, &mut self.by_question),
        };
        *count += 1;
        due.remove(count).unwrap_or_default()
    }

    /// Forgets what waits for a request.
    pub fn forget(&mut self) {
        self.by_start.clear();
        self.by_question.clear();
    }

    /// What answers in place of bk-sops.
    pub fn outage(&self, now: At) -> Option<OutageKind> {
        self.at(now).find_map(|wrong| match wrong {
            Wrong::Outage(kind) => Some(kind),
            Wrong::Stall(_) | Wrong::Connect(_) => None,
        })
    }

    /// How much later answers come.
    pub fn stall(&self, now: At) -> Duration {
        let late = self.at(now).map(|wrong| match wrong {
            Wrong::Stall(late) => late,
            Wrong::Outage(_) | Wrong::Connect(_) => Duration::ZERO,
        });
        late.sum()
    }

    pub fn connect(&self, now: At) -> Option<ConnectFault> {
        self.at(now).find_map(|wrong| match wrong {
            Wrong::Connect(kind) => Some(kind),
            Wrong::Outage(_) | Wrong::Stall(_) => None,
        })
    }

    /// When idle connections were last closed.
    pub fn idle_closed(&self, now: At) -> Option<At> {
        self.closes.iter().copied().filter(|at| *at <= now).max()
    }

    fn at(&self, now: At) -> impl Iterator<Item = Wrong> {
        let on =
            self.periods.iter().filter(move |period| (period.from..period.until).contains(&now));
        on.map(|period| period.what)
    }
}
