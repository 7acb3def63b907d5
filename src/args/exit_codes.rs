//! Meanings of the exit codes, for the `--help` of each command.

/// Of `run` and `resume`.
pub(crate) const OF_A_LAUNCH: &str = "\
Exit codes:
  0  every row ended good, or there was none
  1  finished, but some rows ended bad, the input was incomplete, or
     --lookup could ask for no link
  2  nothing was sent: usage, settings or input
  3  stopped, the rest is pending: credentials, URL, an outage, a limit
     that never frees, the failure budget, or a stage that was declined
  4  stopped, the rest is pending: the window closed
  5  another process works on the run, or on one of the same --name
  6  the journal, a report or the summary could not be written; the run
     can be resumed
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM; a second signal
     stops at once";

/// Of `bench`.
pub(crate) const OF_A_MEASUREMENT: &str = "\
Exit codes:
  0  measured, and all expectations hold
  1  an expectation was missed, requests could not be sent, this machine
     was the bottleneck, a figure became worse than --tolerance allows, or
     what was measured cannot be compared with --baseline
  2  nothing was sent: usage, settings, input, or a saved result that
     cannot be compared
  3  stopped by an auth or config answer, or the server was never reached
  6  the result could not be written
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM; what was measured
     before is reported";

/// Of `doctor`.
pub(crate) const OF_A_LOOK: &str = "\
Exit codes:
  0  all is well; there may be warnings
  2  settings, credentials or this machine: something is missing or wrong
  3  the server cannot be reached, or refuses";

/// Of commands that show, write or remove what is kept.
pub(crate) const OF_KEPT_RUNS: &str = "\
Exit codes:
  0  done, whatever the runs came to
  2  usage or settings, or there is no such run
  6  a report, or standard output, could not be written
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM";

/// Of commands that print or write what a package brings.
pub(crate) const OF_AN_AID: &str = "\
Exit codes:
  0  done
  2  usage, or it could not be done";
