//! What all requests of a measurement share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::feed::{RowFeed, Tasks};
use super::started::StartedLines;
use crate::api::Client;
use crate::domain::connections::Connections;
use crate::domain::request_id::RunId;
use crate::shutdown::Shutdown;

/// A client and the rows to start: each row is used once, in order.
pub(crate) struct BenchContext {
    pub(super) client: Arc<Client>,
    pub(super) connections: Arc<dyn Connections>,
    pub(super) rows: tokio::sync::Mutex<RowFeed>,
    pub(super) shutdown: Shutdown,
    pub(super) run: RunId,
    pub(super) started: Mutex<StartedLines>,
}

impl BenchContext {
    /// Begins to read rows; sends nothing yet.
    #[must_use]
    pub(crate) fn new(client: Client, tasks: Tasks, shutdown: Shutdown, run: RunId) -> Arc<Self> {
        let rows = tokio::sync::Mutex::new(RowFeed::start(tasks));
        let connections = client.connections();
        let (client, started) = (Arc::new(client), Mutex::default());
        Arc::new(Self { client, connections, rows, shutdown, run, started })
    }

    pub(crate) fn started(&self) -> MutexGuard<'_, StartedLines> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub(crate) const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    pub(crate) async fn input_error(&self) -> Option<String> {
        self.rows.lock().await.error()
    }
}
