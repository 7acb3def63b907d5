//! The flags of a run, kept for its next session: what `run` was told becomes
//! `settings.json`, and that becomes flags of `resume` again.
//!
//! Flags of one session are noted to be shown, and no later session has them. Those of display, and
//! anything secret, are never kept.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};

use super::profile::Profile;
use super::secret_flags::{has_variable, is_in, rivals};
use crate::args::resume::ResumeArgs;
use crate::args::run::RunArgs;
use crate::session::credentials::Environment;
use crate::store::{Flags, SavedFlags};

/// Flags that a run keeps for its later sessions. A test lists all others, too.
const KEPT: [&str; 45] = [
    "already_started",
    "app_secret_cmd",
    "app_secret_file",
    "backoff",
    "burst",
    "cacert",
    "concurrency",
    "concurrency_per_biz",
    "config",
    "confirm",
    "connect_timeout",
    "cutoff",
    "esb",
    "esb_legacy_get",
    "gateway",
    "gateway_stage",
    "insecure",
    "lines",
    "lookahead",
    "lookup",
    "map",
    "max_failures",
    "metrics_file",
    "no_config",
    "notify_url_file",
    "only",
    "outage_patience",
    "output",
    "ping_url_file",
    "profile",
    "rate",
    "rate_per_biz",
    "require_fit",
    "retries",
    "skip",
    "stage_ask",
    "stage_pause",
    "stages",
    "throttle_patience",
    "timeout",
    "token_cmd",
    "token_file",
    "tz",
    "where",
    "window",
];

/// Flags of one session alone that say what it does, and not only how it is shown.
const OF_ONE_SESSION: [&str; 4] = ["jitter", "limit", "start_at", "stop_at"];

/// Flags that a run keeps, and that are told of a session in another way.
const TOLD_ELSEWHERE: [&str; 4] = ["esb", "gateway", "gateway_stage", "output"];

/// Flags of which a run has only one.
const TARGET: [&str; 2] = ["esb", "gateway"];

/// Flags that take the place of a window.
const INSTEAD_OF_A_WINDOW: [&str; 2] = ["start_at", "stop_at"];

/// Flags that name a config file, in whose place another one says that there is none.
const CONFIG: [&str; 2] = ["config", "profile"];

/// Returns every flag of a command that a run keeps.
fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| KEPT.contains(&arg.get_id().as_str()))
}

/// Returns `run`, which has every flag that is kept; those that select rows are not of `resume`.
fn run() -> Command {
    let mut command = RunArgs::augment_args(Command::new("run"));
    command.build();
    command
}

fn resume() -> Command {
    let mut command = ResumeArgs::augment_args(Command::new("resume"));
    command.build();
    command
}

/// Returns the flags of `run` that are kept; `target` is where the environment says that
/// the server is, if no flag does, and `profile` gave some of the flags.
pub(crate) fn keep(
    matches: &ArgMatches,
    target: Option<(&str, String)>,
    profile: Option<&Profile>,
) -> SavedFlags {
    let mut kept =
        SavedFlags { program: env!("CARGO_PKG_VERSION").into(), ..SavedFlags::default() };
    for arg in flags(&run()) {
        let Some((long, values)) = given(arg, matches) else { continue };
        let id = arg.get_id().as_str();
        if has_variable(id) && profile.is_some_and(|profile| profile.gave(id)) {
            kept.of_profile.insert(long.clone());
        }
        kept.flags.insert(long, values);
    }
    if let Some((flag, url)) = target
        && !TARGET.iter().any(|flag| kept.flags.contains_key(*flag))
    {
        kept.flags.insert(flag.to_owned(), vec![url]);
    }
    kept
}

/// Returns the flags that were typed for one session, and say what that does.
pub(crate) fn of_session(typed: &ArgMatches) -> Flags {
    let resume = resume();
    let is_told = |arg: &&Arg| {
        let id = arg.get_id().as_str();
        let is_meant = KEPT.contains(&id) && !TOLD_ELSEWHERE.contains(&id);
        (is_meant || OF_ONE_SESSION.contains(&id))
            && typed.value_source(id) == Some(ValueSource::CommandLine)
    };
    resume.get_arguments().filter(is_told).filter_map(|arg| given(arg, typed)).collect()
}

/// Returns a flag as it is kept, if it is set.
fn given(arg: &Arg, matches: &ArgMatches) -> Option<(String, Vec<String>)> {
    let (long, id) = (arg.get_long()?, arg.get_id().as_str());
    matches.try_contains_id(id).ok().filter(|is_set| *is_set)?;
    let values = if matches!(arg.get_action(), ArgAction::SetTrue) {
        matches.get_flag(id).then(Vec::new)?
    } else {
        let values = matches.get_raw(id).into_iter().flatten();
        let values = values.map(|value| value.to_string_lossy().into_owned());
        if is_path(arg) { values.map(absolute).collect() } else { values.collect() }
    };
    Some((long.to_owned(), values))
}

/// Whether the values of a flag are paths, which are kept as absolute ones.
fn is_path(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<PathBuf>()
}

fn absolute(value: String) -> String {
    if value == "-" {
        return value;
    }
    let path = std::path::absolute(&value);
    path.map_or(value, |path| path.display().to_string())
}

/// Returns the words of a `resume` that was typed as `words`, with the flags of the run put
/// before those that `typed` has. The environment beats those that a profile gave to the run, as
/// it beats the profile itself.
pub(crate) fn with_saved(
    kept: &SavedFlags,
    typed: &ArgMatches,
    words: &[OsString],
    environment: Environment<'_>,
) -> Vec<OsString> {
    let is_typed = |id: &str| typed.value_source(id) == Some(ValueSource::CommandLine);
    let other_target = TARGET.into_iter().any(is_typed);
    let other_window = INSTEAD_OF_A_WINDOW.into_iter().any(is_typed);
    let other_config = CONFIG.into_iter().any(is_typed);
    let no_config = is_typed("no_config");
    let mut all: Vec<OsString> = words.iter().take(2).cloned().collect();
    for arg in flags(&resume()) {
        let (Some(long), id) = (arg.get_long(), arg.get_id().as_str()) else { continue };
        let is_replaced = (other_target && TARGET.contains(&id))
            || (other_window && id == "window")
            || rivals(id).into_iter().flatten().any(is_typed)
            || (kept.of_profile.contains(long) && is_in(environment, id))
            || (other_config && id == "no_config")
            || (no_config && CONFIG.contains(&id));
        if is_typed(id) || is_replaced {
            continue;
        }
        match kept.flags.get(long).map(Vec::as_slice) {
            None => {}
            Some([]) => all.push(format!("--{long}").into()),
            Some(values) => all.extend(values.iter().map(|v| format!("--{long}={v}").into())),
        }
    }
    all.extend(words.iter().skip(2).cloned());
    all
}

/// Returns the flags of a run whose server is another one from now on.
pub(crate) fn with_target(saved: &SavedFlags, present: &SavedFlags) -> SavedFlags {
    let mut changed = saved.clone();
    for flag in TARGET.into_iter().chain(["gateway-stage"]) {
        match present.flags.get(flag) {
            Some(values) => changed.flags.insert(flag.to_owned(), values.clone()),
            None => changed.flags.remove(flag),
        };
    }
    changed
}

#[cfg(test)]
mod tests;
