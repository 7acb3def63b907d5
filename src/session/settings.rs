//! Settings of a session. The caller makes these values; nothing here reads
//! flags or the environment.

use std::path::PathBuf;

use super::credentials::Origin;
use super::input::{Input, OnInvalid};
use super::staging::Staging;
use super::timing::Timing;
use crate::api::credentials::Credentials;
use crate::api::target::Target;
use crate::api::{Client, ClientError, HttpOptions, LegacyGet, Network, Reread};
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
        Ok(client.with_legacy_get(self.legacy_get).rereading(self.reread()))
    }

    /// Files may have changed since they were read; variables cannot have.
    fn reread(&self) -> Reread {
        let origin = self.credentials.clone();
        if origin.may_change() { Box::new(move || origin.read().ok()) } else { Box::new(|| None) }
    }
}
