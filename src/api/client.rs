//! Sends one request and judges its answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use jiff::Timestamp;
use reqwest::{Method, Request, Response, Url};

use super::caller::{Caller, Renewal, Reread};
use super::credentials::Credentials;
use super::error::ClientError;
use super::http_client::{self, HttpOptions, Traffic};
use super::query::{AuthPlacement, LegacyGet, TaskQuery};
use super::raw_response::{Extent, HttpAnswer, RawResponse};
use super::target::Target;
use super::verdict::verdict;
use super::{esb, gateway, status, transport};
use crate::domain::answer::{Answer, FailureClass, StatusAnswer, Verdict};
use crate::domain::request_id::RequestId;
use crate::domain::task::Task;

const MIB: usize = 1024 * 1024;

/// Maximum size of an answer; a longer one is cut off, and its meaning is unknown.
const MAX_ANSWER_BYTES: usize = MIB;

const AUTHORIZATION: HeaderName = HeaderName::from_static("x-bkapi-authorization");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Sends requests to one server in one caller's name.
pub struct Client {
    http: reqwest::Client,
    target: Target,
    timeout: Duration,
    caller: Mutex<Arc<Caller>>,
    reread: Reread,
    legacy_get: LegacyGet,
    /// Whether questions carry the credentials in their query.
    in_query: AtomicBool,
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
        let http = http_client::build(&target, options, connections, &traffic)?;
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
    /// have changed since, here or at their source.
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

    /// Sends one request, named `id`, that starts `task` in the name of `caller`, and judges its
    /// answer.
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

    /// Asks for the link of `task` with `get_task_detail`; returns the answer, and the link if it
    /// has one.
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
        // Parsing megabytes of JSON here would block all other requests.
        let url = tokio::task::spawn_blocking(move || status::task_url(&body)).await;
        (answer, url.ok().flatten().map(|url| caller.mask.hide(&url).into()))
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

    /// Returns the request that starts `task` as text, with its secrets masked.
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

    /// Reads an answer to its end, or until it breaks off.
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
                // Nearly every answer is one chunk, which is not copied.
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

/// Returns the time of the server's clock when it answered.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Timestamp::try_from(time).ok()
}
