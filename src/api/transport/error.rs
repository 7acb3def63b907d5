//! Why a request has no answer: what happened, and how far the request came.
//!
//! A request that certainly never left this machine is told from one that may have arrived; if in
//! doubt, it may have arrived.

use std::error::Error;
use std::time::Duration;

use thiserror::Error;

use super::super::handshake;
use crate::domain::answer::{Delivery, NotSent};

/// Why no answer came. The texts are for people, and hold no URL.
#[derive(Clone, Debug, Error)]
pub enum TransportError {
    /// The host name cannot be resolved.
    #[error("the host name has no address: {0}")]
    HostName(String),
    /// The server did not prove who it is, or speaks no TLS.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    /// There was no connection, or it took not a byte of the request.
    #[error("no connection: {0}")]
    Unconnected(String),
    /// There was no connection in time.
    #[error("no connection: not made within {0:?} (--connect-timeout)")]
    ConnectTimeout(Duration),
    /// The other end speaks another protocol.
    #[error("what came back is no HTTP: {0}")]
    NotHttp(String),
    /// The request may have arrived, and no answer came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The request may have arrived, and the connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl TransportError {
    /// Returns how far the request came; if in doubt, it may have arrived.
    #[must_use]
    pub(crate) const fn delivery(&self) -> Delivery {
        match self {
            Self::HostName(_) => Delivery::NotSent(NotSent::HostName),
            Self::Handshake(_) => Delivery::NotSent(NotSent::Certificate),
            Self::Unconnected(_) | Self::ConnectTimeout(_) => {
                Delivery::NotSent(NotSent::Unreachable)
            }
            Self::NotHttp(_) => Delivery::NotHttp,
            Self::Timeout(_) | Self::Broken(_) => Delivery::Lost,
        }
    }

    /// Returns why a connection could not be made.
    pub(in crate::api) fn of_connecting(error: &(dyn Error + 'static)) -> Self {
        match find::<rustls::Error>(error) {
            Some(error) => Self::Handshake(handshake::why(error)),
            None => Self::Unconnected(root(error)),
        }
    }

    /// Returns why a request that may have arrived has no answer.
    pub(super) fn of_exchange(error: &(dyn Error + 'static)) -> Self {
        if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
            Self::NotHttp(root(error))
        } else {
            Self::Broken(root(error))
        }
    }
}

/// Returns the innermost cause.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Returns the first cause of type `E`, even if an I/O error wraps it.
pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
