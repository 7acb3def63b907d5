//! Settings that do not hold together.

use std::path::PathBuf;

use thiserror::Error;

use crate::api::base_url::TargetError;
use crate::config::profiles::UnchosenProfiles;
use crate::config::variables::{ESB_VARIABLE, GATEWAY_VARIABLE};
use crate::input;
use crate::rules::selection::SelectionError;
use crate::rules::window::WindowError;
use crate::session::credentials::CredentialError;
use crate::session::staging::SharesOfStream;

/// The settings do not hold together.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    #[error("no INPUT: name a file of rows, or pipe rows into standard input")]
    NoInput,
    #[error("--output {} is given twice; name each report once", .0.display())]
    SameOutput(PathBuf),
    #[error("--json and --output - both want standard output; give the report a file")]
    TwoOnStdout,
    #[error(
        "{0} is about the end of a window, and there is none: add --stop-at WHEN or --window HOURS"
    )]
    NoWindow(&'static str),
    #[error("{flag}: {error}")]
    Window { flag: &'static str, error: WindowError },
    #[error("--no-journal keeps no run, so the report needs a place: name one with -o FILE")]
    NoOutput,
    #[error(transparent)]
    Staging(#[from] SharesOfStream),
    #[error("--stage-ask needs a terminal to ask on (/dev/tty), and there is none")]
    NobodyToAsk,
    #[error("--expect-rows needs a file: standard input cannot be counted before it is launched")]
    ExpectOfStdin,
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error("there is no folder to keep the run in: set HOME, or name one with --state-dir")]
    NoState,
    #[error(transparent)]
    Input(#[from] input::InputError),
    #[error(
        "no server: give --esb URL or --gateway TEMPLATE, or set {ESB_VARIABLE} or {GATEWAY_VARIABLE}"
    )]
    NoTarget,
    #[error(
        "{ESB_VARIABLE} and {GATEWAY_VARIABLE} are both set, and only one can be meant: \
         give --esb or --gateway, or unset one of them"
    )]
    TwoTargets,
    #[error("{source_name}: {error}")]
    Target { source_name: &'static str, error: TargetError },
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    #[error("{missing}\n{profiles}")]
    NoProfile { missing: Box<Self>, profiles: UnchosenProfiles },
}

impl SettingsError {
    /// Adds the profiles that may have what is missing, if none of them was chosen.
    pub(crate) fn or_in(self, profiles: impl FnOnce() -> Option<UnchosenProfiles>) -> Self {
        let is_missing =
            matches!(self, Self::NoTarget | Self::Credentials(CredentialError::Missing(_)));
        match is_missing.then(profiles).flatten() {
            Some(profiles) => Self::NoProfile { missing: Box::new(self), profiles },
            None => self,
        }
    }
}
