//! Reads the URL of a server, or says what is wrong with it.

use http::Uri;
use thiserror::Error;
use url::{Position, Url};

/// Reads an `http` or `https` URL to which a path can be added.
pub(super) fn base_url(text: &str) -> Result<Url, TargetError> {
    let url = Url::parse(text.trim()).map_err(|error| TargetError::Url(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(TargetError::Scheme(url.scheme().to_owned()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(TargetError::Host);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(TargetError::Query);
    }
    Ok(url)
}

/// Returns path and query of `url`, as a request names them to the server.
pub(super) fn path(url: &Url) -> Uri {
    // Never fails: a `Url` has escaped everything that a `Uri` does not take.
    url[Position::BeforePath..Position::AfterQuery].parse().unwrap_or_default()
}

/// Errors never repeat the text itself: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    #[error("not a URL ({0}); write it as https://host or http://host:port")]
    Url(String),
    #[error("a URL must begin with http:// or https://, not with {0}:")]
    Scheme(String),
    #[error("a URL must name a host, as in https://host")]
    Host,
    #[error(
        "a URL must not hold a user or a password: command lines and logs show it; \
         credentials come from BK_APP_CODE, BK_APP_SECRET and BK_TOKEN or BK_USERNAME"
    )]
    Credentials,
    #[error("a URL must end with its path, without ? and #")]
    Query,
    /// The stage is no single path segment.
    #[error("a stage is written with letters, digits, - and _ alone, such as prod")]
    Stage,
    #[error("a template may hold no other {{…}} than {{gateway_name}} (or {{api_name}})")]
    Placeholder,
}
