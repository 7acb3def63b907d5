//! Makes one connection: the host's addresses, TCP, TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper::client::conn::http1;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt;
use tower::util::{MapErr, MapResponse};

use super::connection::Connection;
use super::socket::Socket;
use crate::api::transport::error::{TransportError, find};
use crate::api::transport::seam::ServerAddress;

/// Interval of TCP's own probes of a silent connection. With the two limits below, a peer that
/// vanished is noticed before a long timeout is over.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(30);

type Resolver = MapErr<GaiResolver, fn(io::Error) -> LookupError>;
type Counted = MapResponse<HttpConnector<Resolver>, fn(TokioIo<TcpStream>) -> TokioIo<Socket>>;

/// Error of looking up a host name.
#[derive(Debug, Error)]
#[error("{0}")]
struct LookupError(io::Error);

pub(super) struct Connector {
    https: HttpsConnector<Counted>,
    server: Uri,
    timeout: Duration,
}

impl Connector {
    /// Returns a connector to `server`, or its origin if that is no URI.
    pub(super) fn new(server: &ServerAddress) -> Result<Self, http::uri::InvalidUri> {
        let resolver: Resolver = MapErr::new(GaiResolver::new(), LookupError as fn(_) -> _);
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Divided among the host's addresses, so that each gets its chance.
        tcp.set_connect_timeout(Some(server.connect_timeout));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED_TIMEOUT));
        let counted: Counted =
            tcp.map_response((|tcp: TokioIo<_>| TokioIo::new(Socket::new(tcp.into_inner()))) as _);
        let https = HttpsConnector::from((counted, Arc::clone(&server.tls)));
        Ok(Self { https, server: server.origin.parse()?, timeout: server.connect_timeout })
    }

    /// Makes a connection, which holds `alive` as long as it lives.
    pub(super) async fn connect(&self, alive: &Arc<()>) -> Result<Connection, TransportError> {
        let made = timeout(self.timeout, self.make(alive)).await;
        made.unwrap_or(Err(TransportError::ConnectTimeout(self.timeout)))
    }

    async fn make(&self, alive: &Arc<()>) -> Result<Connection, TransportError> {
        let stream = self.https.clone().oneshot(self.server.clone()).await.map_err(|error| {
            match find::<LookupError>(&*error) {
                Some(LookupError(error)) => TransportError::HostName(error.to_string()),
                None if is_timeout(&*error) => TransportError::ConnectTimeout(self.timeout),
                None => TransportError::of_connecting(&*error),
            }
        })?;
        let socket = match &stream {
            MaybeHttpsStream::Http(tcp) => tcp.inner().clone(),
            MaybeHttpsStream::Https(tls) => tls.inner().get_ref().0.inner().inner().clone(),
        };
        let (sender, driver) = http1::handshake(stream)
            .await
            .map_err(|error| TransportError::of_connecting(&error))?;
        Ok(Connection::new(sender, driver, socket, Arc::clone(alive)))
    }
}

/// Whether the host's addresses did not answer in their shares of the time.
fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}
