//! Timeouts, trust and way of the connections to a server.

use std::path::PathBuf;
use std::time::Duration;

use super::tls::Identity;
use super::transport_kind::TransportKind;

/// Timeouts and trust of connections to the server.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Time from sending a request to the end of its answer.
    pub timeout: Duration,
    /// Time for making a connection, TLS included.
    pub connect_timeout: Duration,
    /// PEM file of certificates trusted in addition to the system's.
    pub cacert: Option<PathBuf>,
    /// Whether the server must prove who it is.
    pub identity: Identity,
    /// Way to the server.
    pub transport: TransportKind,
}
