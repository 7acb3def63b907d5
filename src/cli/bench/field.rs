//! Where it is measured, and with what: a server, who calls it, and rows.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::super::failure::Failure;
use super::super::notice::notice;
use super::super::settings;
use super::super::warnings;
use super::goal::Goal;
use super::rows::{self, Reuse, Rows};
use super::safety::{Intent, Place};
use crate::api::esb::Esb;
use crate::api::target::Target;
use crate::api::{Client, HttpOptions, Identity};
use crate::args::server::ServerArgs;
use crate::bench::Tasks;
use crate::input::Format;
use crate::mock::{Behaviour, Memory, Mock};
use crate::session::credentials::{Environment, Files, Origin};
use crate::session::settings::Server;

/// Where it is measured, and with what.
pub(crate) struct Field {
    /// The rows; without them the mock's own tasks are started.
    pub rows: Option<Rows>,
    reuse: Reuse,
    /// The server.
    pub target: Target,
    http_options: HttpOptions,
    credentials: Origin,
    /// The server, if it is one inside; it goes away with this.
    _mock: Option<Mock>,
}

impl Field {
    /// The server that the flags name, and the rows of `input`; without one, a mock inside.
    pub(crate) fn prepare(
        input: Option<PathBuf>,
        format: Option<Format>,
        reuse: Reuse,
        server: ServerArgs,
    ) -> Result<Self, Failure> {
        let Some(path) = input else {
            if server.esb.is_some() || server.gateway.is_some() {
                return Err(InputMissing.into());
            }
            return Self::of_the_mock();
        };
        let variables = |name: &str| std::env::var(name).ok();
        let server = settings::server(server, &variables)?;
        warnings::warn(&server);
        let Server { target, http_options, credentials, legacy_get: _ } = server;
        let rows = Some(Rows::of(&path, format)?);
        Ok(Self { rows, reuse, target, http_options, credentials, _mock: None })
    }

    fn of_the_mock() -> Result<Self, Failure> {
        let mock = Mock::start(Behaviour { memory: Memory::Counts, ..Behaviour::default() }, 0)?;
        let nobody = |name: &str| {
            let known = ["BK_APP_CODE", "BK_APP_SECRET", "BK_TOKEN"];
            known.contains(&name).then(|| "of-the-mock".to_owned())
        };
        let find: Environment<'_> = &nobody;
        Ok(Self {
            rows: None,
            reuse: Reuse::Never,
            target: Target::Esb(Esb::new(&mock.url())?),
            http_options: HttpOptions {
                timeout: Duration::from_secs(35),
                connect_timeout: Duration::from_secs(5),
                cacert: None,
                identity: Identity::Proven,
            },
            credentials: Origin::find(Files { app_secret: None, token: None }, find)?,
            _mock: Some(mock),
        })
    }

    /// Whether so many tasks may be started, and what is said of it.
    pub(crate) fn permit(&self, goal: &Goal, yes: Option<u64>) -> Result<(), Failure> {
        let Some(rows) = &self.rows else {
            notice(&"no INPUT, so a mock inside is measured; it shares this machine's cores");
            return Ok(());
        };
        let requests = goal.requests();
        let tasks = goal.starts(rows.count);
        let intent =
            Intent { tasks, businesses: &rows.businesses, target: self.target.to_string() };
        let place = if self.target.is_loopback() { Place::ThisMachine } else { Place::Elsewhere };
        intent.permit(yes, place)?;
        notice(&intent.told());
        if let Some(requests) = requests.filter(|requests| *requests > rows.count)
            && self.reuse == Reuse::Never
        {
            notice(&format_args!(
                "the load has {requests} requests, and {} has {} rows: it ends when they are used up",
                rows.name(),
                rows.count
            ));
        }
        Ok(())
    }

    /// The tasks that are started.
    pub(crate) fn tasks(&self) -> Result<Tasks, Failure> {
        match &self.rows {
            Some(rows) => Ok(rows.open(self.reuse)?),
            None => Ok(rows::of_the_mock()),
        }
    }

    /// Who sends; so many connections are kept open.
    pub(crate) fn client(&self, connections: usize) -> Result<Client, Failure> {
        let credentials = self.credentials.read()?;
        Ok(Client::new(self.target.clone(), credentials, &self.http_options, connections)?)
    }
}

/// A server without rows.
#[derive(Debug, Error)]
#[error(
    "no INPUT: name a file of rows to be started there, or leave the server out for a mock inside"
)]
struct InputMissing;
