//! Carries one request to the server, and its raw response back.
//!
//! [`Direct`] reaches the server without a proxy, by connections that are made before they are
//! needed; [`Proxied`] leaves that to reqwest. A transport must not judge a response, send a
//! request twice, or follow a redirect.

mod direct;
mod error;
mod proxied;
mod seam;

use std::sync::Arc;

use super::error::ClientError;
use super::http_options::HttpOptions;
use super::target::Target;
use super::tls;
use super::transport_kind::TransportKind;
use direct::Direct;
use proxied::Proxied;
use seam::ServerAddress;

pub use error::TransportError;
pub use seam::{
    AnswerFuture, ConnectionEvent, Exchange, RawRequest, Received, ReservationFuture, Traffic,
    Transport,
};

/// Returns a transport to `target` that keeps up to `connections` open between requests.
pub(super) fn make(
    target: &Target,
    options: &HttpOptions,
    connections: usize,
    traffic: &Arc<Traffic>,
) -> Result<Arc<dyn Transport>, ClientError> {
    let server = ServerAddress {
        origin: target.origin(),
        tls: Arc::new(tls::config(options.cacert.as_deref(), options.identity)?),
        connect_timeout: options.connect_timeout.min(options.timeout),
        timeout: options.timeout,
        max_idle: connections,
    };
    Ok(match options.transport {
        TransportKind::Direct => Arc::new(Direct::new(&server, traffic)?),
        TransportKind::Proxied => Proxied::new(server, traffic)?,
    })
}
