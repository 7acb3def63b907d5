//! The flags of what is shown on standard error.

#![expect(
    clippy::doc_markdown,
    reason = "docs of flags are help texts, where backticks would show"
)]

use clap::{Args, ValueEnum};

/// What is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Display")]
pub(crate) struct DisplayArgs {
    /// Show progress: auto is a bar on a terminal, else a line every ten seconds (fewer before the
    /// window opens).
    #[arg(long, value_name = "HOW", value_enum, default_value_t = ProgressArg::Auto)]
    pub progress: ProgressArg,
    /// Say nothing, unless the exit code is not 0: then show everything at the end.
    #[arg(short, long)]
    pub quiet: bool,
    /// Log each attempt; -vv each decision too, with its reason (RUST_LOG beats it).
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Format of logs.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressArg {
    /// A bar on a terminal, else lines.
    Auto,
    /// A bar.
    Bar,
    /// A line every ten seconds, and fewer before the window opens.
    Plain,
    /// Nothing.
    None,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}
