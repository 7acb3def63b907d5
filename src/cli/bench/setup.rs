//! What a measurement works with: a server, credentials and rows.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use thiserror::Error;

use super::super::command_error::CommandError;
use super::super::notice::notice;
use super::super::outside::NoticeSink;
use super::super::settings;
use super::super::warnings;
use super::row_file::{self, Reuse, RowFile};
use super::start_consent::{Locality, StartConsent};
use super::workload::Workload;
use crate::api::Client;
use crate::api::credentials::Credentials;
use crate::api::target::Target;
use crate::args::server::ServerArgs;
use crate::bench::feed::Tasks;
use crate::input::Format;
use crate::mock::{Behaviour, Memory, Mock};
use crate::rules::selection::Selection;
use crate::session::settings::ServerSettings;
use crate::text::bench::notices;

pub(crate) struct Setup {
    /// The rows to start; `None` if the server is the mock inside, which knows every task.
    pub rows: Option<RowFile>,
    reuse: Reuse,
    server: ServerSettings,
    /// Read once: unlike a launch, a measurement does not read them again after a refusal.
    credentials: Credentials,
    /// Keeps the mock inside alive.
    _mock: Option<Mock>,
}

impl Setup {
    /// Returns the server that the flags name and the rows of `input`, or a mock inside if there
    /// is no `input`.
    pub(crate) fn prepare(
        input: Option<PathBuf>,
        format: Option<Format>,
        selection: Selection,
        reuse: Reuse,
        server: ServerArgs,
    ) -> Result<Self, CommandError> {
        let Some(path) = input else {
            if server.esb.is_some() || server.gateway.is_some() {
                return Err(InputMissing.into());
            }
            return Self::of_the_mock();
        };
        let variables = |name: &str| std::env::var(name).ok();
        let server = settings::server(server, &variables)?;
        warnings::warn(&server, &NoticeSink::Console);
        let rows = Some(RowFile::of(&path, format, selection)?);
        let credentials = server.credentials.read()?;
        Ok(Self { rows, reuse, server, credentials, _mock: None })
    }

    fn of_the_mock() -> Result<Self, CommandError> {
        let mock = Mock::start(Behaviour { memory: Memory::Counts, ..Behaviour::default() }, 0)?;
        let ServerCommand { server } = ServerCommand::try_parse_from(["--esb", &mock.url()])?;
        let server = settings::server(server, &credentials_of_the_mock)?;
        let credentials = server.credentials.read()?;
        Ok(Self { rows: None, reuse: Reuse::Never, server, credentials, _mock: Some(mock) })
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.server.target
    }

    /// Says what will be started, and asks for consent if the server is not on this machine.
    pub(crate) fn permit(&self, workload: &Workload, yes: Option<u64>) -> Result<(), CommandError> {
        let Some(rows) = &self.rows else {
            notice(&notices::NO_INPUT);
            return Ok(());
        };
        let requests = workload.requests();
        let tasks = workload.starts(rows.count);
        let consent =
            StartConsent { tasks, businesses: &rows.businesses, target: self.target().to_string() };
        let place =
            if self.target().is_loopback() { Locality::ThisMachine } else { Locality::Elsewhere };
        consent.permit(yes, place)?;
        notice(&consent.told());
        if let Some(requests) = requests.filter(|requests| *requests > rows.count)
            && self.reuse == Reuse::Never
        {
            notice(&notices::too_few_rows(requests, &rows.name(), rows.count));
        }
        Ok(())
    }

    pub(crate) fn tasks(&self) -> Result<Tasks, CommandError> {
        match &self.rows {
            Some(rows) => Ok(rows.open(self.reuse)?),
            None => Ok(row_file::of_the_mock()),
        }
    }

    /// Returns the longest time that an answer may take.
    pub(crate) const fn timeout(&self) -> Duration {
        self.server.http_options.timeout
    }

    /// Returns a client that keeps up to `connections` connections open.
    pub(crate) fn client(&self, connections: usize) -> Result<Client, CommandError> {
        let ServerSettings { target, http_options, credentials: _, legacy_get: _ } = &self.server;
        let credentials = self.credentials.clone();
        Ok(Client::new(target.clone(), credentials, http_options, connections)?)
    }
}

/// A command line of nothing but the flags that name a server.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct ServerCommand {
    #[command(flatten)]
    server: ServerArgs,
}

/// Stands in for the environment: the mock takes any credentials.
fn credentials_of_the_mock(variable: &str) -> Option<String> {
    let needed = ["BK_APP_CODE", "BK_APP_SECRET", "BK_TOKEN"];
    needed.contains(&variable).then(|| "of-the-mock".to_owned())
}

#[derive(Debug, Error)]
#[error(
    "no INPUT: name a file of rows to start there, or name no server, to measure a mock inside"
)]
struct InputMissing;
