//! What can be typed: the commands and their flags, as clap reads them.
//!
//! The form of each word is checked here, and which flags exclude or need another; what they
//! mean together is the work of `cli::settings`. Nothing here reads the environment or runs a
//! command.

pub(crate) mod bench;
pub(crate) mod completion;
pub(crate) mod display;
pub(crate) mod docs;
pub(crate) mod doctor;
mod equals_sign;
mod exit_codes;
#[cfg(test)]
mod flags_page;
pub(crate) mod init;
pub(crate) mod mock;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod values;

use std::ffi::OsString;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use bench::BenchArgs;
use docs::{CompletionsArgs, ManArgs};
use doctor::DoctorArgs;
use init::InitArgs;
use mock::MockArgs;
use report::ReportArgs;
use resume::ResumeArgs;
use run::RunArgs;
use runs::RunsArgs;

/// Reads `words`, the first of which is the name of the program. Returns the command, and where
/// each of its settings comes from.
pub(crate) fn parse(
    words: impl IntoIterator<Item = OsString>,
) -> Result<(Command, ArgMatches), clap::Error> {
    let words: Vec<_> = words.into_iter().collect();
    let mut matches =
        equals_sign::parsed(&words, |words| Cli::command().try_get_matches_from(words))?;
    let command = Cli::from_arg_matches(&matches)?.command;
    let of_command = matches.remove_subcommand().map(|(_, of_command)| of_command);
    Ok((command, of_command.unwrap_or(matches)))
}

/// Starts many BlueKing bk-sops tasks from a list, within limits, and reports
/// what became of every one.
#[derive(Debug, Parser)]
#[command(name = "bk-launch", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bk-launch demo                               see it work, against a server inside
  bk-launch run tasks.csv -o report.csv        start every task of a file
  bk-launch resume                             finish what was interrupted
  bk-launch bench                              measure a mock; with INPUT, the endpoint
  bk-launch mock --port 8080 --fault 502=5%    a mock of bk-sops to try things on

Run 'bk-launch COMMAND --help' for the flags of a command, with examples and exit codes.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the tasks of a list, and report on each.
    Run(Box<RunArgs>),
    /// Finish a run that was interrupted or stopped.
    Resume(Box<ResumeArgs>),
    /// List runs, show one, or remove old ones.
    Runs(RunsArgs),
    /// Write the report of a run again, in any format, in the order of its input.
    Report(ReportArgs),
    /// Write a config file with a profile, from flags or from answers on the terminal.
    Init(Box<InitArgs>),
    /// Look at all that a run needs: settings, credentials, the server, this machine; start nothing.
    Doctor(Box<DoctorArgs>),
    /// Measure the endpoint under load.
    Bench(Box<BenchArgs>),
    /// Serve a mock of bk-sops to try things on: faults, latency, limits, its own counts.
    Mock(Box<MockArgs>),
    /// Start the mock, launch a sample through it, and show the report.
    #[command(
        after_help = "The exit code is that of its run, but 0 also if rows ended bad: the sample has some on purpose."
    )]
    Demo,
    /// Print a script with which a shell completes commands, flags and values.
    Completions(CompletionsArgs),
    /// Print the manual pages, or write each to a file.
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;
    use std::num::{NonZeroU32, NonZeroUsize};

    use super::*;

    #[test]
    fn a_flag_that_takes_a_number_says_which_ones() {
        let numbers = [
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
            TypeId::of::<NonZeroU32>(),
            TypeId::of::<NonZeroUsize>(),
        ];
        let mut program = Cli::command();
        program.build();
        let commands = program.get_subcommands();
        let mut found = 0;
        for command in commands.flat_map(|command| command.get_subcommands().chain([command])) {
            for arg in command.get_arguments() {
                let kind = arg.get_value_parser().type_id();
                let Some(long) = arg.get_long().filter(|_| numbers.iter().any(|n| kind == *n))
                else {
                    continue;
                };
                let flag = format!("--{long}");
                for typed in [vec![format!("{flag}=-1")], vec![flag, "-1".into()]] {
                    let read = command.clone().no_binary_name(true).try_get_matches_from(&typed);
                    let error = read.unwrap_err().to_string();
                    assert!(error.contains(": must be a whole number from "), "{typed:?}: {error}");
                }
                found += 1;
            }
        }
        assert!(found > 15, "{found} flags take a number");
    }

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }
}
