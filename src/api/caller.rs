//! Credentials prepared once for many requests.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use super::credentials::Credentials;
use super::error::ClientError;
use crate::domain::answer::{FailureClass, Verdict};
use crate::domain::secret::Mask;

const AUTHORIZATION: HeaderName = HeaderName::from_static("x-bkapi-authorization");

const PROGRAM: &str = concat!("bk-launch/", env!("CARGO_PKG_VERSION"));

/// Reads credentials again, where they may have changed.
pub(crate) type Reread = Box<dyn Fn() -> RereadFuture + Send + Sync>;

/// The credentials as they are now; `None` if they cannot have changed, or cannot be read.
pub(crate) type RereadFuture = Pin<Box<dyn Future<Output = Option<Credentials>> + Send>>;

/// The credentials as JSON members, as headers, and as what is removed from answers.
pub struct Caller {
    pub(super) credentials: Credentials,
    pub(super) members: String,
    /// Headers of all requests.
    pub(super) headers: HeaderMap,
    pub(super) mask: Mask,
    /// Whether credentials that are refused may be replaced by others that are read anew.
    renewable: AtomicBool,
}

impl Caller {
    /// Returns the caller that a session begins with.
    pub(super) fn new(credentials: Credentials) -> Result<Self, ClientError> {
        Self::with(credentials, true)
    }

    /// Returns the caller in place of one that was refused. If it is refused as well before
    /// bk-sops knew it, it is not the credentials: a command may print others each time.
    pub(super) fn renewed(credentials: Credentials) -> Result<Self, ClientError> {
        Self::with(credentials, false)
    }

    /// Learns from the answer to a request that bk-sops knows this caller.
    pub(super) fn learn(&self, answer: &Verdict) {
        let is_known = match answer {
            Verdict::Accepted | Verdict::AlreadyStarted => true,
            Verdict::Failed(failure) => matches!(
                failure.class,
                FailureClass::BadRequest
                    | FailureClass::NotFound
                    | FailureClass::Permission
                    | FailureClass::ThrottledBiz
            ),
        };
        if is_known {
            self.renewable.store(true, Ordering::Relaxed);
        }
    }

    /// Whether these credentials may be replaced if they are refused.
    pub(super) fn is_renewable(&self) -> bool {
        self.renewable.load(Ordering::Relaxed)
    }

    fn with(credentials: Credentials, renewable: bool) -> Result<Self, ClientError> {
        let members = credentials.members();
        let mut authorization = HeaderValue::from_bytes(format!("{{{members}}}").as_bytes())
            .map_err(|_| ClientError::Credentials)?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(USER_AGENT, HeaderValue::from_static(PROGRAM));
        headers.insert(AUTHORIZATION, authorization);
        let mask = credentials.mask();
        Ok(Self { credentials, members, headers, mask, renewable: renewable.into() })
    }
}

/// Whether there are credentials that the server has not refused yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The refused request may be sent again.
    Newer,
    None,
}
