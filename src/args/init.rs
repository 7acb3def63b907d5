//! The flags of `init`.

#![expect(
    clippy::doc_markdown,
    reason = "docs of flags are help texts, where backticks would show"
)]

use std::path::PathBuf;

use clap::Args;

use super::exit_codes::OF_AN_AID;
use super::values::duration_or_off;

const EXAMPLES: &str = "\
Examples:
  bk-launch init                                 asks on the terminal
  bk-launch init --esb https://paas.example.com --app-code ops --rate 100/m
  bk-launch init --user --esb https://paas.example.com --token-cmd 'pass show bk'

Secrets stand in files, in the output of commands or in variables, and never in this file.";

/// The flags of `init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, OF_AN_AID].join("\n\n"))]
pub(crate) struct InitArgs {
    /// File to write [default: bk-launch.toml here; with a command that prints a secret the file of
    /// --user, since none is run that a file of the working folder names].
    #[arg(value_name = "FILE", help_heading = None::<&str>, conflicts_with = "user")]
    pub file: Option<PathBuf>,
    /// Write your own file, $XDG_CONFIG_HOME/bk-launch/config.toml.
    #[arg(long, help_heading = "File")]
    pub user: bool,
    /// Overwrite a file that already exists.
    #[arg(long, help_heading = "File")]
    pub force: bool,
    /// Name of the profile.
    #[arg(long, value_name = "NAME", default_value = "default", help_heading = "File")]
    pub profile: String,
    #[command(flatten)]
    pub answers: AnswerArgs,
}

/// Keys of the profile, each with its value.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct AnswerArgs {
    /// URL of the ESB.
    #[arg(long, value_name = "URL", conflicts_with = "gateway")]
    pub esb: Option<String>,
    /// URL of the API gateway, with {gateway_name} in it.
    #[arg(long, value_name = "TEMPLATE")]
    pub gateway: Option<String>,
    /// Stage of the gateway.
    #[arg(long, value_name = "STAGE", requires = "gateway")]
    pub gateway_stage: Option<String>,
    /// File with certificates (PEM) to trust beside the system's.
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Code of the app.
    #[arg(long, value_name = "CODE")]
    pub app_code: Option<String>,
    /// File with the app secret.
    #[arg(long, value_name = "FILE", conflicts_with = "app_secret_cmd")]
    pub app_secret_file: Option<PathBuf>,
    /// Command that prints the app secret.
    #[arg(long, value_name = "COMMAND")]
    pub app_secret_cmd: Option<String>,
    /// File with the token.
    #[arg(long, value_name = "FILE", conflicts_with = "token_cmd")]
    pub token_file: Option<PathBuf>,
    /// Command that prints the token.
    #[arg(long, value_name = "COMMAND")]
    pub token_cmd: Option<String>,
    /// User in whose name tasks are started, which only some apps may name.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["token_file", "token_cmd"])]
    pub username: Option<String>,
    /// Maximum rate of requests.
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,
    /// Maximum number of requests in flight.
    #[arg(long, value_name = "N")]
    pub concurrency: Option<String>,
    /// Number or share of rows that may fail before a run stops.
    #[arg(long, value_name = "N|P%")]
    pub max_failures: Option<String>,
    /// Ask until each started task runs, for up to TIMEOUT [default without a value: 60s].
    #[arg(long, value_name = "TIMEOUT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "60s", value_parser = confirm)]
    pub confirm: Option<String>,
}

/// Takes what `run` takes, as it is written.
fn confirm(text: &str) -> Result<String, String> {
    duration_or_off(text).map(|_| text.to_owned())
}
