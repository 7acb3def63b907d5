//! Credentials prepared once for many requests.

use http::header::HeaderValue;

use super::credentials::Credentials;
use super::error::ClientError;
use crate::domain::secret::Mask;

/// Reads credentials again if they come from files.
pub(crate) type Reread = Box<dyn Fn() -> Option<Credentials> + Send + Sync>;

/// The credentials as JSON members, as a header, and as what is removed from answers.
pub struct Caller {
    pub(super) credentials: Credentials,
    pub(super) members: String,
    pub(super) authorization: HeaderValue,
    pub(super) mask: Mask,
}

impl Caller {
    pub(super) fn new(credentials: Credentials) -> Result<Self, ClientError> {
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
    /// The refused request may be sent again.
    Newer,
    None,
}
