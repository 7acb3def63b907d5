//! Sends one request and judges its answer.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use super::caller::{Caller, Renewal, Reread};
use super::credentials::Credentials;
use super::date::LastDate;
use super::error::ClientError;
use super::http_options::HttpOptions;
use super::query::{AuthPlacement, LegacyGet, TaskQuery, TaskQuestion};
use super::raw_response::{HttpAnswer, RawResponse};
use super::target::Target;
use super::transport::{
    self, ConnectionEvent, Exchange, RawRequest, Received, Traffic, Transport, TransportError,
};
use super::verdict::verdict;
use super::{base_url, esb, gateway, status};
use crate::domain::answer::{Answer, FailureClass, StatusAnswer, Verdict};
use crate::domain::connections::{Connections, Reservation};
use crate::domain::request_id::RequestId;
use crate::domain::task::Task;

/// Maximum size of an answer; a longer one is cut off, and its meaning is unknown.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Maximum size of a JSON body that is parsed between requests: megabytes would block them.
const MAX_PARSED_HERE: usize = 64 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Sends requests to one server in one caller's name.
pub struct Client {
    transport: Arc<dyn Transport>,
    target: Target,
    caller: Mutex<Arc<Caller>>,
    reread: Reread,
    /// Held while credentials are read again. Holds the caller for which there was nothing newer.
    renewal: AsyncMutex<Option<Arc<Caller>>>,
    legacy_get: LegacyGet,
    /// Whether questions carry the credentials in their query.
    in_query: AtomicBool,
    last_date: LastDate,
    traffic: Arc<Traffic>,
}

impl Client {
    /// Returns a client for `target` that keeps `connections` open between requests.
    ///
    /// # Errors
    ///
    /// Returns an error if certificates cannot be read, or credentials cannot be sent.
    pub fn new(
        target: Target,
        credentials: Credentials,
        options: &HttpOptions,
        connections: usize,
    ) -> Result<Self, ClientError> {
        let traffic = Arc::new(Traffic::default());
        let transport = transport::make(&target, options, connections, &traffic)?;
        Self::by(transport, traffic, target, credentials)
    }

    /// Returns a client whose requests go by `transport`, which counts its `traffic`.
    pub(crate) fn by(
        transport: Arc<dyn Transport>,
        traffic: Arc<Traffic>,
        target: Target,
        credentials: Credentials,
    ) -> Result<Self, ClientError> {
        let caller = Mutex::new(Arc::new(Caller::new(credentials)?));
        let reread: Reread = Box::new(|| Box::pin(ready(None)));
        Ok(Self {
            transport,
            target,
            caller,
            reread,
            renewal: AsyncMutex::default(),
            legacy_get: LegacyGet::Forbidden,
            in_query: AtomicBool::new(false),
            last_date: LastDate::default(),
            traffic,
        })
    }

    /// Makes the client read credentials again when they are refused.
    #[must_use]
    pub fn rereading(self, reread: Reread) -> Self {
        Self { reread, ..self }
    }

    /// Lets the client put credentials into the query of a GET, the only place where the legacy ESB
    /// reads them (FACTS.md section 2).
    #[must_use]
    pub fn with_legacy_get(self, legacy_get: LegacyGet) -> Self {
        Self { legacy_get, ..self }
    }

    /// Traffic so far.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Current credentials.
    #[must_use]
    pub fn caller(&self) -> Arc<Caller> {
        Arc::clone(&self.present())
    }

    fn present(&self) -> MutexGuard<'_, Arc<Caller>> {
        self.caller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the server refused `caller`. The request may be sent again if the credentials
    /// have changed since, here or at their source, which is asked once.
    pub async fn renew(&self, caller: &Arc<Caller>) -> Renewal {
        let mut unchanged = self.renewal.lock().await;
        if !Arc::ptr_eq(&self.present(), caller) {
            return Renewal::Newer;
        }
        let is_unchanged = unchanged.as_ref().is_some_and(|known| Arc::ptr_eq(known, caller));
        if is_unchanged || !caller.is_renewable() {
            return Renewal::None;
        }
        let changed = (self.reread)().await.filter(|found| *found != caller.credentials);
        if let Some(Ok(newer)) = changed.map(Caller::renewed) {
            *self.present() = Arc::new(newer);
            return Renewal::Newer;
        }
        *unchanged = Some(Arc::clone(caller));
        Renewal::None
    }

    /// Whether credentials are being read again, so that a request would go with refused ones.
    #[must_use]
    pub(crate) fn is_renewing(&self) -> bool {
        self.renewal.try_lock().is_err()
    }

    /// Waits until credentials that are being read again are there.
    pub(crate) async fn renewed(&self) {
        drop(self.renewal.lock().await);
    }

    /// Connections to the server, for a limiter.
    #[must_use]
    pub fn connections(&self) -> Arc<dyn Connections> {
        Arc::clone(&self.transport) as _
    }

    /// Returns news of the connections that a limiter wants. Only the last caller gets it.
    pub(crate) fn connection_events(&self) -> mpsc::UnboundedReceiver<ConnectionEvent> {
        self.transport.events()
    }

    /// Waits for a connection, for a request that passes no limiter.
    ///
    /// # Errors
    ///
    /// Returns an answer that says why no connection could be made.
    pub async fn connect(&self) -> Result<Reservation, Answer> {
        let reserved = self.transport.reserve().await;
        reserved.map_err(|error| self.unconnected(&error))
    }

    /// Judges a connection that could not be made, like the answer to a request that never left.
    #[must_use]
    pub(crate) fn unconnected(&self, error: &TransportError) -> Answer {
        unanswered(&self.caller(), error)
    }

    /// Sends one request, named `id`, that starts `task` in the name of `caller`, by a connection
    /// that was set aside for it, and judges its answer.
    pub async fn start(
        &self,
        caller: &Caller,
        task: &Task,
        id: &RequestId,
        connection: Reservation,
    ) -> Answer {
        let (path, body) = match &self.target {
            Target::Esb(esb) => {
                (esb.start_path().clone(), esb::Esb::start_body(task, &caller.members))
            }
            Target::Gateway(gateway) => {
                (gateway.start_path(task), gateway::Gateway::start_body(task))
            }
        };
        self.traffic.sent.fetch_add(body.len() as u64, Ordering::Relaxed);
        let mut headers = headers(caller, id);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (body, max_answer) = (body.into(), MAX_ANSWER_BYTES);
        let request = RawRequest { method: Method::POST, path, headers, body, max_answer };
        self.send(caller, request, connection).await.0
    }

    /// Asks for the state of `task` with `get_task_status`.
    pub async fn status(
        &self,
        caller: &Caller,
        task: &Task,
        question: TaskQuestion<'_>,
    ) -> StatusAnswer {
        let (answer, body) = self.ask(caller, TaskQuery::Status, task, question).await;
        let (state, started) = match answer.verdict {
            Verdict::Accepted => status::state(&body),
            Verdict::AlreadyStarted | Verdict::Failed(_) => (None, None),
        };
        StatusAnswer { answer, state, started }
    }

    /// Asks for the link of `task` with `get_task_detail`; returns the answer, and the link if it
    /// has one.
    pub async fn detail(
        &self,
        caller: &Caller,
        task: &Task,
        question: TaskQuestion<'_>,
    ) -> (Answer, Option<Box<str>>) {
        let (answer, body) = self.ask(caller, TaskQuery::Detail, task, question).await;
        let url = if body.len() <= MAX_PARSED_HERE {
            status::task_url(&body)
        } else {
            tokio::task::spawn_blocking(move || status::task_url(&body)).await.ok().flatten()
        };
        (answer, url.map(|url| caller.mask.hide(&url).into()))
    }

    /// Returns where questions carry the credentials now.
    #[must_use]
    pub fn auth_placement(&self) -> AuthPlacement {
        if self.in_query.load(Ordering::Relaxed) {
            AuthPlacement::Query
        } else {
            AuthPlacement::Header
        }
    }

    /// Returns where to put the credentials when a question with this `placement` got this answer:
    /// in the query if the legacy ESB needs that and it is allowed. All later questions do the
    /// same.
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

    /// Whether the legacy ESB refused a question that it would take with the credentials in the
    /// query if that were allowed.
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

    async fn ask(
        &self,
        caller: &Caller,
        query: TaskQuery,
        task: &Task,
        question: TaskQuestion<'_>,
    ) -> (Answer, Bytes) {
        let TaskQuestion { id, placement, connection } = question;
        let mut url = match &self.target {
            Target::Esb(esb) => esb.question_url(query.name(), task),
            Target::Gateway(gateway) => gateway.question_url(query.name(), task),
        };
        if placement == AuthPlacement::Query {
            url.query_pairs_mut().extend_pairs(caller.credentials.pairs());
        }
        let request = RawRequest {
            method: Method::GET,
            path: base_url::path(&url),
            headers: headers(caller, id),
            body: Bytes::new(),
            max_answer: query.max_bytes(),
        };
        self.send(caller, request, connection).await
    }

    /// Returns the request that starts `task` as text, with its secrets masked.
    #[must_use]
    pub fn show_start(&self, task: &Task) -> String {
        let members = self.caller().credentials.masked().members();
        let (url, body) = match &self.target {
            Target::Esb(esb) => (esb.start_url().clone(), esb::Esb::start_body(task, &members)),
            Target::Gateway(gateway) => {
                (gateway.start_url(task), gateway::Gateway::start_body(task))
            }
        };
        format!(
            "POST {url}\nContent-Type: application/json\nX-Bkapi-Authorization: {{{members}}}\n\n{body}"
        )
    }

    async fn send(
        &self,
        caller: &Caller,
        request: RawRequest,
        connection: Reservation,
    ) -> (Answer, Bytes) {
        let Exchange { waited, received } = self.transport.send(request, connection).await;
        let received = match received {
            Ok(received) => received,
            Err(error) => {
                let answer = Answer { waited, ..unanswered(caller, &error) };
                return (answer, Bytes::new());
            }
        };
        let Received { status, headers, body, extent } = received;
        self.traffic.received.fetch_add(body.len() as u64, Ordering::Relaxed);
        let http = HttpAnswer { status, headers: &headers, body: &body, extent };
        let mut answer = verdict(&RawResponse::Http(http), &caller.mask);
        caller.learn(&answer.verdict);
        answer.waited = waited;
        answer.date = self.last_date.read(&headers);
        answer.reply.cut();
        (answer, body)
    }
}

fn unanswered(caller: &Caller, error: &TransportError) -> Answer {
    let nothing = RawResponse::Nothing { delivery: error.delivery(), what: error.to_string() };
    let mut answer = verdict(&nothing, &caller.mask);
    answer.reply.cut();
    answer
}

fn headers(caller: &Caller, id: &RequestId) -> HeaderMap {
    let mut headers = caller.headers.clone();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers
}
