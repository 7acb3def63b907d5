//! The flags that name the server, and how it is called.

#![expect(
    clippy::doc_markdown,
    reason = "docs of flags are help texts, where backticks would show"
)]

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::duration;
use crate::domain::secret_command::SecretCommand;

/// The server, and how it is called.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// URL of the ESB [env: BK_COMPONENT_API_URL].
    #[arg(long, value_name = "URL", conflicts_with = "gateway")]
    pub esb: Option<String>,
    /// URL of the API gateway, with {gateway_name} in it [env: BK_API_URL_TMPL].
    #[arg(long, value_name = "TEMPLATE")]
    pub gateway: Option<String>,
    /// Stage of the gateway.
    #[arg(long, value_name = "STAGE", default_value = "prod")]
    pub gateway_stage: String,
    /// File with the app secret [else: BK_APP_SECRET, or bk_app_secret in
    /// $CREDENTIALS_DIRECTORY].
    #[arg(long, value_name = "FILE")]
    pub app_secret_file: Option<PathBuf>,
    /// Command that prints the app secret, such as 'vault kv get -field=secret ops/bk'; it runs
    /// without a shell, for up to 10 s, and again if the server refuses the secret.
    #[arg(long, value_name = "COMMAND", conflicts_with = "app_secret_file")]
    pub app_secret_cmd: Option<SecretCommand>,
    /// File with the token [else: BK_TOKEN, or bk_token in $CREDENTIALS_DIRECTORY].
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Command that prints the token; it runs like --app-secret-cmd.
    #[arg(long, value_name = "COMMAND", conflicts_with = "token_file")]
    pub token_cmd: Option<SecretCommand>,
    /// File with certificates (PEM) to trust beside the system's: those of issuers, or exactly the
    /// server's own.
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Accept any certificate: whoever answers gets the credentials.
    #[arg(long)]
    pub insecure: bool,
    /// Maximum time for a request and its answer [default: 35s by ESB, 125s by gateway].
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub timeout: Option<Duration>,
    /// Maximum time to connect.
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "5s")]
    pub connect_timeout: Duration,
}
