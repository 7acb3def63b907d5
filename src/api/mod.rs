//! The server, as a client sees it: sends `start_task`, and says what came back.
//!
//! A [`Client`] sends one request and judges one answer. It must not retry, wait
//! for a limit, or follow a redirect: those are decisions of others.

pub(crate) mod base_url;
pub(crate) mod body;
pub(crate) mod credentials;
pub(crate) mod esb;
pub(crate) mod gateway;
pub(crate) mod raw_response;
pub(crate) mod speaker;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod verdict;

mod class;
mod handshake;
mod hold;
mod reply;
mod tls;
mod transport;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use jiff::Timestamp;
use reqwest::{Method, Request, Response, Url};
use thiserror::Error;
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::MapResponseLayer;

use crate::domain::answer::{Answer, FailureClass, StatusAnswer, Verdict};
use crate::domain::request_id::RequestId;
use crate::domain::secret::Mask;
use crate::domain::task::Task;
use credentials::Credentials;
use raw_response::{Extent, HttpAnswer, RawResponse};
use target::Target;
use tls::TlsError;
use verdict::verdict;

pub use tls::Identity;

const MIB: usize = 1024 * 1024;

/// An answer longer than this is cut off, and nobody can tell what it said.
const MAX_ANSWER_BYTES: usize = MIB;

/// gunicorn closes idle connections after 2 s (FACTS.md section 7); ours are
/// given up before, so that few requests meet a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);

const AUTHORIZATION: HeaderName = HeaderName::from_static("x-bkapi-authorization");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// So many connections are made at a time. When many requests leave at once, the first
/// answers then free connections for the rest, before each has made one of its own.
const MAX_CONNECTING: usize = 64;

/// How the server is reached.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// From sending a request to the end of its answer.
    pub timeout: Duration,
    /// For a connection, TLS included.
    pub connect_timeout: Duration,
    /// A file of certificates in PEM that are trusted beside the system's.
    pub cacert: Option<PathBuf>,
    /// Whether the server must prove who it is.
    pub identity: Identity,
}

/// Whether credentials may stand in the query of a GET, and so in the access logs
/// of every proxy on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyGet {
    /// They may, where the legacy ESB needs it.
    Allowed,
    /// Never.
    Forbidden,
}

/// A server, and who calls it.
pub struct Client {
    http: reqwest::Client,
    target: Target,
    timeout: Duration,
    caller: Mutex<Arc<Caller>>,
    reread: Reread,
    legacy_get: LegacyGet,
    /// Whether questions have the credentials in their query.
    in_query: AtomicBool,
    traffic: Arc<Traffic>,
}

/// What went over the wire so far.
#[derive(Debug)]
pub struct Traffic {
    /// Connections that were made.
    pub connects: AtomicU64,
    /// Bytes of the bodies of requests.
    pub sent: AtomicU64,
    /// Bytes of the bodies of answers.
    pub received: AtomicU64,
    /// A permit for each connection that was made, and for each that may be made at the
    /// same time. Whoever takes one before it sends hardly waits for a connection where
    /// nothing can call it back.
    pub room: Arc<Semaphore>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            connects: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            room: Arc::new(Semaphore::new(MAX_CONNECTING)),
        }
    }
}

/// What can be asked about a task, by a GET.
#[derive(Clone, Copy)]
enum TaskQuery {
    Status,
    Detail,
}

impl TaskQuery {
    const fn name(self) -> &'static str {
        match self {
            Self::Status => "get_task_status",
            Self::Detail => "get_task_detail",
        }
    }

    /// How much of an answer is read: each has something for every node of the flow.
    const fn max_bytes(self) -> usize {
        match self {
            Self::Status => 8 * MIB,
            Self::Detail => 32 * MIB,
        }
    }
}

/// Where the credentials of a question stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthPlacement {
    /// In the header alone.
    Header,
    /// In the query too.
    Query,
}

/// Reads the credentials once more, where they come from files.
pub(crate) type Reread = Box<dyn Fn() -> Option<Credentials> + Send + Sync>;

/// Who calls, prepared once: the credentials as JSON members, as a header, and as what
/// is taken out of answers.
pub struct Caller {
    credentials: Credentials,
    members: String,
    authorization: HeaderValue,
    mask: Mask,
}

impl Caller {
    fn new(credentials: Credentials) -> Result<Self, ClientError> {
        let members = credentials.members();
        let mut authorization = HeaderValue::from_bytes(format!("{{{members}}}").as_bytes())
            .map_err(|_| ClientError::Credentials)?;
        authorization.set_sensitive(true);
        let mask = credentials.mask();
        Ok(Self { credentials, members, authorization, mask })
    }
}

/// Whether there are credentials that the server has not refused yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// There are: what was refused may be sent again.
    Newer,
    /// There are none.
    None,
}

/// The client cannot be made.
#[derive(Debug, Error)]
pub enum ClientError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A credential that no header can carry.
    #[error("the credentials hold a character that no HTTP header can carry, such as a line break")]
    Credentials,
    /// The HTTP client itself.
    #[error("cannot set up the HTTP client: {0}")]
    Http(String),
}

impl Client {
    /// A client for `target`; `connections` are kept open between requests.
    ///
    /// # Errors
    ///
    /// Where certificates cannot be read, or credentials cannot be sent.
    pub fn new(
        target: Target,
        credentials: Credentials,
        options: &HttpOptions,
        connections: usize,
    ) -> Result<Self, ClientError> {
        let traffic = Arc::new(Traffic::default());
        let http = http_client(&target, options, connections, &traffic)?;
        let caller = Mutex::new(Arc::new(Caller::new(credentials)?));
        let reread: Reread = Box::new(|| None);
        Ok(Self {
            http,
            target,
            timeout: options.timeout,
            caller,
            reread,
            legacy_get: LegacyGet::Forbidden,
            in_query: AtomicBool::new(false),
            traffic,
        })
    }

    /// The same client, which reads credentials once more when they are refused.
    #[must_use]
    pub fn rereading(self, reread: Reread) -> Self {
        Self { reread, ..self }
    }

    /// The same client, which may put credentials into the query of a GET, where
    /// the legacy ESB reads them from nowhere else (FACTS.md section 2).
    #[must_use]
    pub fn with_legacy_get(self, legacy_get: LegacyGet) -> Self {
        Self { legacy_get, ..self }
    }

    /// What went over the wire so far.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Who calls at present.
    #[must_use]
    pub fn caller(&self) -> Arc<Caller> {
        Arc::clone(&self.present())
    }

    fn present(&self) -> MutexGuard<'_, Arc<Caller>> {
        self.caller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server refused `caller`. If others call by now, or the credentials have
    /// changed where they came from, there is another try.
    #[must_use]
    pub fn renew(&self, caller: &Arc<Caller>) -> Renewal {
        let mut present = self.present();
        if !Arc::ptr_eq(&present, caller) {
            return Renewal::Newer;
        }
        let changed = (self.reread)().filter(|found| *found != caller.credentials);
        match changed.map(Caller::new) {
            Some(Ok(newer)) => {
                *present = Arc::new(newer);
                Renewal::Newer
            }
            Some(Err(_)) | None => Renewal::None,
        }
    }

    /// Starts `task` in the name of `caller`: sends one request, named `id`, and
    /// judges its answer.
    pub async fn start(&self, caller: &Caller, task: &Task, id: &RequestId) -> Answer {
        self.send(caller, self.start_request(caller, task, id)).await
    }

    /// Asks for the state of `task` with `get_task_status`.
    pub async fn status(
        &self,
        caller: &Caller,
        task: &Task,
        id: &RequestId,
        placement: AuthPlacement,
    ) -> StatusAnswer {
        let url = self.question_url(TaskQuery::Status, task, caller, placement);
        let sent = self.http.execute(request(caller, Method::GET, url, id)).await;
        let (answer, body) = self.receive(caller, sent, TaskQuery::Status.max_bytes()).await;
        let (state, started) = match answer.verdict {
            Verdict::Accepted => status::state(&body),
            Verdict::AlreadyStarted | Verdict::Failed(_) => (None, None),
        };
        StatusAnswer { answer, state, started }
    }

    /// Asks for the link of `task` with `get_task_detail`: the answer, and the link
    /// if it has one.
    pub async fn detail(
        &self,
        caller: &Caller,
        task: &Task,
        id: &RequestId,
        placement: AuthPlacement,
    ) -> (Answer, Option<Box<str>>) {
        let url = self.question_url(TaskQuery::Detail, task, caller, placement);
        let sent = self.http.execute(request(caller, Method::GET, url, id)).await;
        let (answer, body) = self.receive(caller, sent, TaskQuery::Detail.max_bytes()).await;
        // Megabytes of JSON are read where no other request waits for it.
        let url = tokio::task::spawn_blocking(move || status::task_url(&body)).await;
        (answer, url.ok().flatten().map(|url| caller.mask.hide(&url).into()))
    }

    /// How questions are asked at present.
    #[must_use]
    pub fn auth_placement(&self) -> AuthPlacement {
        if self.in_query.load(Ordering::Relaxed) {
            AuthPlacement::Query
        } else {
            AuthPlacement::Header
        }
    }

    /// How a question is asked once more that was asked in `placement` and answered so:
    /// by the legacy ESB with the credentials in the query, where that is allowed.
    /// From then on all questions are asked like that.
    #[must_use]
    pub fn other_auth_placement(
        &self,
        placement: AuthPlacement,
        answer: &Answer,
    ) -> Option<AuthPlacement> {
        let is_auth = matches!(&answer.verdict,
            Verdict::Failed(failure) if failure.class == FailureClass::Auth);
        let may = matches!(self.target, Target::Esb(_)) && self.legacy_get == LegacyGet::Allowed;
        if !is_auth || !may || placement == AuthPlacement::Query {
            return None;
        }
        self.in_query.store(true, Ordering::Relaxed);
        Some(AuthPlacement::Query)
    }

    /// Whether a question that was asked in `placement` was refused where the legacy ESB would
    /// take it with the credentials in the query, which nobody has allowed.
    #[must_use]
    pub fn is_refused_to_header(&self, placement: AuthPlacement, answer: &Answer) -> bool {
        let is_auth = matches!(&answer.verdict,
            Verdict::Failed(failure) if failure.class == FailureClass::Auth);
        let is_forbidden = self.legacy_get == LegacyGet::Forbidden;
        is_auth
            && is_forbidden
            && placement == AuthPlacement::Header
            && matches!(self.target, Target::Esb(_))
    }

    fn question_url(
        &self,
        query: TaskQuery,
        task: &Task,
        caller: &Caller,
        placement: AuthPlacement,
    ) -> Url {
        let mut url = match &self.target {
            Target::Esb(esb) => esb.question_url(query.name(), task),
            Target::Gateway(gateway) => gateway.question_url(query.name(), task),
        };
        if placement == AuthPlacement::Query {
            url.query_pairs_mut().extend_pairs(caller.credentials.pairs());
        }
        url
    }

    /// The request that starts `task`, as text, with its secrets masked.
    #[must_use]
    pub fn show_start(&self, task: &Task) -> String {
        let members = self.caller().credentials.masked().members();
        let (url, body) = self.start_parts(task, &members);
        format!(
            "POST {url}\nContent-Type: application/json\nX-Bkapi-Authorization: {{{members}}}\n\n{body}"
        )
    }

    async fn send(&self, caller: &Caller, request: Request) -> Answer {
        let sent = self.http.execute(request).await;
        self.receive(caller, sent, MAX_ANSWER_BYTES).await.0
    }

    /// What came back: the answer, and its body.
    async fn receive(
        &self,
        caller: &Caller,
        sent: reqwest::Result<Response>,
        max_bytes: usize,
    ) -> (Answer, Bytes) {
        let mask = &caller.mask;
        let (mut answer, body) = match sent {
            Ok(response) => {
                let (head, body, extent) = self.read(response, max_bytes).await;
                self.traffic.received.fetch_add(body.len() as u64, Ordering::Relaxed);
                let (status, headers) = (head.0, &head.1);
                let mut answer = verdict(
                    &RawResponse::Http(HttpAnswer { status, headers, body: &body, extent }),
                    mask,
                );
                answer.date = date(headers);
                (answer, body)
            }
            Err(error) => {
                let delivery = transport::delivery(&error);
                let what = transport::describe(&error, self.timeout);
                let answer = verdict(&RawResponse::Nothing { delivery, what }, mask);
                (answer, Bytes::new())
            }
        };
        answer.reply.cut();
        (answer, body)
    }

    fn start_request(&self, caller: &Caller, task: &Task, id: &RequestId) -> Request {
        let (url, body) = self.start_parts(task, &caller.members);
        self.traffic.sent.fetch_add(body.len() as u64, Ordering::Relaxed);
        let mut request = request(caller, Method::POST, url, id);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.into());
        request
    }

    fn start_parts(&self, task: &Task, members: &str) -> (Url, String) {
        match &self.target {
            Target::Esb(esb) => (esb.start_url().clone(), esb::Esb::start_body(task, members)),
            Target::Gateway(gateway) => {
                (gateway.start_url(task), gateway::Gateway::start_body(task))
            }
        }
    }

    /// Reads an answer to its end, or as far as it goes.
    async fn read(
        &self,
        mut response: Response,
        max_bytes: usize,
    ) -> ((u16, HeaderMap), Bytes, Extent) {
        let head = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let mut first = Bytes::new();
        let mut rest = Vec::new();
        let extent = loop {
            match response.chunk().await {
                Ok(None) => break Extent::Whole,
                // Nearly every answer is one chunk, which is then not copied.
                Ok(Some(chunk)) if first.is_empty() => first = chunk,
                Ok(Some(chunk)) => rest.extend_from_slice(&chunk),
                Err(error) => break Extent::CutOff(transport::describe(&error, self.timeout)),
            }
            if first.len() + rest.len() > max_bytes {
                break Extent::CutOff(format!("more than {} MiB of answer", max_bytes / MIB));
            }
        };
        if rest.is_empty() {
            return (head, first, extent);
        }
        let whole = [&first[..], &rest[..]].concat();
        (head, whole.into(), extent)
    }
}

fn request(caller: &Caller, method: Method, url: Url, id: &RequestId) -> Request {
    let mut request = Request::new(method, url);
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, caller.authorization.clone());
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    request
}

/// What the server's clock showed when it answered.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Timestamp::try_from(time).ok()
}

fn http_client(
    target: &Target,
    options: &HttpOptions,
    connections: usize,
    traffic: &Arc<Traffic>,
) -> Result<reqwest::Client, ClientError> {
    let traffic = Arc::clone(traffic);
    let connected = MapResponseLayer::new(move |connection| {
        traffic.connects.fetch_add(1, Ordering::Relaxed);
        traffic.room.add_permits(1);
        connection
    });
    let tls = tls::config(options.cacert.as_deref(), options.identity)?;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("bk-launch/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        .tcp_nodelay(true)
        .timeout(options.timeout)
        .connect_timeout(options.connect_timeout.min(options.timeout))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .connector_layer(connected)
        .connector_layer(GlobalConcurrencyLimitLayer::new(MAX_CONNECTING))
        .pool_max_idle_per_host(connections);
    if target.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ClientError::Http(error.to_string()))
}
