//! Settings of a session. The caller makes these values; nothing here reads
//! flags or the environment.

use std::future::ready;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::warn;

use super::credentials::{Origin, Rereading};
use super::input::{Input, OnInvalid};
use super::staging::Staging;
use super::timing::Timing;
use crate::api::credentials::Credentials;
use crate::api::target::Target;
use crate::api::{Client, ClientError, HttpOptions, LegacyGet, Network, Reread};
use crate::domain::executor::Executor;
use crate::launch::Options;
use crate::report::IfExists;
use crate::rules::expected_rows::ExpectedRows;
use crate::store::{RunName, RunStore};

/// Settings of a new run.
pub(crate) struct RunSettings {
    pub input: Input,
    /// What to do with a file that holds rows that cannot be used.
    pub on_invalid: OnInvalid,
    /// Store for the run, if it is kept.
    pub runs: Option<RunStore>,
    /// What people call it, and where the lock of that name is.
    pub name: Option<(RunName, RunStore)>,
    pub expect_rows: Option<ExpectedRows>,
    /// The settings of its first session.
    pub session: Settings,
}

/// Settings of a session.
pub(crate) struct Settings {
    pub options: Options,
    pub staging: Staging,
    pub timing: Timing,
    pub server: ServerSettings,
    /// The reports that were named; `-` is standard output.
    pub outputs: Vec<PathBuf>,
    /// What to do with a report that is there already.
    pub existing: IfExists,
}

/// A server, how it is called, and by whom.
pub(crate) struct ServerSettings {
    pub target: Target,
    pub http_options: HttpOptions,
    pub credentials: Origin,
    /// Whether a GET may have the credentials in its query.
    pub legacy_get: LegacyGet,
}

impl ServerSettings {
    /// Makes a client that reaches the server by `network`, and keeps up to `connections` open.
    pub(crate) fn client(
        &self,
        network: &Network,
        credentials: Credentials,
        connections: usize,
    ) -> Result<Client, ClientError> {
        let client = network.client(&self.target, credentials, &self.http_options, connections)?;
        Ok(client.with_legacy_get(self.legacy_get))
    }

    /// Returns what reads the credentials again after a refusal. A command runs as a job of
    /// `executor`, so that it holds up nobody.
    pub(crate) fn reread(&self, executor: &Arc<dyn Executor>) -> Reread {
        let origin = self.credentials.clone();
        match origin.rereading() {
            Rereading::Never => Box::new(|| Box::pin(ready(None))),
            Rereading::Files => Box::new(move || Box::pin(ready(read_again(&origin)))),
            Rereading::Commands => {
                let executor = Arc::clone(executor);
                Box::new(move || Box::pin(read_aside(origin.clone(), &*executor)))
            }
        }
    }
}

/// Reads credentials as a job of `executor`.
fn read_aside(
    origin: Origin,
    executor: &dyn Executor,
) -> impl Future<Output = Option<Credentials>> + use<> {
    let (sender, receiver) = oneshot::channel();
    let job = executor.run(Box::pin(async move {
        // Ignores a closed channel: the session has stopped meanwhile.
        drop(sender.send(read_again(&origin)));
    }));
    async {
        if let Ok(found) = receiver.await {
            return found;
        }
        match job.await {
            Err(panic) => resume_unwind(panic),
            Ok(()) => None,
        }
    }
}

fn read_again(origin: &Origin) -> Option<Credentials> {
    let found = origin.read();
    if let Err(error) = &found {
        warn!("the credentials were refused, and cannot be read again: {error}");
    }
    found.ok()
}
