//! Sockets of the mock: connections, delays, and faults on the way.
//!
//! `world` decides the answers, and `answers` writes them.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::header::{DATE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::answers::{Responder, TaskStatus};
use super::behaviour::{FaultKind, Latency, View};
use super::fronts;
use super::pages::MockResponse;
use super::routes::{self, Api, Endpoint, MockRefusal, Route};
use super::world::{StartResult, TaskKey, TaskPhase, World};

#[derive(Clone)]
pub(super) struct Service {
    pub world: Arc<Mutex<World>>,
    /// Start of the mock, by both clocks.
    pub began: (Instant, Timestamp),
    pub url: Arc<str>,
    /// When the last request that arrived will be worked off.
    busy_until: Arc<Mutex<Option<Instant>>>,
}

/// Where a request ends.
enum Fate {
    Sops(MockResponse),
    Front(MockResponse),
    Hang,
    Reset,
}

enum ParsedCall {
    Task(Api, TaskKey),
    Refused(MockRefusal),
    Unknown,
}

struct Call<'a> {
    head: &'a http::request::Parts,
    body: &'a [u8],
    place: Endpoint,
    /// Time of arrival, counted from the mock's start.
    arrived: Duration,
    responder: Responder<'a>,
}

#[derive(Debug, thiserror::Error)]
#[error("the connection is reset, as asked")]
struct Reset;

impl Service {
    pub(super) fn new(world: Arc<Mutex<World>>, began: (Instant, Timestamp), url: String) -> Self {
        Self { world, began, url: url.into(), busy_until: Arc::default() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn serve(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(self.clone().connection(stream))),
                // Most likely out of file descriptors: others will be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        self.world().connected();
        let Ok(socket) = second_handle(&stream) else { return };
        let service = service_fn(|request| {
            let (shared, socket) = (&self, &socket);
            async move {
                shared.request(request).await.inspect_err(|Reset| {
                    // Closing with a linger time of zero sends a reset.
                    drop(SockRef::from(socket).set_linger(Some(Duration::ZERO)));
                })
            }
        });
        // The client sees whatever ends a connection.
        drop(server().serve_connection(TokioIo::new(stream), service).await);
    }

    async fn request(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Reset> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return Err(Reset) };
        let body = body.to_bytes();
        let place = routes::place(head.method.as_str(), head.uri.path());
        if place == Endpoint::Counts {
            let counts = serde_json::to_string(&self.world().counts()).unwrap_or_default();
            return Ok(response(MockResponse {
                status: 200,
                content_type: "application/json",
                headers: Vec::new(),
                body: counts,
            }));
        }
        let arrived = self.began.0.elapsed();
        let _in_flight = InFlight::enter(self, arrived);
        self.wait_for_stall(arrived).await;
        self.wait_for_work().await;
        let responder = self.responder(&head, &place);
        let call = Call { head: &head, body: &body, place, arrived, responder };
        let fate = self.fate(&call);
        let said = match fate {
            Fate::Hang => return std::future::pending().await,
            Fate::Reset => return Err(Reset),
            Fate::Front(said) => {
                self.wait_for_latency().await;
                said
            }
            Fate::Sops(said) => {
                self.wait_for_latency().await;
                self.unless_gone(said, &call.responder)
            }
        };
        let mut response = response(said);
        self.set_date(&mut response);
        Ok(response)
    }

    /// Writes the `Date` of a host whose clock differs. Without it, hyper writes the time.
    fn set_date<T>(&self, response: &mut Response<T>) {
        let ahead = self.world().behaviour.date_ahead;
        if ahead.is_zero() {
            return;
        }
        let date = (Timestamp::now() + ahead).to_zoned_datetime(jiff::tz::TimeZone::UTC);
        let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(date) = HeaderValue::from_str(&date) {
            response.headers_mut().insert(DATE, date);
        }
    }

    fn responder<'a>(&'a self, head: &'a http::request::Parts, place: &Endpoint) -> Responder<'a> {
        let (route, interface) = match place {
            Endpoint::Api(route, api, _) => (*route, api.name()),
            Endpoint::Unknown(route) => (*route, ""),
            Endpoint::Counts => (Route::Gateway, ""),
        };
        let mut world = self.world();
        Responder {
            route,
            interface,
            esb: world.behaviour.esb,
            nonce: world.random(),
            request_id: header(head, "x-request-id").unwrap_or_default(),
            url: &self.url,
        }
    }

    fn fate(&self, call: &Call<'_>) -> Fate {
        let (responder, mut world) = (&call.responder, self.world());
        let gone = world.gone(call.arrived).find(|front| responder.passes(*front));
        match (call.asked(&world), gone) {
            (ParsedCall::Task(api, key), None) => self.obey(api, key, call, &mut world),
            (ParsedCall::Task(api, key), Some(front)) => {
                match api {
                    Api::Start => world.start_while_gone(key, responder.request_id, call.arrived),
                    Api::Status => world.status(),
                    Api::Detail => world.detail(),
                }
                world.answered_for();
                Fate::Front(responder.never_got(front, key))
            }
            (asked, gone) => Fate::Front(match (gone.and_then(fronts::page), asked) {
                (Some(page), _) => {
                    world.answered_for();
                    page
                }
                (None, ParsedCall::Refused(refusal)) => {
                    world.refused();
                    responder.refusal(&refusal)
                }
                (None, _) => responder.not_found(call.head.method.as_str(), call.head.uri.path()),
            }),
        }
    }

    fn obey(&self, api: Api, key: TaskKey, call: &Call<'_>, world: &mut World) -> Fate {
        let responder = &call.responder;
        let fault = match api {
            Api::Start => match world.start(key, responder.request_id, call.arrived) {
                StartResult::Fault(kind) => Some(kind),
                start => return Fate::Sops(responder.start(start, key)),
            },
            Api::Status => {
                world.status();
                world.question_fault()
            }
            Api::Detail => {
                world.detail();
                world.question_fault()
            }
        };
        match fault {
            Some(FaultKind::Hang) => Fate::Hang,
            Some(FaultKind::ResetBefore | FaultKind::ResetAfter) => Fate::Reset,
            Some(kind) => Fate::Sops(responder.start(StartResult::Fault(kind), key)),
            None => Fate::Sops(self.look(api, key, world, responder)),
        }
    }

    /// An answer is lost if bk-sops went before it was due.
    fn unless_gone(&self, said: MockResponse, responder: &Responder<'_>) -> MockResponse {
        let mut world = self.world();
        let gone = world.gone(self.began.0.elapsed()).find(|front| responder.passes(*front));
        let lost = gone.and_then(|front| responder.never_answered(front));
        if lost.is_some() {
            world.answered_for();
        }
        lost.unwrap_or(said)
    }

    fn look(
        &self,
        api: Api,
        key: TaskKey,
        world: &World,
        responder: &Responder<'_>,
    ) -> MockResponse {
        // The real server's order: it needs the task to look up the right.
        if world.behaviour.lacks(key.id) {
            return responder.unseen(StartResult::Missing, key);
        }
        let may_not = world.behaviour.view == View::Denied;
        if may_not || world.behaviour.denied.contains(&key.id) {
            return responder.unseen(StartResult::Denied, key);
        }
        let shown = self.shown(world.state(key, self.began.0.elapsed()));
        match api {
            // The detail of a deleted task can still be read.
            Api::Detail => responder.detail(key, &shown, world.behaviour.detail_bytes),
            _ if world.behaviour.deleted.contains(&key.id) => responder.deleted(key),
            Api::Status | Api::Start => responder.status(&shown),
        }
    }

    fn shown(&self, state: TaskPhase) -> TaskStatus {
        let china = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        let written = |at: Timestamp| {
            at.to_zoned_datetime(china.clone()).strftime("%Y-%m-%d %H:%M:%S %z").to_string()
        };
        let at = |since: Duration| self.began.1.checked_add(since).ok().map(&written);
        let mut shown = TaskStatus { state: "RUNNING", start: None, finish: None, seconds: 0 };
        match state {
            TaskPhase::Created => shown.state = "CREATED",
            // An hour before the mock started.
            TaskPhase::RunningBefore => {
                shown.start = self.began.1.checked_sub(Duration::from_hours(1)).ok().map(written);
            }
            TaskPhase::Running { since } => shown.start = at(since),
            TaskPhase::Finished { since, until } => {
                shown.state = "FINISHED";
                (shown.start, shown.finish) = (at(since), at(until));
                shown.seconds = until.saturating_sub(since).as_secs();
            }
        }
        shown
    }

    async fn wait_for_stall(&self, arrived: Duration) {
        let stalled = self.world().stalled(arrived);
        if let Some(left) = stalled {
            tokio::time::sleep(left).await;
        }
    }

    /// A single worker takes the requests in order and needs the same time for each: more requests
    /// than its capacity pile up.
    async fn wait_for_work(&self) {
        let each = self.world().behaviour.capacity.and_then(crate::domain::rate::Rate::interval);
        let Some(each) = each else { return };
        let done = {
            let mut busy_until = self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let done = busy_until.map_or(now, |busy| busy.max(now)) + each;
            *busy_until = Some(done);
            done
        };
        tokio::time::sleep_until(done.into()).await;
    }

    async fn wait_for_latency(&self) {
        let latency = self.world().behaviour.latency;
        let pause = match latency {
            Latency::None => return,
            Latency::Fixed(pause) => pause,
            // Inverse of the distribution function, for a share that is never 0.
            Latency::Exponential(mean) => mean.mul_f64(-(1.0 - self.world().share()).ln()),
        };
        tokio::time::sleep(pause).await;
    }
}

impl Call<'_> {
    fn asked(&self, world: &World) -> ParsedCall {
        let Endpoint::Api(_, api, path_ids) = &self.place else { return ParsedCall::Unknown };
        let request = routes::Request {
            route: self.responder.route,
            path_ids: path_ids.as_ref(),
            header: header(self.head, "x-bkapi-authorization"),
            query: self.head.uri.query().unwrap_or_default(),
            body: self.body,
        };
        let wrong = world.is_revoked().then_some("\0nobody's");
        let secret = wrong.or(world.behaviour.secret.as_deref());
        match request.task(world.behaviour.esb, secret) {
            Ok(key) => ParsedCall::Task(*api, key),
            Err(refusal) => ParsedCall::Refused(refusal),
        }
    }
}

fn header<'a>(head: &'a http::request::Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

/// Counts a request for as long as it is in flight, however it ends.
struct InFlight<'a>(&'a Service);

impl<'a> InFlight<'a> {
    fn enter(shared: &'a Service, now: Duration) -> Self {
        shared.world().enter(now);
        Self(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.world().leave();
    }
}

/// Answers are small, so head and body are copied into one write.
fn server() -> http1::Builder {
    let mut server = http1::Builder::new();
    server.writev(false);
    server
}

/// Duplicates the handle, so that socket options can be set while hyper owns the stream.
fn second_handle(stream: &TcpStream) -> io::Result<OwnedFd> {
    use std::os::fd::AsFd;
    stream.set_nodelay(true)?;
    stream.as_fd().try_clone_to_owned()
}

fn response(said: MockResponse) -> Response<Full<Bytes>> {
    let mut builder = Response::builder()
        .status(StatusCode::from_u16(said.status).unwrap_or(StatusCode::OK))
        .header("content-type", said.content_type);
    for (name, value) in said.headers {
        builder = builder.header(name, value);
    }
    // A header that cannot be sent would be a mistake in `answers`.
    builder.body(Full::from(said.body)).unwrap_or_default()
}
