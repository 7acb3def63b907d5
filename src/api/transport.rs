//! Tells how far a request without an answer came, and describes the error.
//!
//! It tells a request that certainly never left this machine from one that may have arrived; if in
//! doubt, it may have arrived.

use std::error::Error;
use std::time::Duration;

use super::handshake;
use crate::domain::answer::{Delivery, NotSent};

/// Returns how far the request came that ended in `error`.
#[must_use]
pub(super) fn delivery(error: &reqwest::Error) -> Delivery {
    if error.is_dns() {
        Delivery::NotSent(NotSent::HostName)
    } else if error.is_connect() {
        match find::<rustls::Error>(error) {
            Some(_) => Delivery::NotSent(NotSent::Certificate),
            None => Delivery::NotSent(NotSent::Unreachable),
        }
    } else if error.is_builder()
        || find::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled)
    {
        // hyper cancels what it never began to write, for instance because the server had closed
        // the idle connection.
        Delivery::NotSent(NotSent::Unreachable)
    } else if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        Delivery::NotHttp
    } else {
        Delivery::Lost
    }
}

/// Describes the error for people, without a URL.
#[must_use]
pub(super) fn describe(error: &reqwest::Error, timeout: Duration) -> String {
    let cause = root(error);
    match delivery(error) {
        Delivery::NotSent(NotSent::HostName) => format!("the host name has no address: {cause}"),
        Delivery::NotSent(NotSent::Certificate) => {
            let why = find(error).map_or(cause, handshake::why);
            format!("the TLS handshake failed: {why}")
        }
        Delivery::NotSent(NotSent::Unreachable) => format!("no connection: {cause}"),
        Delivery::NotHttp => format!("what came back is no HTTP: {cause}"),
        Delivery::Lost | Delivery::Answered(_) if error.is_timeout() => {
            format!("no answer within {timeout:?}")
        }
        Delivery::Lost | Delivery::Answered(_) => format!("the connection broke: {cause}"),
    }
}

/// Returns the innermost cause.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Returns the first cause of type `E`, even if an I/O error wraps it.
fn find<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
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
