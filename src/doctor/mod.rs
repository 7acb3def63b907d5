//! Looks at everything that a run needs, and never stops at the first thing that is missing.
//!
//! Nothing is started: the server is asked for the states of tasks, and for nothing else.

mod answer;
mod clock;
mod credentials;
mod finding;
mod machine;
mod server;
mod state_folder;

use std::num::NonZeroUsize;
use std::path::Path;

use crate::api::credentials::Credentials;
use crate::api::target::Target;
use crate::session::credentials::{Environment, Search};

pub(crate) use answer::{RIGHT, nothing_asked};
pub(crate) use finding::{Area, Finding, Grade, exit};
pub(crate) use server::ServerLook;

/// Looks at credentials; `environment` is that of the process alone. Returns them, too, if they are
/// complete.
pub(crate) fn credentials(
    search: &Search,
    environment: Environment<'_>,
) -> (Vec<Finding>, Option<Credentials>) {
    credentials::look(search, &|name| environment(name).is_some_and(|value| !value.is_empty()))
}

/// Looks at this machine: the state folder, open files and proxies.
pub(crate) fn machine(
    state: Option<&Path>,
    concurrency: NonZeroUsize,
    target: Option<&Target>,
    environment: Environment<'_>,
) -> Vec<Finding> {
    let mut findings = state.map(state_folder::look).unwrap_or_default();
    findings.push(machine::open_files(concurrency.get()));
    findings.extend(target.map(|target| machine::proxy(target, environment)));
    findings
}
