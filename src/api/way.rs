//! Takes the way to a server step by step, with the time of each step. Nothing is asked there.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tower::{ServiceExt, service_fn};

use super::error::ClientError;
use super::http_options::HttpOptions;
use super::target::Target;
use super::tls;
use super::transport::TransportError;
use super::transport_kind::proxy_of;

/// A step of the way, and the time that it took.
pub(crate) struct WayStep<T> {
    pub took: Duration,
    pub came: Result<T, TransportError>,
}

/// The way to a server, as far as it leads.
pub(crate) struct Way {
    /// The proxy that is on the way, and to which the first steps lead.
    pub proxy: Option<String>,
    pub addresses: WayStep<Vec<SocketAddr>>,
    /// `None` if there is no address.
    pub connection: Option<WayStep<SocketAddr>>,
    /// Version of TLS; `None` if it is not used, or its turn did not come.
    pub tls: Option<WayStep<String>>,
}

/// Goes the way to `target`: host name, TCP, and TLS unless a proxy is between.
pub(crate) async fn go(target: &Target, options: &HttpOptions) -> Result<Way, ClientError> {
    let tls = Arc::new(tls::config(options.cacert.as_deref(), options.identity)?);
    let limit = options.connect_timeout.min(options.timeout);
    let no_host = || ClientError::Http(format!("{target} names no host"));
    let server: Uri = target.origin().parse().map_err(|_| no_host())?;
    let proxy = proxy_of(target);
    let first = proxy.as_ref().unwrap_or(&server);
    let host = first.host().ok_or_else(no_host)?.trim_matches(['[', ']']).to_owned();
    let port =
        first.port_u16().unwrap_or(if first.scheme_str() == Some("https") { 443 } else { 80 });
    let mut way = Way {
        addresses: timed(limit, addresses(&host, port)).await,
        connection: None,
        tls: None,
        proxy: proxy.as_ref().map(ToString::to_string),
    };
    let Ok(addresses) = &way.addresses.came else { return Ok(way) };
    let WayStep { took, came } = timed(limit, connect(addresses)).await;
    let (came, stream) = match came {
        Ok((address, stream)) => (Ok(address), Some(stream)),
        Err(error) => (Err(error), None),
    };
    way.connection = Some(WayStep { took, came });
    let is_tls = server.scheme_str() == Some("https") && proxy.is_none();
    if let Some(stream) = stream.filter(|_| is_tls) {
        way.tls = Some(timed(limit, shake_hands(stream, server, tls)).await);
    }
    Ok(way)
}

async fn timed<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, TransportError>>,
) -> WayStep<T> {
    let began = Instant::now();
    let came = timeout(limit, step).await;
    let came = came.unwrap_or(Err(TransportError::ConnectTimeout(limit)));
    WayStep { took: began.elapsed(), came }
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, TransportError> {
    let found = lookup_host((host, port)).await;
    let found: Vec<_> =
        found.map_err(|error| TransportError::HostName(error.to_string()))?.collect();
    if found.is_empty() {
        return Err(TransportError::HostName("the name is known, but without an address".into()));
    }
    Ok(found)
}

/// Connects to the first address that answers.
async fn connect(addresses: &[SocketAddr]) -> Result<(SocketAddr, TcpStream), TransportError> {
    let mut last = TransportError::Unconnected("no address".into());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((*address, stream)),
            Err(error) => last = TransportError::Unconnected(format!("{address}: {error}")),
        }
    }
    Err(last)
}

/// Begins TLS on a connection. Returns its version.
async fn shake_hands(
    stream: TcpStream,
    server: Uri,
    tls: Arc<rustls::ClientConfig>,
) -> Result<String, TransportError> {
    let mut stream = Some(TokioIo::new(stream));
    let connected = service_fn(move |_: Uri| {
        let stream = stream.take();
        ready(stream.ok_or_else(|| std::io::Error::other("the connection was used already")))
    });
    let https = HttpsConnector::from((connected, tls)).oneshot(server).await;
    match https.map_err(|error| TransportError::of_connecting(&*error))? {
        MaybeHttpsStream::Https(tls) => {
            let version = tls.inner().get_ref().1.protocol_version();
            Ok(version.map_or_else(|| "TLS".into(), version_name))
        }
        MaybeHttpsStream::Http(_) => Err(TransportError::Handshake("no TLS was begun".into())),
    }
}

fn version_name(version: rustls::ProtocolVersion) -> String {
    format!("{version:?}").replace("TLSv1_", "TLS 1.")
}
