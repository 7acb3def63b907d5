//! One connection, and one exchange by it at a time.
//!
//! The task that sends a request also polls hyper's connection, so that no other task need be
//! woken for it. While the connection is idle nobody polls it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use tokio::time::{Instant, Sleep, sleep};

use super::socket::{Socket, Unread};
use crate::api::raw_response::Extent;
use crate::api::transport::error::TransportError;
use crate::api::transport::seam::{Received, too_long};

type MaybeTls = MaybeHttpsStream<TokioIo<Socket>>;
type Driver = http1::Connection<MaybeTls, Full<Bytes>>;

pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Does the work on the socket; `None` once it has ended.
    driver: Option<Driver>,
    socket: Socket,
    /// Reset for each exchange, which costs less than a timer for each.
    deadline: Pin<Box<Sleep>>,
    /// Counts this connection as long as it lives.
    _alive: Arc<()>,
}

impl Connection {
    pub(super) fn new(
        sender: SendRequest<Full<Bytes>>,
        driver: Driver,
        socket: Socket,
        alive: Arc<()>,
    ) -> Self {
        let deadline = Box::pin(sleep(Duration::ZERO));
        Self { sender, driver: Some(driver), socket, deadline, _alive: alive }
    }

    /// Whether an idle connection still stands, as far as this machine has heard.
    pub(super) fn is_open(&mut self) -> bool {
        match self.socket.unread() {
            Unread::Nothing => self.driver.is_some(),
            Unread::End => false,
            // A ticket of TLS is read and kept; anything else ends an idle connection.
            Unread::Bytes => {
                self.drive(&mut Context::from_waker(Waker::noop()));
                self.driver.is_some() && self.socket.unread() == Unread::Nothing
            }
        }
    }

    /// Whether the next request can be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends one request and receives its answer, of which no more than `max_answer` bytes.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        max_answer: usize,
        timeout: Duration,
    ) -> Result<Received, TransportError> {
        let before = self.socket.written();
        self.deadline.as_mut().reset(Instant::now() + timeout);
        let head = self.head(request).await;
        let response = match head {
            None => return Err(TransportError::Timeout(timeout)),
            Some(Ok(response)) => response,
            Some(Err(error)) => {
                let is_sent = error.message().is_none() && self.socket.written() > before;
                let error = error.into_error();
                return Err(if is_sent {
                    TransportError::of_exchange(&error)
                } else {
                    TransportError::of_connecting(&error)
                });
            }
        };
        let (head, mut incoming) = response.into_parts();
        let (body, extent) = self.body(&mut incoming, max_answer).await;
        let extent = match extent {
            End::Whole => Extent::Whole,
            End::TooLong => too_long(max_answer),
            End::Timeout => Extent::CutOff(TransportError::Timeout(timeout).to_string()),
            End::Broken(why) => Extent::CutOff(why.to_string()),
        };
        if !matches!(extent, Extent::Whole) {
            self.driver = None;
        }
        let (status, headers) = (head.status.as_u16(), head.headers);
        Ok(Received { status, headers, body, extent })
    }

    /// Returns the head of the answer; `None` if it does not come in time.
    async fn head(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Option<Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let head = poll_fn(|cx| {
            drive(&mut self.driver, cx);
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(Some(answer));
            }
            self.deadline.as_mut().poll(cx).map(|()| None)
        })
        .await;
        if head.is_none() {
            self.driver = None;
        }
        head
    }

    async fn body(&mut self, incoming: &mut Incoming, max_bytes: usize) -> (Bytes, End) {
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        let end = loop {
            let next = poll_fn(|cx| self.poll_body(incoming, cx)).await;
            match next {
                Some(Ok(frame)) => match frame.into_data() {
                    // Nearly every answer is one chunk, which is not copied.
                    Ok(chunk) if first.is_empty() => first = chunk,
                    Ok(chunk) => rest.extend_from_slice(&chunk),
                    Err(_trailers) => {}
                },
                None => break End::Whole,
                Some(Err(end)) => break end,
            }
            if first.len() + rest.len() > max_bytes {
                break End::TooLong;
            }
        };
        // Lets hyper notice that the exchange is over, so that the connection can be used again.
        poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(())
        })
        .await;
        if rest.is_empty() {
            return (first, end);
        }
        ([&first[..], &rest[..]].concat().into(), end)
    }

    /// Polls for the next part of an answer.
    fn poll_body(
        &mut self,
        mut incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, End>>> {
        let mut poll = |cx: &mut Context<'_>| {
            Pin::new(&mut incoming)
                .poll_frame(cx)
                .map_err(|error| End::Broken(TransportError::of_exchange(&error)))
        };
        // The first poll asks for the part, which the connection then reads.
        if let Poll::Ready(part) = poll(cx) {
            return Poll::Ready(part);
        }
        drive(&mut self.driver, cx);
        if let Poll::Ready(part) = poll(cx) {
            return Poll::Ready(part);
        }
        self.deadline.as_mut().poll(cx).map(|()| Some(Err(End::Timeout)))
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, cx);
    }
}

enum End {
    Whole,
    TooLong,
    Timeout,
    Broken(TransportError),
}

/// Lets a connection do what it can. Its errors reach the request.
fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    if let Some(running) = driver
        && Pin::new(running).poll(cx).is_ready()
    {
        *driver = None;
    }
}
