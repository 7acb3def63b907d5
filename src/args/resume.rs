//! The flags of `resume`.

use clap::Args;

use super::session::SessionArgs;
use super::values::RunRef;

const RESUME_EXAMPLES: &str = "\
Examples:
  bk-launch resume                        the latest run that is not finished
  bk-launch resume 20261201-2200          the run whose id begins like that
  bk-launch resume --retry-failed         its bad rows again, too
  bk-launch resume --rate 100/m           with another rate; all else is as it was

Rows that an earlier session may have started are sent again: the server starts a task at most
once. Exit codes are those of run; 5 means that the run is already active.";

/// The flags of `resume`.
#[derive(Debug, Args)]
#[command(after_long_help = RESUME_EXAMPLES)]
pub(crate) struct ResumeArgs {
    /// Id of a run, its beginning, or a --name [default: the latest unfinished run, else the latest].
    #[arg(help_heading = "Arguments")]
    pub run: Option<RunRef>,
    /// Launch rows that ended rejected, failed, unknown or unconfirmed again, too.
    #[arg(long, help_heading = "Input")]
    pub retry_failed: bool,
    /// Go on at another server, though rows of the run were sent to the first one.
    #[arg(long, help_heading = "Server")]
    pub target_changed: bool,
    #[command(flatten)]
    pub session: SessionArgs,
}
