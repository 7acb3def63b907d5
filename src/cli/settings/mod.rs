//! What the flags and the environment mean together: they become the settings of a session.
//!
//! Flags are taken apart without `..`, so that a new flag breaks the compile where it must be
//! handled. Variables of the environment are handed in.

mod error;
mod moment;
mod output;
mod server;
mod store;
mod variables;
mod window;

use std::path::PathBuf;
use std::sync::Arc;

use crate::api::LegacyGet;
use crate::args::run::{CronArgs, InputArgs, OnInvalidArg, RunArgs};
use crate::args::session::{
    AlreadyStartedArg, ConfirmArgs, LimitArgs, OutputArgs, Preview, RetryArgs, SessionArgs,
    StageArgs,
};
use crate::domain::record::AlreadyStarted;
use crate::input::{Format, format_of};
use crate::launch::{Certainty, Lookup, Options};
use crate::limiter::Limits;
use crate::monitor::console;
use crate::rules::budget::Base;
use crate::rules::retry::Policy;
use crate::rules::selection::Selection;
use crate::session::credentials::Environment;
use crate::session::input::{Input, InputOrigin, OnInvalid};
use crate::session::settings::{RunSettings, Settings};
use crate::session::staging::Staging;

pub(crate) use error::SettingsError;
pub(crate) use moment::Moment;
pub(crate) use output::{Output, SummaryForm, check_outputs, existing, progress};
pub(crate) use server::{ServerParts, parts, server};
pub(crate) use store::{runs, state_folder};
pub(crate) use variables::set_variables;
pub(crate) use window::check as check_window;

/// Whether a report must be named if no run is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForWhat {
    /// A launch, which writes reports.
    Launch,
    /// A preview, which writes none.
    Preview,
}

impl ForWhat {
    pub(crate) const fn of(preview: Preview) -> Self {
        match preview {
            Preview::None => Self::Launch,
            Preview::DryRun | Preview::Check => Self::Preview,
        }
    }
}

/// Returns the settings of `bk-launch run`.
pub(crate) fn of_run(
    args: RunArgs,
    what: ForWhat,
    environment: Environment<'_>,
    moment: Moment,
) -> Result<RunSettings, SettingsError> {
    let RunArgs { input, rows, session, cron, no_journal } = args;
    let CronArgs { name, expect_rows } = cron;
    let InputArgs { input, format, on_invalid } = input;
    let state = session.state.clone();
    let session = of_session(session, environment, moment)?;
    if no_journal && session.outputs.is_empty() && what == ForWhat::Launch {
        return Err(SettingsError::NoOutput);
    }
    let input = input_of(input, format, rows.selection()?)?;
    if input.path().is_none() {
        if expect_rows.is_some() {
            return Err(SettingsError::ExpectOfStdin);
        }
        session.staging.ends(None)?;
    }
    let name = match name {
        Some(name) => Some((name, runs(state.clone(), environment)?)),
        None => None,
    };
    let runs = if no_journal { None } else { Some(runs(state, environment)?) };
    Ok(RunSettings { input, on_invalid: on_invalid.into(), runs, name, expect_rows, session })
}

/// Returns the settings of a session, of `run` as of `resume`.
pub(crate) fn of_session(
    args: SessionArgs,
    environment: Environment<'_>,
    moment: Moment,
) -> Result<Settings, SettingsError> {
    let SessionArgs {
        limit,
        preview: _,
        output,
        server,
        limits,
        retries,
        confirmation,
        window,
        stages,
        monitors: _,
        display: _,
        config: _,
        state: _,
    } = args;
    let OutputArgs { outputs, force, json } = output;
    check_outputs(&outputs, json.into())?;
    let mut server = self::server(server, environment)?;
    if confirmation.esb_legacy_get {
        server.legacy_get = LegacyGet::Allowed;
    }
    Ok(Settings {
        options: options(limit, &limits, &retries, &confirmation),
        staging: staging(stages)?,
        timing: window::timing(window, moment.now, moment.share)?,
        server,
        existing: existing(force),
        outputs,
    })
}

fn options(
    limit: Option<u64>,
    limits: &LimitArgs,
    retries: &RetryArgs,
    confirmation: &ConfirmArgs,
) -> Options {
    let &LimitArgs { rate, burst, rate_per_biz, concurrency, concurrency_per_biz, lookahead } =
        limits;
    let &RetryArgs {
        retries,
        backoff,
        throttle_patience,
        outage_patience,
        max_failures,
        already_started,
    } = retries;
    let &ConfirmArgs { confirm, lookup, esb_legacy_get: _ } = confirmation;
    Options {
        limit,
        lookahead,
        limits: Limits {
            rate,
            burst,
            rate_per_biz,
            slots: concurrency,
            slots_per_biz: concurrency_per_biz,
            backoff,
            throttle_patience,
            budget: max_failures.map(|budget| (budget, Base::Settled)),
        },
        policy: Policy { retries },
        outage_patience,
        certainty: Certainty {
            confirm: confirm.filter(|timeout| !timeout.is_zero()),
            lookup: if lookup { Lookup::Links } else { Lookup::Nothing },
        },
        already_started: already_started.into(),
    }
}

fn staging(args: StageArgs) -> Result<Staging, SettingsError> {
    let StageArgs { stages, stage_pause, stage_ask } = args;
    if stage_ask && console::terminal().is_err() {
        return Err(SettingsError::NobodyToAsk);
    }
    Ok(Staging { stages, pause: stage_pause })
}

impl From<AlreadyStartedArg> for AlreadyStarted {
    fn from(arg: AlreadyStartedArg) -> Self {
        match arg {
            AlreadyStartedArg::Ok => Self::Ok,
            AlreadyStartedArg::Fail => Self::Fail,
        }
    }
}

impl From<OnInvalidArg> for OnInvalid {
    fn from(arg: OnInvalidArg) -> Self {
        match arg {
            OnInvalidArg::Stop => Self::Stop,
            OnInvalidArg::Skip => Self::Skip,
        }
    }
}

/// Returns the rows that were named.
pub(crate) fn input_of(
    input: Option<PathBuf>,
    format: Option<Format>,
    selection: Selection,
) -> Result<Input, SettingsError> {
    let selection = Arc::new(selection);
    match input {
        Some(path) if path.as_os_str() != "-" => {
            let format = match format {
                Some(format) => format,
                None => format_of(&path)?,
            };
            Ok(Input { origin: InputOrigin::File(path), format, selection })
        }
        None if std::io::IsTerminal::is_terminal(&std::io::stdin()) => Err(SettingsError::NoInput),
        _ => {
            let format = format.unwrap_or(Format::Csv);
            Ok(Input { origin: InputOrigin::Stdin, format, selection })
        }
    }
}

#[cfg(test)]
mod tests;
