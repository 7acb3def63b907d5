//! The state of the limiter as one value: who waits, who is held, what is in flight.
//!
//! It decides who goes next; time and connections are handed in.

mod pick;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::Instant;

use super::choice::{AcquireRequest, Choice};
use super::circuit_breaker::{CircuitBreaker, May};
use super::denial::{Closed, GivenUp};
use super::fair_queue::{FairQueue, IntentNotes, Try};
use super::first_answer::FirstAnswer;
use super::giving_up::{Failing, GivingUp};
use super::intents::{Ahead, IntentsWanted};
use super::limits::Limits;
use super::pace::Pace;
use super::questions::Questions;
use super::request_kind::{Question, RequestClass, RequestKind};
use super::shares::Shares;
use super::snapshot::{Counters, Held, LimiterSnapshot};
use super::spent::Spent;
use super::throttle::Throttle;
use crate::domain::task::Business;
use crate::rules::budget::Ledger;
use crate::rules::retry::Role;

/// Everything that decides who goes next; a waiting row is a `T`.
#[derive(Debug)]
pub(super) struct LimiterState<T> {
    queue: FairQueue<Waiting<T>>,
    ahead: Ahead,
    /// Number of rows that were sent for the first time since the last commit.
    left: u64,
    questions: Questions<T>,
    giving_up: GivingUp<Waiting<T>, T>,
    last: RequestClass,
    pub ledger: Ledger,
    pub spent: Spent,
    pub shares: Shares,
    pub everyone: Throttle,
    pub first_answer: FirstAnswer,
    pub outage: CircuitBreaker,
    probed: Option<Business>,
    pub counters: Counters,
    pace: Option<Pace>,
    /// Requests that were picked before their connection was made, and take their turn anew.
    turns: VecDeque<T>,
    /// Pace of those that take their turn anew.
    departures: Option<Pace>,
    in_flight: usize,
    slots: NonZeroUsize,
    gate: Gate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    ClosedToNew,
    Closed,
}

#[derive(Debug)]
struct Waiting<T> {
    line: u64,
    attempts: u32,
    row: T,
}

impl<T> LimiterState<T> {
    pub(super) fn new(limits: &Limits, notes: IntentNotes, now: Instant) -> Self {
        Self {
            queue: FairQueue::new(notes),
            ahead: Ahead::new(limits.rate, limits.burst.map_or(0, |burst| burst.get().into())),
            left: 0,
            questions: Questions::new(),
            giving_up: GivingUp::new(),
            last: RequestClass::Start(Try::First),
            ledger: Ledger::new(limits.budget),
            spent: Spent::default(),
            shares: Shares::new(limits),
            everyone: Throttle::default(),
            first_answer: FirstAnswer::default(),
            outage: CircuitBreaker::default(),
            probed: None,
            counters: Counters::default(),
            pace: Pace::new(limits.rate, limits.burst, now),
            turns: VecDeque::new(),
            departures: Pace::new(limits.rate, limits.burst, now),
            in_flight: 0,
            slots: limits.slots,
            gate: Gate::Open,
        }
    }

    pub(super) fn join(&mut self, asking: AcquireRequest<T>) -> Result<(), Closed> {
        let AcquireRequest { request_kind, line, attempts, row } = asking;
        let is_new = matches!(request_kind, RequestKind::Start(_, Try::First));
        if self.gate == Gate::Closed || (self.gate == Gate::ClosedToNew && is_new) {
            return Err(Closed);
        }
        match request_kind {
            RequestKind::Start(business, turn) => {
                self.queue.join(business, turn, Waiting { line, attempts, row });
            }
            RequestKind::Poll => self.questions.join(Question::State, line, row),
            RequestKind::Lookup => self.questions.join(Question::Link, line, row),
        }
        Ok(())
    }

    /// Adds a request that was picked before its connection was made.
    pub(super) fn join_turns(&mut self, request: T) -> Result<(), Closed> {
        if self.gate == Gate::Closed {
            return Err(Closed);
        }
        self.turns.push_back(request);
        Ok(())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.gate == Gate::Closed
    }

    /// Gives up the `chosen` rows one by one, as far as the budget lets them fail.
    pub(super) fn give_up(&mut self, why: &GivenUp, chosen: impl Fn(Business, u64) -> bool) {
        let chosen = |business, waiting: &Waiting<T>| chosen(business, waiting.line);
        self.giving_up.add_rows(self.queue.remove(chosen), why);
    }

    /// Takes back the rows of `business` that were given up: something of it was granted.
    pub(super) fn granted(&mut self, business: Business, now: Instant) {
        self.shares.of(business, now).throttle.granted();
        for Failing { business, turn, row, .. } in self.giving_up.spare(business) {
            self.queue.join(business, turn, row);
        }
    }

    /// Excuses the time of an outage that is over: no patience was lost meanwhile.
    pub(super) fn outage_is_over(&mut self, lasted: Duration, now: Instant) {
        self.everyone.excuse(now - lasted, now);
        self.shares.excuse(now - lasted, now);
    }

    fn take(&mut self, choice: Choice, now: Instant) -> Option<T> {
        match choice.request_kind() {
            RequestKind::Start(business, turn) => {
                self.last = RequestClass::Start(turn);
                let Waiting { row, .. } = match choice {
                    Choice::Probe(place) => {
                        self.probed = Some(business);
                        self.queue.take_at(place)?
                    }
                    Choice::InTurn(_) | Choice::ProbeByQuestion(..) => {
                        self.queue.take(business, turn)?
                    }
                };
                self.left += u64::from(turn == Try::First);
                self.ledger.risk();
                self.shares.sent(business, now);
                Some(row)
            }
            RequestKind::Poll => {
                self.last = RequestClass::Poll;
                self.questions.take(Question::State, choice.index())
            }
            RequestKind::Lookup => {
                self.last = RequestClass::Lookup;
                self.questions.take(Question::Link, choice.index())
            }
        }
    }

    /// Names the rows that go next and must be noted first. While everyone is held there are
    /// none, but a probe of an outage needs one to go with.
    pub(super) fn name_intents(&mut self, now: Instant) -> Vec<u64> {
        if self.gate != Gate::Open || self.everyone.held(now).is_some() {
            return Vec::new();
        }
        let wanted = match self.outage.may_go(now) {
            May::Go(Role::Normal) => self.ahead.wanted(self.ledger.room()),
            May::Go(Role::Probe) => 1,
            May::Wait(_) | May::WaitForProbe => 0,
        };
        let count = usize::try_from(wanted).unwrap_or(usize::MAX);
        let count = count.saturating_sub(self.queue.ready());
        let Self { queue, shares, .. } = self;
        queue.name(count, now, |business| shares.blocked(business, now), |waiting| waiting.line)
    }

    pub(super) fn intents_committed(&mut self) {
        self.queue.committed();
        self.ahead.committed(std::mem::take(&mut self.left));
    }

    /// Whether a commit is wanted for intents alone: fewer rows are noted ahead than half of what
    /// may be, and others wait to be noted.
    pub(super) fn wants_intents(&self, now: Instant) -> Option<IntentsWanted> {
        if self.gate != Gate::Open
            || self.everyone.held(now).is_some()
            || self.queue.is_naming()
            || !self.queue.has_unnamed()
        {
            return None;
        }
        let ready = self.queue.ready() as u64;
        let are_few = match self.outage.may_go(now) {
            May::Go(Role::Normal) => ready * 2 < self.ahead.wanted(self.ledger.room()),
            May::Go(Role::Probe) => ready == 0,
            May::Wait(_) | May::WaitForProbe => false,
        };
        let urgency = if ready == 0 { IntentsWanted::Now } else { IntentsWanted::Soon };
        are_few.then_some(urgency)
    }

    fn next_business(&mut self, now: Instant) -> Option<(Business, Try)> {
        let Self { queue, shares, .. } = self;
        queue.next(now, |business| shares.blocked(business, now))
    }

    pub(super) fn snapshot(&self, now: Instant) -> LimiterSnapshot {
        let outage = self.outage.says().map(|says| {
            let until = match self.outage.may_go(now) {
                May::Wait(until) => until,
                May::WaitForProbe | May::Go(_) => now,
            };
            Held::Outage(until, says)
        });
        let everyone = || self.everyone.held(now).map(Held::Everyone);
        LimiterSnapshot {
            in_flight: self.in_flight as u64,
            requests: self.counters.requests,
            held: outage.or_else(everyone).or_else(|| self.shares.held(now)),
        }
    }

    pub(super) fn release(&mut self, request_kind: RequestKind, role: Role, now: Instant) {
        self.in_flight -= 1;
        if role == Role::Probe {
            self.outage.withdrawn();
        }
        let business = match request_kind {
            RequestKind::Start(business, _) => business,
            RequestKind::Poll => return,
            RequestKind::Lookup => {
                self.questions.link_is_back();
                return;
            }
        };
        self.shares.back(business, now);
        self.queue.wake(business);
    }

    /// Lets no row go that was never sent; dropping those who wait tells them.
    pub(super) fn close_to_new(&mut self) {
        if self.gate == Gate::Open {
            self.gate = Gate::ClosedToNew;
            drop(self.queue.drain_first());
            self.giving_up.drop_first();
        }
    }

    /// Lets nobody go any more; dropping those who wait tells them.
    pub(super) fn close(&mut self) {
        self.gate = Gate::Closed;
        self.queue.drain().for_each(drop);
        self.giving_up.clear();
        self.questions.clear();
        self.turns.clear();
    }
}
