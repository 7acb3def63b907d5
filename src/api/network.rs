//! The network between a client and its server: the system's, or one that is handed in.

use std::sync::Arc;

use super::client::Client;
use super::credentials::Credentials;
use super::error::ClientError;
use super::http_options::HttpOptions;
use super::target::Target;
use super::transport::{Traffic, Transport};

/// Makes the transport of a client.
pub type MakeTransport = Arc<dyn Fn(&Target, &HttpOptions) -> Arc<dyn Transport> + Send + Sync>;

/// The network by which servers are reached.
#[derive(Clone)]
pub enum Network {
    /// The system's.
    System,
    /// One that is handed in.
    By(MakeTransport),
}

impl Network {
    /// Returns a client for `target` that keeps `connections` open between requests.
    pub(crate) fn client(
        &self,
        target: &Target,
        credentials: Credentials,
        options: &HttpOptions,
        connections: usize,
    ) -> Result<Client, ClientError> {
        match self {
            Self::System => Client::new(target.clone(), credentials, options, connections),
            Self::By(make) => {
                let transport = make(target, options);
                Client::by(transport, Arc::new(Traffic::default()), target.clone(), credentials)
            }
        }
    }
}
