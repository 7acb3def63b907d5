//! The mock's sockets: connections, delays, and what goes wrong on the way.
//!
//! What is said is decided in `world` and written in `answers`.

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

use super::answers::{Said, Voice};
use super::behaviour::{FaultKind, Latency, View};
use super::routes::{self, Api, Place, Route};
use super::world::{Start, TaskKey, World};

/// What all connections share.
#[derive(Clone)]
pub struct Shared {
    pub world: Arc<Mutex<World>>,
    /// When the mock began, and what the wall clock showed.
    pub began: (Instant, Timestamp),
    pub url: Arc<str>,
    first: Arc<Mutex<Option<Instant>>>,
    /// When the last of the requests that came will be worked off.
    busy_until: Arc<Mutex<Option<Instant>>>,
}

/// What becomes of a request.
enum Fate {
    Answer(Said),
    Hang,
    Reset,
}

/// The connection is to be reset.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset, as asked")]
struct Reset;

impl Shared {
    pub fn new(world: Arc<Mutex<World>>, began: (Instant, Timestamp), url: String) -> Self {
        Self { world, began, url: url.into(), first: Arc::default(), busy_until: Arc::default() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes connections until it is dropped.
    pub async fn serve(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(self.clone().connection(stream))),
                // Out of file descriptors, most likely: others will be closed.
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
                    // Closing with nothing to linger for sends a reset.
                    drop(SockRef::from(socket).set_linger(Some(Duration::ZERO)));
                })
            }
        });
        // Whatever ends a connection is the client's to see.
        drop(server().serve_connection(TokioIo::new(stream), service).await);
    }

    async fn request(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Reset> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return Err(Reset) };
        let body = body.to_bytes();
        let place = routes::place(head.method.as_str(), head.uri.path());
        if place == Place::Counts {
            let counts = serde_json::to_string(&self.world().counts()).unwrap_or_default();
            return Ok(response(Said {
                status: 200,
                content_type: "application/json",
                headers: Vec::new(),
                body: counts,
            }));
        }
        let arrived = self.began.0.elapsed();
        let _in_flight = InFlight::enter(self);
        self.wait_for_stall().await;
        self.wait_for_work().await;
        match self.fate(&head, &body, place, arrived) {
            Fate::Answer(said) => {
                self.wait_for_latency().await;
                let mut response = response(said);
                self.set_date(&mut response);
                Ok(response)
            }
            Fate::Hang => std::future::pending().await,
            Fate::Reset => Err(Reset),
        }
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

    fn fate(
        &self,
        head: &http::request::Parts,
        body: &[u8],
        place: Place,
        arrived: Duration,
    ) -> Fate {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let mut world = self.world();
        let mut voice = Voice {
            route: Route::Gateway,
            esb: world.behaviour.esb,
            nonce: world.random(),
            request_id: header("x-request-id").unwrap_or_default(),
            url: &self.url,
        };
        let (api, path_ids) = match place {
            Place::Api(route, api, path_ids) => {
                voice.route = route;
                (api, path_ids)
            }
            Place::Unknown(route) => {
                voice.route = route;
                return Fate::Answer(voice.not_found(head.method.as_str(), head.uri.path()));
            }
            Place::Counts => return Fate::Reset,
        };
        let request = routes::Request {
            route: voice.route,
            path_ids,
            header: header("x-bkapi-authorization"),
            query: head.uri.query().unwrap_or_default(),
            body,
        };
        let wrong = world.is_revoked().then_some("\0nobody's");
        let secret = wrong.or(world.behaviour.secret.as_deref());
        let key = match request.task(world.behaviour.esb, secret) {
            Ok(key) => key,
            Err(refusal) => {
                world.refused();
                return Fate::Answer(voice.refusal(&refusal));
            }
        };
        match api {
            Api::Start => match world.start(key, voice.request_id, arrived) {
                Start::Fault(FaultKind::Hang) => Fate::Hang,
                Start::Fault(FaultKind::ResetBefore | FaultKind::ResetAfter) => Fate::Reset,
                start => Fate::Answer(voice.start(start, key)),
            },
            Api::Status | Api::Detail => match world.question_fault() {
                Some(FaultKind::Hang) => Fate::Hang,
                Some(FaultKind::ResetBefore | FaultKind::ResetAfter) => Fate::Reset,
                Some(kind) => Fate::Answer(voice.start(Start::Fault(kind), key)),
                None => Fate::Answer(self.look(api, key, &mut world, &voice)),
            },
        }
    }

    fn look(&self, api: Api, key: TaskKey, world: &mut World, voice: &Voice<'_>) -> Said {
        match api {
            Api::Detail => world.detail(),
            Api::Status | Api::Start => world.status(),
        }
        let may_not = world.behaviour.view == View::Denied;
        if may_not || world.behaviour.denied.contains(&key.id) {
            return voice.unseen(Start::Denied, key);
        }
        if world.behaviour.missing.contains(&key.id) {
            return voice.unseen(Start::Missing, key);
        }
        // What somebody else started, began an hour before the mock did.
        let now = self.began.0.elapsed();
        let at = match world.started_at(key, now) {
            Some(since) => self.began.1.checked_add(since).ok(),
            None if world.is_started(key, now) => {
                self.began.1.checked_sub(Duration::from_hours(1)).ok()
            }
            None => None,
        };
        let china = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        let start =
            at.map(|at| at.to_zoned_datetime(china).strftime("%Y-%m-%d %H:%M:%S %z").to_string());
        match api {
            Api::Detail => voice.detail(key, start.as_deref(), world.behaviour.detail_bytes),
            Api::Status | Api::Start => voice.status(start.as_deref()),
        }
    }

    async fn wait_for_stall(&self) {
        let Some(stall) = self.world().behaviour.stall else { return };
        let first = {
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            *first.get_or_insert_with(Instant::now)
        };
        let (begins, ends) = (first + stall.from, first + stall.from + stall.lasts);
        let now = Instant::now();
        if (begins..ends).contains(&now) {
            tokio::time::sleep_until(ends.into()).await;
        }
    }

    /// One worker takes the requests in their order, and needs the same time for each:
    /// more than its capacity pile up.
    async fn wait_for_work(&self) {
        let each = self.world().behaviour.capacity.and_then(crate::rate::Rate::interval);
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
            // The inverse of the distribution function, of a share that is never 0.
            Latency::Exponential(mean) => mean.mul_f64(-(1.0 - self.world().share()).ln()),
        };
        tokio::time::sleep(pause).await;
    }
}

/// Counts a request for as long as it is in flight, however it ends.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    fn enter(shared: &'a Shared) -> Self {
        shared.world().enter();
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

/// A handle by which a socket can be set while hyper owns it.
fn second_handle(stream: &TcpStream) -> io::Result<OwnedFd> {
    use std::os::fd::AsFd;
    stream.set_nodelay(true)?;
    stream.as_fd().try_clone_to_owned()
}

fn response(said: Said) -> Response<Full<Bytes>> {
    let mut builder = Response::builder()
        .status(StatusCode::from_u16(said.status).unwrap_or(StatusCode::OK))
        .header("content-type", said.content_type);
    for (name, value) in said.headers {
        builder = builder.header(name, value);
    }
    // A header that cannot be sent would be a mistake of `answers`.
    builder.body(Full::from(said.body)).unwrap_or_default()
}
