//! One request on its way to the server and back, as the world sees it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bk_launch::internals::api::raw_response::Extent;
use bk_launch::internals::api::{RawRequest, Received, TransportError};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::sleep;

use crate::history::{Key, Moment};
use crate::server::{At, Call, Exchange, Interface, RawAnswer, Reply, Request};
use crate::world::witness::{Back, Departure, Kind};
use crate::world::{OnTheWay, World};

/// Time from the program to the server.
const TRANSIT: Duration = Duration::from_millis(1);

/// How long the program waits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub timeout: Duration,
    pub connect_timeout: Duration,
}

/// Returns a request as it arrives.
pub fn request(raw: &RawRequest) -> Request {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    Request {
        method: raw.method.to_string(),
        path: raw.path.to_string(),
        headers: raw.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: raw.body.to_vec(),
    }
}

pub fn is_whole(received: &Received) -> bool {
    received.extent == Extent::Whole
}

impl World {
    /// Sends a request, by a connection that the server closed already if it is `stale`.
    pub async fn send(
        self: &Arc<Self>,
        request: Request,
        limits: Limits,
        stale: bool,
    ) -> Result<Received, TransportError> {
        if self.state().is_dead() {
            return pending().await;
        }
        let departure = self.depart(&request);
        self.check_departure();
        let number = {
            let people = &mut self.state().people;
            people.sent += 1;
            people.sent
        };
        self.moment(Moment::Sent(number));
        let ends = self.now() + limits.timeout;
        if stale {
            sleep(TRANSIT).await;
            // Whether a byte of it went out is a matter of luck.
            let (back, error) = if departure.is_multiple_of(2) {
                (Back::Lost, broken())
            } else {
                (Back::NotSent, TransportError::Unconnected("connection closed".into()))
            };
            return self.came_back(departure, back, Err(error)).await;
        }
        let arrives = self.now() + TRANSIT;
        self.state().on_the_way.push(OnTheWay { departure, arrives, request });
        self.until(arrives).await;
        let Exchange { after, reply } = self.arrive(departure);
        let comes = arrives + after;
        if comes >= ends || matches!(reply, Reply::Nothing) {
            self.until(ends).await;
            let timeout = Err(TransportError::Timeout(limits.timeout));
            return self.came_back(departure, Back::Lost, timeout).await;
        }
        self.until(comes).await;
        let (back, received) = match reply {
            Reply::Answer(answer) => {
                let received = received(&answer, Extent::Whole);
                (Back::Answer(answer), Ok(received))
            }
            Reply::CutOff(answer) => {
                let why = "the connection was closed in the middle of the body";
                let received = received(&answer, Extent::CutOff(why.into()));
                (Back::CutOff(answer), Ok(received))
            }
            Reply::Reset | Reply::Nothing => (Back::Lost, Err(broken())),
        };
        self.came_back(departure, back, received).await
    }

    /// Waits until it is `moment`, also if the machine sleeps meanwhile.
    async fn until(&self, moment: At) {
        loop {
            let left = moment.saturating_sub(self.now());
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }

    /// Notes a departure; returns its index.
    fn depart(&self, request: &Request) -> usize {
        let header = |name: &str| {
            let found = request.headers.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let at = self.now();
        let call = Call::read(&self.history.server, request).expect("a path of the API");
        let kind = match call.interface {
            Interface::Start => Kind::Start,
            Interface::Status => Kind::Status,
            Interface::Detail => Kind::Detail,
        };
        let key = call.task.expect("a task");
        let mut state = self.state();
        let departure = Departure {
            at,
            session: state.session,
            id: header("x-request-id"),
            kind,
            line: state.line(&key),
            key,
            back: None,
        };
        state.witness.departures.push(departure);
        let number = state.witness.departures.len() - 1;
        drop(state);
        self.tell(|| {
            let state = self.state();
            let Departure { kind, line, key, .. } = &state.witness.departures[number];
            let Key { scope, biz, task } = key;
            let line = line.map(|line| format!("line {line}")).unwrap_or_default();
            format!("bk-launch sends {kind:?} of {line} ({scope} {biz}/{task})")
        });
        number
    }

    /// Lets a request reach the server.
    fn arrive(&self, departure: usize) -> Exchange {
        let (exchange, faults) = {
            let mut state = self.state();
            let at = state.on_the_way.iter().position(|one| one.departure == departure).unwrap();
            let OnTheWay { request, arrives, .. } = state.on_the_way.remove(at);
            let kind = state.witness.departures[departure].kind;
            let exchange = state.server.receive(arrives, &request);
            (exchange, state.arrives(kind))
        };
        for fault in faults {
            self.befall(fault);
        }
        exchange
    }

    /// Lets everything arrive that is still on its way from a program that is dead.
    pub fn deliver(&self) {
        let mut state = self.state();
        for OnTheWay { arrives, request, .. } in std::mem::take(&mut state.on_the_way) {
            state.server.receive(arrives, &request);
        }
    }

    /// Notes what came back to the program, unless that is dead.
    async fn came_back<T>(&self, departure: usize, back: Back, given: T) -> T {
        if self.state().is_dead() {
            return pending().await;
        }
        let now = self.now();
        self.tell(|| {
            let line = self.state().witness.departures[departure].line.unwrap_or_default();
            format!("line {line}: {}", told(&back))
        });
        let number = {
            let mut state = self.state();
            state.witness.departures[departure].back = Some((now, back));
            state.people.answered += 1;
            state.people.answered
        };
        self.write_credentials();
        self.moment(Moment::Answered(number));
        if self.state().is_dead() {
            return pending().await;
        }
        given
    }
}

fn told(back: &Back) -> String {
    let body = |answer: &RawAnswer| {
        let text: String = String::from_utf8_lossy(&answer.body).chars().take(160).collect();
        format!("HTTP {} {text}", answer.status)
    };
    match back {
        Back::Answer(answer) => format!("answered with {}", body(answer)),
        Back::CutOff(answer) => format!("answered in part with {}", body(answer)),
        Back::Lost => "no answer".into(),
        Back::NotSent => "not sent".into(),
    }
}

fn broken() -> TransportError {
    TransportError::Broken("connection reset by peer".into())
}

fn received(answer: &RawAnswer, extent: Extent) -> Received {
    let headers = answer.headers.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    Received {
        status: answer.status,
        headers: headers.collect::<HeaderMap>(),
        body: Bytes::from(answer.body.clone()),
        extent,
    }
}
