//! What the limiter's loop looks at, as one value: who waits, who is held, what is
//! in flight. It decides who goes next; time and connections are handed in.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::choice::{AcquireRequest, Choice, Pick, RoundIsOver};
use super::circuit_breaker::{CircuitBreaker, May, Round};
use super::demand;
use super::denial::{Closed, GivenUp};
use super::fair_queue::probe::ProbeSearch;
use super::fair_queue::{FairQueue, IntentNotes, Try};
use super::first_answer::FirstAnswer;
use super::giving_up::{Failing, GivingUp};
use super::intents::Ahead;
use super::limits::Limits;
use super::pace::Pace;
use super::questions::{Questions, Sought};
use super::request_kind::{self, Question, RequestClass, RequestKind};
use super::shares::Shares;
use super::snapshot::{Counters, Held, LimiterSnapshot};
use super::throttle::Throttle;
use crate::domain::connections::Connections;
use crate::domain::task::Business;
use crate::rules::budget::Ledger;
use crate::rules::retry::{Role, Server};

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
    pub shares: Shares,
    pub everyone: Throttle,
    pub first_answer: FirstAnswer,
    pub outage: CircuitBreaker,
    probed: Option<Business>,
    pub counters: Counters,
    pace: Option<Pace>,
    /// Requests that were picked, and take their turn anew.
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

/// What keeps everyone from going.
enum Obstacle {
    /// All slots are taken.
    Slots,
    /// Until this time, if it is known.
    Held(Option<Instant>),
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

    /// Returns whose request leaves at `now`, if any may, with one of `connections` set aside.
    pub(super) fn pick(
        &mut self,
        now: Instant,
        connections: &dyn Connections,
    ) -> Result<Pick<T>, Closed> {
        if self.gate == Gate::Closed {
            return Err(Closed);
        }
        let due = match self.next_turn(now) {
            Ok(Some(request)) => return Ok(Pick::Turn(request)),
            Ok(None) => None,
            Err(due) => Some(due),
        };
        Ok(match self.pick_waiting(now, connections) {
            Pick::Wait(wake) => Pick::Wait(wake.into_iter().chain(due).min()),
            pick => pick,
        })
    }

    /// Returns the request whose turn anew is due, or else when it will be.
    fn next_turn(&mut self, now: Instant) -> Result<Option<T>, Instant> {
        if self.turns.is_empty() {
            return Ok(None);
        }
        if let Some(until) = self.everyone.held(now) {
            return Err(until);
        }
        if let Some(pace) = &mut self.departures {
            pace.take(now)?;
            pace.used(now);
        }
        Ok(self.turns.pop_front())
    }

    fn pick_waiting(&mut self, now: Instant, connections: &dyn Connections) -> Pick<T> {
        if let Some(row) = self.giving_up.next_question() {
            return Pick::InVain(row);
        }
        if self.ledger.has_room()
            && let Some(failing) = self.giving_up.next_row()
        {
            self.ledger.risk();
            return Pick::GiveUp(failing.why, failing.row.row);
        }
        let role = match self.may_go(now) {
            Ok(role) => role,
            Err(Obstacle::Slots) => return Pick::Wait(None),
            Err(Obstacle::Held(wake)) => {
                connections.want(0);
                return Pick::Wait(wake);
            }
        };
        let choice = match role {
            Role::Normal => self.next_request(now).map(Choice::InTurn),
            Role::Probe => match self.next_probe(now) {
                Ok(choice) => choice,
                // The outage is over, or a new round begins.
                Err(RoundIsOver) => return self.pick_waiting(now, connections),
            },
        };
        let Some(choice) = choice else {
            let wake = self.queue.next_wake();
            return Pick::Wait(wake.map(|wake| demand::prepare(wake, 1, now, connections)));
        };
        if let Some(pace) = &mut self.pace
            && let Err(due) = pace.take(now)
        {
            let count = self.wanted(role, due - now, connections.lead_time());
            return Pick::Wait(Some(demand::prepare(due, count, now, connections)));
        }
        if !connections.set_aside() {
            connections.want(self.wanted(role, Duration::ZERO, connections.lead_time()));
            return Pick::Wait(Some(now + demand::LOOK_AGAIN_INTERVAL));
        }
        let Some(row) = self.take(choice, now) else {
            connections.put_back();
            return Pick::Wait(None);
        };
        if let Some(pace) = &mut self.pace {
            pace.used(now);
        }
        self.first_answer.sent(self.in_flight, now);
        self.in_flight += 1;
        self.counters.requests += 1;
        self.outage.sent(role);
        Pick::Go(choice.request_kind(), role, row)
    }

    /// Returns how many connections are wanted for a turn that is due after `until`, if making
    /// one takes `lead_time`.
    fn wanted(&self, role: Role, until: Duration, lead_time: Duration) -> usize {
        if role == Role::Probe || self.first_answer.server() < Server::Front {
            return 1;
        }
        let waiting = self.queue.going(self.shares.slots()) + self.questions.len();
        let free = self.slots.get() - self.in_flight;
        let due = demand::turns(self.pace.as_ref(), until, lead_time);
        due.min(waiting.max(1)).min(free)
    }

    /// Returns the role in which a request may leave at `now`, whosever it is.
    fn may_go(&self, now: Instant) -> Result<Role, Obstacle> {
        if self.in_flight >= self.slots.get() {
            return Err(Obstacle::Slots);
        }
        if let Some(until) = self.everyone.held(now) {
            return Err(Obstacle::Held(Some(until)));
        }
        let first = self.first_answer.may_go(self.in_flight, now);
        first.map_err(|until| Obstacle::Held(Some(until)))?;
        match self.outage.may_go(now) {
            May::Go(role) => Ok(role),
            May::Wait(until) => Err(Obstacle::Held(Some(until))),
            May::WaitForProbe => Err(Obstacle::Held(None)),
        }
    }

    fn next_request(&mut self, now: Instant) -> Option<RequestKind> {
        self.queue.wake_sleepers(now);
        // If as many rows are at risk as may yet fail, starts wait, but questions do not.
        let start = if self.ledger.has_room() { self.next_business(now) } else { None };
        let turn = start.map(|(_, turn)| turn);
        Some(
            match request_kind::next(
                turn,
                self.questions.state(),
                self.questions.link(),
                self.last,
            )? {
                RequestClass::Start(turn) => RequestKind::Start(start?.0, turn),
                RequestClass::Poll => RequestKind::Poll,
                RequestClass::Lookup => RequestKind::Lookup,
            },
        )
    }

    /// Returns who goes with the next probe of an outage: rows before questions.
    fn next_probe(&mut self, now: Instant) -> Result<Option<Choice>, RoundIsOver> {
        self.queue.wake_sleepers(now);
        match if self.ledger.has_room() { self.search(now) } else { ProbeSearch::Nobody } {
            ProbeSearch::Found(place) => return Ok(Some(Choice::Probe(place))),
            // A row that was never sent is noted first.
            ProbeSearch::NoneWanted if self.queue.has_unnamed() || self.queue.is_naming() => {
                return Ok(None);
            }
            ProbeSearch::NoneWanted => {}
            ProbeSearch::Nobody => {
                match self.questions.search(|line| !self.outage.was_probed(line)) {
                    Sought::Found(question, at) => {
                        return Ok(Some(Choice::ProbeByQuestion(question, at)));
                    }
                    Sought::NoneWanted => {}
                    Sought::Nobody => return Ok(None),
                }
            }
        }
        if let Round::BadRows(lines, lasted) = self.outage.round_is_over(now) {
            self.outage_is_over(lasted, now);
            self.give_up(&GivenUp::BadRow, |_, line| lines.contains(&line));
            self.giving_up.add_questions(self.questions.remove(&lines));
            warn!("bk-sops works, and fails what was sent for {}: that ends", rows(lines.len()));
        }
        Err(RoundIsOver)
    }

    fn search(&mut self, now: Instant) -> ProbeSearch {
        let Self { queue, shares, outage, probed, .. } = self;
        let blocked = |business| shares.blocked(business, now);
        queue.search(now, *probed, blocked, |waiting| {
            (!outage.was_probed(waiting.line)).then_some(waiting.attempts)
        })
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
    pub(super) fn wants_intents(&self, now: Instant) -> bool {
        if self.gate != Gate::Open
            || self.everyone.held(now).is_some()
            || self.queue.is_naming()
            || !self.queue.has_unnamed()
        {
            return false;
        }
        let ready = self.queue.ready() as u64;
        match self.outage.may_go(now) {
            May::Go(Role::Normal) => ready * 2 < self.ahead.wanted(self.ledger.room()),
            May::Go(Role::Probe) => ready == 0,
            May::Wait(_) | May::WaitForProbe => false,
        }
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

fn rows(count: usize) -> String {
    if count == 1 { "1 row".into() } else { format!("{count} rows") }
}
