//! Who is told that a session begins and how it ended: a file of metrics, a check that
//! waits for pings, and whoever takes the summary.
//!
//! A launch never fails by them: what cannot be told is a warning. The addresses are
//! secrets, and stand in files or in the environment, never on a command line.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use thiserror::Error;

use super::args::WatchArgs;
use super::credentials::{self, Environment};
use super::exit::Exit;
use super::{Failure, exit_of, tell};
use crate::metrics::{Figures, State, Textfile};
use crate::notify::{Address, Addresses, CameOut, News, Notices, PATIENCE};

const PING_VARIABLE: &str = "BK_LAUNCH_PING_URL";
const NOTIFY_VARIABLE: &str = "BK_LAUNCH_NOTIFY_URL";

/// The variables that are read.
pub const VARIABLES: [&str; 2] = [PING_VARIABLE, NOTIFY_VARIABLE];

/// Who is told.
#[derive(Default)]
pub struct Watch {
    metrics: Option<PathBuf>,
    ping: Option<Source>,
    notify: Option<Source>,
}

/// An address on the command line, where everybody can read it.
#[derive(Debug, Error)]
#[error("{flag} wants a file that holds the URL, and not the URL: it is a secret")]
pub struct UrlTyped {
    flag: &'static str,
}

/// Where an address stands.
enum Source {
    File(PathBuf),
    Variable(&'static str, String),
}

/// How a session came out.
pub struct Outcome {
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
    pub fn nothing_sent(exit: Exit, text: String) -> Self {
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
    pub fn new(args: WatchArgs, environment: Environment<'_>) -> Result<Self, UrlTyped> {
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
    pub fn attend(
        self,
        name: Option<&str>,
        work: impl FnOnce(Option<Textfile>) -> Result<Outcome, Failure>,
    ) -> Result<Exit, Failure> {
        let metrics = self.metrics.as_ref().and_then(|path| begin(path, name));
        measure(metrics.as_ref(), None, State::Running);
        let notices = self.notices();
        let done = work(metrics.clone());
        let failed;
        let outcome = match &done {
            Ok(outcome) => outcome,
            Err(error) => {
                failed = Outcome::nothing_sent(exit_of(error), format!("error: {error}"));
                &failed
            }
        };
        let state = State::Ended(outcome.exit.code());
        measure(metrics.as_ref(), outcome.figures.as_ref(), state);
        if let Some(notices) = notices {
            let came_out = if outcome.exit == Exit::Good { CameOut::Well } else { CameOut::Badly };
            let mut json = outcome.json.clone();
            json["name"] = name.into();
            let (text, json) = (outcome.text.clone(), json.to_string());
            for undelivered in notices.end(News { came_out, text, json }) {
                tell(&format_args!("warning: {undelivered}"));
            }
        }
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

/// Writes the metrics, unless that takes too long.
pub fn measure(file: Option<&Textfile>, figures: Option<&Figures>, state: State) {
    let Some(file) = file else { return };
    let written = file.write_within(PATIENCE, figures.cloned(), state, Timestamp::now());
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
