//! Why no client can be made.

use thiserror::Error;

use super::tls::TlsError;

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
