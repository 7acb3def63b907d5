//! The server, as a client sees it: sends `start_task`, and says what came back.
//!
//! A [`Client`] sends one request and judges one answer. It must not retry, wait
//! for a limit, or follow a redirect: those are decisions of others.

pub mod base_url;
pub mod body;
pub mod credentials;
pub mod esb;
pub mod gateway;
pub mod heard;
pub mod target;
pub mod verdict;

mod told;
mod transport;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Certificate, Method, Request, Response, Url};
use thiserror::Error;

use crate::answer::{Answer, FailureClass, Verdict};
use crate::request_id::RequestId;
use crate::task::Task;
use credentials::Credentials;
use heard::{Extent, Heard, HttpAnswer};
use target::Target;
use verdict::verdict;

/// An answer longer than this is cut off, and nobody can tell what it said.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// gunicorn closes idle connections after 2 s (wire facts, section 7); ours are
/// given up before, so that few requests meet a connection that is being closed.
const IDLE: Duration = Duration::from_millis(1500);

const AUTHORIZATION: HeaderName = HeaderName::from_static("x-bkapi-authorization");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How the server is reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// From sending a request to the end of its answer.
    pub timeout: Duration,
    /// For a connection, TLS included.
    pub connect_timeout: Duration,
    /// A file of certificates in PEM that are trusted beside the system's.
    pub cacert: Option<PathBuf>,
    /// Whether the server must prove who it is.
    pub identity: Identity,
}

/// Whether the server must prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Its certificate must be trusted and name the host.
    Proven,
    /// Any certificate will do: whoever answers gets the credentials.
    AnyCertificate,
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
}

/// Reads the credentials once more, where they come from files.
pub type Reread = Box<dyn Fn() -> Option<Credentials> + Send + Sync>;

/// Who calls, prepared once: the credentials as JSON members, and as a header.
pub struct Caller {
    credentials: Credentials,
    members: String,
    authorization: HeaderValue,
}

impl Caller {
    fn new(credentials: Credentials) -> Result<Self, ClientError> {
        let members = credentials.members();
        let mut authorization = HeaderValue::from_bytes(format!("{{{members}}}").as_bytes())
            .map_err(|_| ClientError::Credentials)?;
        authorization.set_sensitive(true);
        Ok(Self { credentials, members, authorization })
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
    /// The file of certificates cannot be read.
    #[error("cannot read the certificates in {}: {source}", path.display())]
    ReadCertificates {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// The file holds no certificates in PEM.
    #[error("{} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
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
        reach: &Reach,
        connections: usize,
    ) -> Result<Self, ClientError> {
        let http = http_client(&target, reach, connections)?;
        let caller = Mutex::new(Arc::new(Caller::new(credentials)?));
        let reread: Reread = Box::new(|| None);
        Ok(Self { http, target, timeout: reach.timeout, caller, reread })
    }

    /// The same client, which reads credentials once more when they are refused.
    #[must_use]
    pub fn rereading(self, reread: Reread) -> Self {
        Self { reread, ..self }
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

    /// Asks for the state of `task` with `get_task_status`; "accepted" means that
    /// it may be seen.
    ///
    /// By ESB the credentials stand in the header alone. The legacy ESB answers
    /// `auth` to that; only where [`LegacyGet::Allowed`], the request is sent once
    /// more with the credentials in its query.
    pub async fn status(&self, task: &Task, id: &RequestId, legacy: LegacyGet) -> Answer {
        let url = match &self.target {
            Target::Esb(esb) => esb.status_url(task),
            Target::Gateway(gateway) => gateway.status_url(task),
        };
        let caller = self.caller();
        let answer = self.send(&caller, request(&caller, Method::GET, url.clone(), id)).await;
        let is_auth = matches!(&answer.verdict,
            Verdict::Failed(failure) if failure.class == FailureClass::Auth);
        match (&self.target, legacy) {
            (Target::Esb(_), LegacyGet::Allowed) if is_auth => {
                let mut url = url;
                url.query_pairs_mut().extend_pairs(caller.credentials.pairs());
                self.send(&caller, request(&caller, Method::GET, url, id)).await
            }
            _ => answer,
        }
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
        let mut answer = match self.http.execute(request).await {
            Ok(response) => {
                let (head, body, extent) = self.read(response).await;
                verdict(&Heard::Http(HttpAnswer {
                    status: head.0,
                    headers: &head.1,
                    body: &body,
                    extent,
                }))
            }
            Err(error) => verdict(&Heard::Nothing {
                contact: transport::contact(&error),
                what: transport::describe(&error, self.timeout),
            }),
        };
        caller.credentials.mask(&mut answer.reply);
        answer.reply.cut();
        answer
    }

    fn start_request(&self, caller: &Caller, task: &Task, id: &RequestId) -> Request {
        let (url, body) = self.start_parts(task, &caller.members);
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
    async fn read(&self, mut response: Response) -> ((u16, HeaderMap), Bytes, Extent) {
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
            if first.len() + rest.len() > LONGEST_ANSWER {
                break Extent::CutOff("more than 1 MiB of answer".into());
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

fn http_client(
    target: &Target,
    reach: &Reach,
    connections: usize,
) -> Result<reqwest::Client, ClientError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("bk-launch/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        .tcp_nodelay(true)
        .timeout(reach.timeout)
        .connect_timeout(reach.connect_timeout.min(reach.timeout))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(connections);
    if target.is_loopback() {
        builder = builder.no_proxy();
    }
    if let Some(path) = &reach.cacert {
        builder = builder.tls_certs_merge(certificates(path)?);
    }
    if reach.identity == Identity::AnyCertificate {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder.build().map_err(|error| ClientError::Http(error.to_string()))
}

fn certificates(path: &PathBuf) -> Result<Vec<Certificate>, ClientError> {
    let pem = std::fs::read(path)
        .map_err(|source| ClientError::ReadCertificates { path: path.clone(), source })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(ClientError::NoCertificate { path: path.clone() }),
    }
}
