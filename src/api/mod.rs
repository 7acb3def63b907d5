//! Sends `start_task` and questions to the server, and says what the answers mean.
//!
//! A [`Client`] sends one request and judges one answer. It must not retry, wait for a limit, or
//! follow a redirect: others decide that.

pub(crate) mod base_url;
pub(crate) mod body;
pub(crate) mod credentials;
pub(crate) mod esb;
pub(crate) mod gateway;
pub(crate) mod raw_response;
pub(crate) mod speaker;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod verdict;

mod caller;
mod class;
mod client;
mod date;
mod error;
mod handshake;
mod hold;
mod http_options;
mod network;
mod query;
mod reply;
mod tls;
mod transport;
mod transport_kind;
pub(crate) mod way;

pub(crate) use caller::{Caller, Renewal, Reread};
pub use client::Client;
pub(crate) use error::ClientError;
pub use http_options::HttpOptions;
pub use network::{MakeTransport, Network};
pub use query::AuthPlacement;
pub(crate) use query::LegacyGet;
pub use query::TaskQuestion;
pub use tls::Identity;
pub use transport::{
    AnswerFuture, ConnectionEvent, Exchange, RawRequest, Received, ReservationFuture, Traffic,
    Transport, TransportError,
};
pub use transport_kind::TransportKind;
pub(crate) use transport_kind::proxy_of;
