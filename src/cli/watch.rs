//! Who is told that a session begins and how it ended: a file of metrics, a check that
//! waits for pings, and whoever takes the summary.
//!
//! A launch never fails by them: what cannot be told is a warning. The addresses are
//! secrets, and stand in files or in the environment, never on a command line.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use thiserror::Error;

use super::args::WatchArgs;
use super::credentials::{self, Environment};
use super::exit::Exit;
use super::{Failure, exit_of, tell};
use crate::monitor::metrics::{Figures, SessionState, Textfile, Writing};
use crate::monitor::notify::{Address, Addresses, MAX_WAIT, Notices, SessionEnd, Success, Urgency};

const PING_VARIABLE: &str = "BK_LAUNCH_PING_URL";
const NOTIFY_VARIABLE: &str = "BK_LAUNCH_NOTIFY_URL";

/// The variables that are read.
pub(super) const VARIABLES: [&str; 2] = [PING_VARIABLE, NOTIFY_VARIABLE];

/// Who is told.
#[derive(Default)]
pub(super) struct Watch {
    metrics: Option<PathBuf>,
    ping: Option<Source>,
    notify: Option<Source>,
}

/// An address on the command line, where everybody can read it.
#[derive(Debug, Error)]
#[error("{flag} wants a file that holds the URL, and not the URL: it is a secret")]
pub(super) struct UrlTyped {
    flag: &'static str,
}

/// Where an address stands.
enum Source {
    File(PathBuf),
    Variable(&'static str, String),
}

/// How a session came out.
pub(super) struct Outcome {
    /// The exit code.
    pub exit: Exit,
    /// The summary for people.
    pub text: String,
    /// The summary for programs.
    pub json: Value,
    /// What was measured, where it began.
    pub figures: Option<Figures>,
}

impl Outcome {
    /// A session that sent nothing, and says why.
    pub(super) fn nothing_sent(exit: Exit, text: String) -> Self {
        let json = json!({ "exit": exit.code(), "stopped": text });
        Self { exit, text, json, figures: None }
    }
}

impl Watch {
    /// A file that was named beats a variable.
    ///
    /// # Errors
    ///
    /// Where an address was typed in place of the file that holds it.
    pub(super) fn new(args: WatchArgs, environment: Environment<'_>) -> Result<Self, UrlTyped> {
        let WatchArgs { metrics_file, ping_url_file, notify_url_file } = args;
        for (flag, file) in
            [("--ping-url-file", &ping_url_file), ("--notify-url-file", &notify_url_file)]
        {
            if file.as_ref().is_some_and(|file| file.to_string_lossy().contains("://")) {
                return Err(UrlTyped { flag });
            }
        }
        let source = |file: Option<PathBuf>, name| {
            let variable = environment(name).filter(|value| !value.trim().is_empty());
            file.map(Source::File).or(variable.map(|value| Source::Variable(name, value)))
        };
        Ok(Self {
            metrics: metrics_file,
            ping: source(ping_url_file, PING_VARIABLE),
            notify: source(notify_url_file, NOTIFY_VARIABLE),
        })
    }

    /// Does the `work` of a session of the run that people call `name`, and tells of
    /// its beginning and its end, whatever comes of it.
    pub(super) fn attend(
        self,
        name: Option<&str>,
        work: impl FnOnce(Monitors) -> Result<Outcome, Failure>,
    ) -> Result<Exit, Failure> {
        let metrics = self.metrics.as_ref().and_then(|path| begin(path, name));
        if let Some(file) = &metrics {
            let now = Timestamp::now();
            warn_of_metrics(file, file.write_within(MAX_WAIT, None, SessionState::Running, now));
        }
        let notices = self.notices().map(Arc::new);
        let name = name.map(Into::into);
        let monitors = Monitors { metrics, notices, name, ended: Arc::default() };
        let done = work(monitors.clone());
        let failed;
        let outcome = match &done {
            Ok(outcome) => outcome,
            Err(error) => {
                failed = Outcome::nothing_sent(exit_of(error), format!("error: {error}"));
                &failed
            }
        };
        let _ = monitors.ended.set(outcome.exit);
        monitors.tell(outcome, Urgency::InOrder);
        done.map(|outcome| outcome.exit)
    }

    fn notices(self) -> Option<Notices> {
        let address = |source: Option<Source>| match source?.address() {
            Ok(address) => Some(address),
            Err(what) => {
                tell(&format_args!("warning: {what}"));
                None
            }
        };
        let addresses = Addresses { ping: address(self.ping), notify: address(self.notify) };
        match Notices::begin(addresses, fastrand::u128(..)) {
            Ok(notices) => notices,
            Err(error) => {
                tell(&format_args!("warning: no pings: {error}"));
                None
            }
        }
    }
}

/// Longest wait for monitors when a second signal ends the program.
pub(super) const AT_ONCE: Duration = Duration::from_secs(1);

/// Those who are told how a session ended. Clones tell the same ones.
#[derive(Clone, Default)]
pub(super) struct Monitors {
    /// The file of metrics, if one is wanted.
    pub metrics: Option<Textfile>,
    notices: Option<Arc<Notices>>,
    name: Option<String>,
    /// The exit code, once it is certain.
    ended: Arc<OnceLock<Exit>>,
}

impl Monitors {
    /// The exit code, if the session ended and only monitors are still waited for.
    pub(super) fn ended(&self) -> Option<Exit> {
        self.ended.get().copied()
    }

    /// Tells all of them at the same time how the session ended, for as long as `urgency`
    /// allows.
    pub(super) fn tell(&self, outcome: &Outcome, urgency: Urgency) {
        let patience = match urgency {
            Urgency::InOrder => MAX_WAIT,
            Urgency::Now => AT_ONCE,
        };
        let (exit, figures) = (outcome.exit, outcome.figures.clone());
        let state = SessionState::Ended(exit.code());
        let writing =
            self.metrics.as_ref().map(|file| file.write_aside(figures, state, Timestamp::now()));
        if let Some(notices) = &self.notices {
            let success = if exit == Exit::Good { Success::Yes } else { Success::No };
            let mut json = outcome.json.clone();
            json["name"] = self.name.as_deref().into();
            let (text, json) = (outcome.text.clone(), json.to_string());
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
                tell(&format_args!("warning: {undelivered}"));
            }
        }
    }
}

impl Source {
    fn address(self) -> Result<Address, String> {
        match self {
            Self::Variable(name, value) => {
                Address::new(&value).map_err(|error| format!("{name} holds {error}"))
            }
            Self::File(path) => {
                credentials::warn_of_readers(&path);
                let shown = path.display();
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("nobody is told: cannot read {shown}: {error}"))?;
                Address::new(&text).map_err(|error| format!("{shown} holds {error}"))
            }
        }
    }
}

fn begin(path: &Path, name: Option<&str>) -> Option<Textfile> {
    let begun = Textfile::begin(path, name);
    let failed = |error: &std::io::Error| {
        tell(&format_args!("warning: no metrics in {}: {error}", path.display()));
    };
    begun.inspect_err(failed).ok()
}

fn warn_of_metrics(file: &Textfile, written: std::io::Result<()>) {
    if let Err(error) = written {
        let path = file.path().display();
        tell(&format_args!("warning: the metrics could not be written to {path}: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(file: Option<&str>, variable: Option<&str>) -> Watch {
        let args = WatchArgs {
            metrics_file: None,
            ping_url_file: file.map(Into::into),
            notify_url_file: None,
        };
        let find = |name: &str| variable.filter(|_| name == PING_VARIABLE).map(ToOwned::to_owned);
        Watch::new(args, &find).unwrap()
    }

    #[test]
    fn a_disk_and_a_check_that_hang_are_waited_for_together() {
        let folder = tempfile::tempdir().unwrap();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", silent.local_addr().unwrap());
        let ping = Some(Address::new(&address).unwrap());
        let notices = Notices::begin(Addresses { ping, notify: None }, 1).unwrap().unwrap();
        let monitors = Monitors {
            metrics: Some(Textfile::begin(&folder.path().join("m.prom"), None).unwrap()),
            notices: Some(Arc::new(notices)),
            ..Monitors::default()
        };
        let (writing, _hangs) = Writing::hanging();
        let (begun, patience) = (Instant::now(), Duration::from_secs(1));
        monitors.wait(Some(writing), patience);
        let took = begun.elapsed();
        assert!(took >= patience && took < 2 * patience, "{took:?}");
    }

    #[test]
    fn a_file_beats_the_variable_and_no_error_shows_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ping");
        let path = path.to_str().unwrap();
        std::fs::write(path, "http://h/from-file\n").unwrap();
        let says = |watch: Watch| match watch.ping {
            None => "nobody".into(),
            Some(source) => match source.address() {
                Ok(_) => "an address".into(),
                Err(error) => error,
            },
        };
        assert_eq!(says(watch(None, None)), "nobody");
        assert_eq!(says(watch(None, Some(" "))), "nobody");
        assert_eq!(says(watch(Some(path), Some("s3cret"))), "an address");
        let error = says(watch(None, Some("s3cret")));
        assert!(error.starts_with("BK_LAUNCH_PING_URL holds no URL"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
        std::fs::write(path, "s3cret").unwrap();
        let error = says(watch(Some(path), None));
        assert!(error.contains(path) && !error.contains("s3cret"), "{error}");
        assert!(says(watch(Some("/no/such"), None)).contains("cannot read /no/such"));
        let typed = WatchArgs {
            metrics_file: None,
            ping_url_file: None,
            notify_url_file: Some("https://h/s3cret".into()),
        };
        let Err(error) = Watch::new(typed, &|_| None) else { panic!("it is no file") };
        assert!(error.to_string().starts_with("--notify-url-file wants a file"));
        assert!(!error.to_string().contains("s3cret"));
    }
}
