//! One request and its answer: what goes wrong with it, who answers, and what is written down.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bk_sops::{PROCESSES, Permissions, Published};
use super::call::{Call, Interface};
use super::captures::{self, Capture};
use super::front::Ids;
use super::story::name;
use super::{At, Exchange, RawAnswer, Refusal, Reply, Request, Response, Server, TaskTruth, Whom};
use crate::history::{ExchangeFault, Fault, Key, Taken};

/// A request that was read.
pub(super) struct Arrival {
    pub now: At,
    /// `None` if there is no such path.
    pub call: Option<Call>,
    pub ids: Ids,
}

impl Arrival {
    pub fn key(&self) -> Option<&Key> {
        self.call.as_ref()?.task.as_ref().ok()
    }

    /// Writes down a start that reached the front.
    fn note(&self, truth: &mut BTreeMap<Key, TaskTruth>) {
        let Some(call) = &self.call else { return };
        if let (Interface::Start, Ok(key)) = (call.interface, &call.task) {
            let truth = truth.entry(key.clone()).or_default();
            truth.arrived.push((self.now, self.ids.caller.clone()));
        }
    }
}

/// What is on its way back.
pub(super) enum Coming {
    Whole(Response),
    CutOff(RawAnswer),
    Reset,
    Nothing,
}

fn header(request: &Request, name: &str) -> String {
    let mut headers = request.headers.iter();
    headers.find(|(own, _)| own == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// An answer that quotes the whole request, its secrets too, and says nothing else.
fn quote(request: &Request) -> RawAnswer {
    let Request { method, path, headers, body } = request;
    let mut text = format!("got {method} {path}\r\n");
    text.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    text.push_str(&String::from_utf8_lossy(body));
    let body = format!(r#"{{"message":{}}}"#, serde_json::Value::from(text));
    let headers = vec![("content-type".into(), "application/json".into())];
    RawAnswer { status: 200, headers, body: body.into() }
}

impl Server {
    /// Takes a request; returns what comes back.
    pub fn receive(&mut self, now: At, request: &Request) -> Exchange {
        self.settle(now);
        let call = Call::read(&self.plan, request);
        let ids = Ids { nonce: self.rng.u128(..), caller: header(request, "x-request-id") };
        let arrival = Arrival { now, call, ids };
        arrival.note(&mut self.truth);
        let fault = self.befalls_with(&arrival);
        let (least, most) = self.plan.latency;
        let spread = u64::try_from((most.saturating_sub(least)).as_nanos()).unwrap_or(u64::MAX);
        let latency = least + Duration::from_nanos(self.rng.u64(0..=spread));
        let late = match fault {
            Some(ExchangeFault::Late(late)) => late,
            _ => Duration::ZERO,
        };
        let after = latency + self.faults.stall(now) + late;
        let reply = match self.faults.outage(now) {
            Some(kind) => self.during(kind, &arrival),
            None => self.exchange(fault, &arrival, request),
        };
        Exchange { after, reply: self.leave(reply, now + after, &arrival) }
    }

    /// Counts a request; lets befall what waited for it, and returns what befalls itself.
    fn befalls_with(&mut self, arrival: &Arrival) -> Option<ExchangeFault> {
        let interface = arrival.call.as_ref()?.interface;
        let mut own = None;
        for fault in self.faults.arrives(interface) {
            match fault {
                Fault::Exchange(fault) => own = own.or(Some(fault)),
                fault => self.befall(arrival.now, fault),
            }
        }
        self.settle(arrival.now);
        own
    }

    fn exchange(
        &mut self,
        fault: Option<ExchangeFault>,
        arrival: &Arrival,
        request: &Request,
    ) -> Coming {
        if let Some(fault) = fault {
            self.tell(arrival, || format!("goes wrong: {fault:?}"));
        }
        match fault {
            None | Some(ExchangeFault::Late(_)) => Coming::Whole(self.answer(arrival)),
            Some(ExchangeFault::ResetBefore) => Coming::Reset,
            Some(ExchangeFault::HangBefore) => Coming::Nothing,
            Some(ExchangeFault::ResetAfter) => {
                self.answer(arrival);
                Coming::Reset
            }
            Some(ExchangeFault::HangAfter) => {
                self.answer(arrival);
                Coming::Nothing
            }
            Some(ExchangeFault::CutOff) => {
                let mut answer = self.answer(arrival).answer;
                answer.body.truncate(self.rng.usize(0..answer.body.len().max(1)));
                Coming::CutOff(answer)
            }
            Some(ExchangeFault::Page(index, taken)) => {
                self.capture(captures::page(index, taken), taken, arrival)
            }
            Some(ExchangeFault::Capture(index)) => {
                let (capture, taken) = captures::on_route(self.plan.route, index);
                self.capture(capture, taken, arrival)
            }
            Some(ExchangeFault::Quotes) => Coming::Whole(quote(request).into()),
        }
    }

    pub(super) fn capture(&mut self, capture: &Capture, taken: Taken, arrival: &Arrival) -> Coming {
        if taken == Taken::After {
            self.answer(arrival);
        }
        self.tell(arrival, || format!("is answered as in {}", capture.file));
        Coming::Whole(capture.response(arrival.key()))
    }

    /// Answers as front and bk-sops do when both work.
    pub(super) fn answer(&mut self, arrival: &Arrival) -> Response {
        self.by_bk_sops(arrival, Permissions::There)
    }

    pub(super) fn by_bk_sops(&mut self, arrival: &Arrival, permissions: Permissions) -> Response {
        let Arrival { now, call, ids } = arrival;
        let Some(call) = call else { return self.front.no_such_path(ids).into() };
        let limit_headers = match self.front.admit(*now, call, ids) {
            Ok(headers) => headers,
            Err(response) => return response,
        };
        let Ok(key) = &call.task else { return self.front.no_such_path(ids).into() };
        let said = match call.interface {
            Interface::Start => {
                let (said, published) = self.bk_sops.start(*now, key, &ids.caller, permissions);
                if published == Published::OnQueue {
                    let truth = self.truth.entry(key.clone()).or_default();
                    truth.taken.push((*now, ids.caller.clone()));
                    self.tell(arrival, || "is taken".into());
                }
                said
            }
            Interface::Status => {
                let process = self.rng.u8(0..PROCESSES);
                self.bk_sops.status(*now, key, process, permissions)
            }
            Interface::Detail => self.bk_sops.detail(*now, key, permissions),
        };
        let whom = said.is_throttle.then(|| Whom::Business(key.scope.clone(), key.biz));
        let mut answer = self.front.pass_on(said, ids);
        answer.headers.extend(limit_headers);
        Response { answer, refusal: whom.map(|whom| (whom, None)) }
    }

    /// Dates an answer, and writes down the pause that it asks for.
    fn leave(&mut self, coming: Coming, at: At, arrival: &Arrival) -> Reply {
        let mut dated = |mut answer: RawAnswer| {
            if self.plan.dated {
                answer.headers.push(("date".into(), self.clock.date(at)));
            }
            answer
        };
        match coming {
            Coming::Reset => Reply::Reset,
            Coming::Nothing => Reply::Nothing,
            Coming::CutOff(answer) => Reply::CutOff(dated(answer)),
            Coming::Whole(Response { answer, refusal }) => {
                if let Some((whom, stated)) = refusal {
                    let id = arrival.ids.caller.clone();
                    self.refusals.push(Refusal { id, at, whom, stated });
                }
                Reply::Answer(dated(answer))
            }
        }
    }

    fn tell(&mut self, arrival: &Arrival, what: impl FnOnce() -> String) {
        self.story.tell(arrival.now, || {
            let interface = arrival.call.as_ref().map_or("a request", |call| call.interface.name());
            let task = arrival.key().map(name).unwrap_or_default();
            format!("server: {interface} of {task} ({}) {}", arrival.ids.caller, what())
        });
    }
}
