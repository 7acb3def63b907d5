use thiserror::Error;

use super::tls::TlsError;

#[derive(Debug, Error)]
pub enum ClientError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No header can carry a credential.
    #[error("the credentials hold a character that no HTTP header can carry, such as a line break")]
    Credentials,
    #[error("cannot set up the HTTP client: {0}")]
    Http(String),
}
