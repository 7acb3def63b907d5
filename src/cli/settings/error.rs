//! Settings that do not hold together.

use std::path::PathBuf;

use thiserror::Error;

use super::variables::{ESB_VARIABLE, GATEWAY_VARIABLE};
use crate::api::base_url::TargetError;
use crate::input;
use crate::rules::window::WindowError;
use crate::session::credentials::CredentialError;
use crate::session::staging::SharesOfStream;

/// The settings do not hold together.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    /// No INPUT, and nobody pipes anything in.
    #[error("no INPUT: name a file of rows, or pipe rows into standard input")]
    NoInput,
    /// A report that is named twice.
    #[error("--output {} is given twice; name each report once", .0.display())]
    SameOutput(PathBuf),
    /// Two things for standard output.
    #[error("--json and --output - both want standard output; give the report a file")]
    TwoOnStdout,
    /// A window that is none.
    #[error("{flag}: {error}")]
    Window {
        /// The flag.
        flag: &'static str,
        /// What is wrong.
        error: WindowError,
    },
    /// No place for a report.
    #[error("with --no-journal there is no run's folder for a report; name one with -o FILE")]
    NoOutput,
    /// Stages that a stream cannot have.
    #[error(transparent)]
    Staging(#[from] SharesOfStream),
    /// No terminal.
    #[error("--stage-ask needs a terminal to ask on (/dev/tty), and there is none")]
    NobodyToAsk,
    /// A stream cannot be counted before.
    #[error("--expect-rows needs a file: standard input cannot be counted before it is launched")]
    ExpectOfStdin,
    /// No place for the run.
    #[error("no place to keep the run in: set HOME, or name one with --state-dir")]
    NoState,
    /// The input's form.
    #[error(transparent)]
    Input(#[from] input::InputError),
    /// No server.
    #[error(
        "no server: give --esb URL or --gateway TEMPLATE, or set {ESB_VARIABLE} or {GATEWAY_VARIABLE}"
    )]
    NoTarget,
    /// Two servers.
    #[error(
        "{ESB_VARIABLE} and {GATEWAY_VARIABLE} are both set, and only one can be meant: \
         give --esb or --gateway, or unset one of them"
    )]
    TwoTargets,
    /// A URL that is none.
    #[error("{source_name}: {error}")]
    Target {
        /// The flag or variable.
        source_name: &'static str,
        /// What is wrong.
        error: TargetError,
    },
    /// Credentials that cannot be had.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
}
