//! The flags of `resume`.

use clap::Args;

use super::exit_codes::OF_A_LAUNCH;
use super::session::SessionArgs;
use super::values::RunRef;

const EXAMPLES: &str = "\
Examples:
  bk-launch resume                        the latest run that is not finished
  bk-launch resume 20261201-2200          the run whose id begins like that
  bk-launch resume --retry-failed         its bad rows again, too
  bk-launch resume --rate 100/m           with another rate; all else is as it was

A flag that is not typed is as it was in the run; the defaults above are those of a new run.
Rows that an earlier session may have started are sent again: the server starts a task at most
once.";

/// The flags of `resume`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = [EXAMPLES, OF_A_LAUNCH].join("\n\n"))]
pub(crate) struct ResumeArgs {
    /// Id of a run, its beginning, or a --name [default: the latest unfinished run, else the latest].
    pub run: Option<RunRef>,
    /// Launch rows that ended rejected, failed, unknown or unconfirmed again, too.
    #[arg(long, help_heading = "Input")]
    pub retry_failed: bool,
    #[command(flatten)]
    pub session: SessionArgs,
    /// Go on at another server, though rows of the run were sent to the first one.
    #[arg(long, help_heading = "Server")]
    pub target_changed: bool,
}
