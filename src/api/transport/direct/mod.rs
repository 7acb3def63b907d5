//! The way to a server that is reached without a proxy: connections of HTTP/1.1, made ahead.

mod connection;
mod connector;
mod pool;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, HeaderValue};
use http::{Request, Uri};
use http_body_util::Full;
use tokio::sync::mpsc;

use super::error::TransportError;
use super::seam::{
    AnswerFuture, ConnectionEvent, Exchange, RawRequest, Received, ReservationFuture,
    ServerAddress, Traffic, Transport,
};
use crate::api::error::ClientError;
use crate::domain::connections::{Connections, Reservation, Turns};
use connector::Connector;
use pool::Pool;

#[derive(Debug)]
pub(super) struct Direct {
    pool: Arc<Pool>,
    host: HeaderValue,
    timeout: Duration,
}

impl Direct {
    /// Returns a transport without connections.
    pub(super) fn new(server: &ServerAddress, traffic: &Arc<Traffic>) -> Result<Self, ClientError> {
        let no_host = || ClientError::Http(format!("{} names no host", server.origin));
        let uri: Uri = server.origin.parse().map_err(|_| no_host())?;
        let host = uri.authority().ok_or_else(no_host)?.as_str();
        let host = HeaderValue::from_str(host).map_err(|_| no_host())?;
        let connector = Connector::new(server).map_err(|_| no_host())?;
        let pool = Pool::new(connector, server.max_idle, Arc::clone(traffic));
        Ok(Self { pool, host, timeout: server.timeout })
    }

    async fn exchange(
        &self,
        request: RawRequest,
        connection: Reservation,
    ) -> Result<Received, TransportError> {
        let RawRequest { method, path, headers, body, max_answer } = request;
        let mut connection = self.pool.take(connection)?;
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) =
            (method, path, headers);
        request.headers_mut().insert(HOST, self.host.clone());
        let received = connection.exchange(request, max_answer, self.timeout).await;
        if connection.is_ready() {
            self.pool.keep(connection);
        }
        received
    }
}

impl Transport for Direct {
    fn send(&self, request: RawRequest, connection: Reservation) -> AnswerFuture<'_> {
        Box::pin(async {
            // Its connection stood when it was picked.
            let received = self.exchange(request, connection).await;
            Exchange { waited: Duration::ZERO, received }
        })
    }

    fn reserve(&self) -> ReservationFuture<'_> {
        Box::pin(self.pool.reserve())
    }

    fn events(&self) -> mpsc::UnboundedReceiver<ConnectionEvent> {
        self.pool.events()
    }
}

impl Connections for Direct {
    fn set_aside(&self) -> bool {
        self.pool.set_aside()
    }

    fn put_back(&self) {
        self.pool.put_back();
    }

    fn want(&self, count: usize) {
        self.pool.want(count);
    }

    fn lead_time(&self) -> Duration {
        self.pool.lead_time()
    }

    fn ask_turns_of(&self, turns: Arc<dyn Turns>) {
        self.pool.ask_turns_of(turns);
    }
}
