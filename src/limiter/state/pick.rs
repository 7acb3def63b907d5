//! Whose request leaves next: rows, questions, and requests that take their turn anew.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::{Gate, LimiterState};
use crate::domain::connections::Connections;
use crate::domain::count::counted;
use crate::limiter::choice::{Choice, Pick, RoundIsOver};
use crate::limiter::circuit_breaker::{May, Round};
use crate::limiter::demand;
use crate::limiter::denial::{Closed, GivenUp};
use crate::limiter::fair_queue::probe::ProbeSearch;
use crate::limiter::questions::Sought;
use crate::limiter::request_kind::{self, RequestClass, RequestKind};
use crate::rules::retry::{Role, Server};

/// What keeps everyone from going.
enum Obstacle {
    /// All slots are taken.
    Slots,
    /// Until this time, if it is known.
    Held(Option<Instant>),
}

impl<T> LimiterState<T> {
    /// Returns whose request leaves at `now`, if any may, with one of `connections` set aside.
    pub(crate) fn pick(
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

    /// Returns the next request that takes its turn anew, if that is due; if not, the error is when
    /// it will be.
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
        // Others would only queue up behind those that take their turn anew, and their connections
        // would grow old meanwhile.
        if !self.turns.is_empty() {
            return Pick::Wait(None);
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
            return Pick::Wait(wake.map(|wake| self.prepare(wake, 1, now, connections)));
        };
        if let Some(pace) = &mut self.pace
            && let Err(due) = pace.take(now)
        {
            let count = self.wanted(role, due - now, connections.lead_time());
            return Pick::Wait(Some(self.prepare(due, count, now, connections)));
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

    /// Has connections made for a request that can go at `due`, and returns when to look again.
    fn prepare(
        &self,
        due: Instant,
        count: usize,
        now: Instant,
        connections: &dyn Connections,
    ) -> Instant {
        let earliest = demand::earliest(due, self.in_flight, connections.lead_time());
        demand::prepare(due, earliest, count, now, connections)
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
            let rows = counted(lines.len() as u64, "row", "rows");
            warn!("bk-sops works, but fails each request for {rows}: they are not sent again");
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
}
