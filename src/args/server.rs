//! The flags that name the server, and how it is called.

#![expect(
    clippy::doc_markdown,
    reason = "docs of flags are help texts, where backticks would show"
)]

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::duration;

/// Where the server is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// The ESB [env: BK_COMPONENT_API_URL].
    #[arg(long, value_name = "URL", conflicts_with = "gateway")]
    pub esb: Option<String>,
    /// The API gateway, with {gateway_name} in it [env: BK_API_URL_TMPL].
    #[arg(long, value_name = "TEMPLATE")]
    pub gateway: Option<String>,
    /// The gateway's stage.
    #[arg(long, value_name = "STAGE", default_value = "prod")]
    pub gateway_stage: String,
    /// A file that holds the app secret [else: BK_APP_SECRET, or bk_app_secret in
    /// $CREDENTIALS_DIRECTORY].
    #[arg(long, value_name = "FILE")]
    pub app_secret_file: Option<PathBuf>,
    /// A file that holds the token [else: BK_TOKEN, or bk_token in $CREDENTIALS_DIRECTORY].
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted beside the system's: those of issuers, or exactly the
    /// server's own.
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Believe any certificate: whoever answers gets the credentials.
    #[arg(long)]
    pub insecure: bool,
    /// For one request and its answer [default: 35s by ESB, 125s by gateway].
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub timeout: Option<Duration>,
    /// For a connection.
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "5s")]
    pub connect_timeout: Duration,
}
