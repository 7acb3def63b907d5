//! Tells monitors that a session begins and how it ended: a file of metrics, a check that waits
//! for pings, and a URL that takes the summary.
//!
//! A launch never fails by them: what cannot be told is a warning. The addresses are
//! secrets, and stand in files or in the environment, never on a command line.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use thiserror::Error;

use super::command_error::{CommandError, exit_of};
use super::notice::notice;
use super::outside;
use super::warnings::warn_of_readers;
use crate::args::session::MonitorArgs;
use crate::config::variables::{NOTIFY_VARIABLE, PING_VARIABLE};
use crate::monitor::metrics::{Figures, SessionState, Textfile, Writing};
use crate::monitor::notify::{Address, Addresses, MAX_WAIT, Notices, SessionEnd, Success, Urgency};
use crate::session::credentials::Environment;
use crate::session::exit::Exit;

#[derive(Default)]
pub(crate) struct Monitoring {
    metrics: Option<PathBuf>,
    ping: Option<AddressSource>,
    notify: Option<AddressSource>,
}

/// An address on the command line, which everybody can read.
#[derive(Debug, Error)]
#[error("{flag} takes a file that holds the URL, not the URL itself, which is a secret")]
pub(crate) struct UrlTyped {
    flag: &'static str,
}

/// Source of an address.
enum AddressSource {
    File(PathBuf),
    Variable(&'static str, String),
}

/// The end of a session, as monitors are told it.
pub(crate) struct SessionResult {
    pub exit: Exit,
    pub text: String,
    pub json: Value,
    /// What was measured, if it began.
    pub figures: Option<Figures>,
}

impl SessionResult {
    /// The end of a session that sent nothing, with the reason.
    pub(crate) fn nothing_sent(exit: Exit, text: String) -> Self {
        let json = json!({ "exit": exit.code(), "stopped": text });
        Self { exit, text, json, figures: None }
    }
}

impl Monitoring {
    /// A file that was named beats a variable.
    pub(crate) fn new(args: MonitorArgs, environment: Environment<'_>) -> Result<Self, UrlTyped> {
        let MonitorArgs { metrics_file, ping_url_file, notify_url_file } = args;
        for (flag, file) in
            [("--ping-url-file", &ping_url_file), ("--notify-url-file", &notify_url_file)]
        {
            if file.as_ref().is_some_and(|file| file.to_string_lossy().contains("://")) {
                return Err(UrlTyped { flag });
            }
        }
        let source = |file: Option<PathBuf>, name| {
            let variable = environment(name).filter(|value| !value.trim().is_empty());
            file.map(AddressSource::File)
                .or(variable.map(|value| AddressSource::Variable(name, value)))
        };
        Ok(Self {
            metrics: metrics_file,
            ping: source(ping_url_file, PING_VARIABLE),
            notify: source(notify_url_file, NOTIFY_VARIABLE),
        })
    }

    /// Does the `work` of a session of the run called `name`, and tells monitors of
    /// its beginning and its end, whatever comes of it.
    pub(crate) fn around(
        self,
        name: Option<&str>,
        work: impl FnOnce(Monitors) -> Result<SessionResult, CommandError>,
    ) -> Result<Exit, CommandError> {
        let metrics = self.metrics.as_ref().and_then(|path| begin(path, name));
        let notices = self.notices().map(Arc::new);
        let name = name.map(Into::into);
        let monitors = Monitors { metrics, notices, name, ended: Arc::default() };
        let done = work(monitors.clone());
        let failed;
        let result = match &done {
            Ok(result) => result,
            Err(error) => {
                failed = SessionResult::nothing_sent(exit_of(error), format!("error: {error}"));
                &failed
            }
        };
        let _ = monitors.ended.set(result.exit);
        monitors.tell(result, Urgency::InOrder);
        done.map(|result| result.exit)
    }

    fn notices(self) -> Option<Notices> {
        let address = |source: Option<AddressSource>| match source?.address() {
            Ok(address) => Some(address),
            Err(what) => {
                notice(&format_args!("warning: {what}"));
                None
            }
        };
        let addresses = Addresses { ping: address(self.ping), notify: address(self.notify) };
        match Notices::begin(addresses, fastrand::u128(..)) {
            Ok(notices) => notices,
            Err(error) => {
                notice(&format_args!("warning: no pings and no notifications are sent: {error}"));
                None
            }
        }
    }
}

/// Longest wait for monitors when a second signal ends the program.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);

/// Those who are told how a session ended. Clones tell the same ones.
#[derive(Clone, Default)]
pub(crate) struct Monitors {
    /// The file of metrics, if one is wanted.
    pub metrics: Option<Textfile>,
    notices: Option<Arc<Notices>>,
    name: Option<String>,
    /// The exit code, once it is certain.
    ended: Arc<OnceLock<Exit>>,
}

impl Monitors {
    /// The exit code, if the session ended and only monitors are still waited for.
    pub(crate) fn ended(&self) -> Option<Exit> {
        self.ended.get().copied()
    }

    /// Says in the file of metrics that a session begins. Call it once nobody else works on the run:
    /// the file is then that of this session.
    pub(crate) fn begin(&self) {
        if let Some(file) = &self.metrics {
            let now = Timestamp::now();
            warn_of_metrics(file, file.write_within(MAX_WAIT, None, SessionState::Running, now));
        }
    }

    /// Tells all of them at the same time how the session ended, for as long as `urgency`
    /// allows.
    pub(crate) fn tell(&self, result: &SessionResult, urgency: Urgency) {
        let patience = match urgency {
            Urgency::InOrder => MAX_WAIT,
            Urgency::Now => AT_ONCE,
        };
        let (exit, figures) = (result.exit, result.figures.clone());
        let state = SessionState::Ended(exit.code());
        // While another session goes on, the file tells of that one.
        let metrics = self.metrics.as_ref().filter(|_| exit != Exit::Locked);
        let writing = metrics.map(|file| file.write_aside(figures, state, Timestamp::now()));
        if let Some(notices) = &self.notices {
            let success = if exit == Exit::Good { Success::Yes } else { Success::No };
            let mut json = result.json.clone();
            json["name"] = self.name.as_deref().into();
            let (text, json) = (result.text.clone(), json.to_string());
            notices.tell(SessionEnd { success, text, json, urgency });
        }
        self.wait(writing, patience);
    }

    /// Waits for all of them, up to `patience` in all.
    fn wait(&self, writing: Option<Writing>, patience: Duration) {
        let deadline = Instant::now() + patience;
        if let (Some(file), Some(writing)) = (&self.metrics, writing) {
            warn_of_metrics(file, writing.within(patience));
        }
        if let Some(notices) = &self.notices {
            let left = deadline.saturating_duration_since(Instant::now());
            for undelivered in notices.undelivered(left) {
                notice(&format_args!("warning: {undelivered}"));
            }
        }
    }
}

impl AddressSource {
    fn address(self) -> Result<Address, String> {
        match self {
            Self::Variable(name, value) => {
                Address::new(&value).map_err(|error| format!("{name} holds {error}"))
            }
            Self::File(path) => {
                warn_of_readers(&path, &outside::NoticeSink::Console);
                let shown = path.display();
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    format!("cannot read {shown}, so nothing is sent there: {error}")
                })?;
                Address::new(&text).map_err(|error| format!("{shown} holds {error}"))
            }
        }
    }
}

fn begin(path: &Path, name: Option<&str>) -> Option<Textfile> {
    let begun = Textfile::begin(path, name);
    let failed = |error: &std::io::Error| {
        notice(&format_args!("warning: no metrics are written to {}: {error}", path.display()));
    };
    begun.inspect_err(failed).ok()
}

fn warn_of_metrics(file: &Textfile, written: std::io::Result<()>) {
    if let Err(error) = written {
        let path = file.path().display();
        notice(&format_args!("warning: the metrics could not be written to {path}: {error}"));
    }
}

#[cfg(test)]
mod tests;
