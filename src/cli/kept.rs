//! The flags of a run, kept for its next session: what `run` was told becomes
//! `settings.json`, and that becomes flags of `resume` again.
//!
//! Flags of one session, looks, and anything secret are never kept.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};

use super::args::Cli;
use crate::domain::record::AlreadyStarted;
use crate::store::SavedFlags;

/// Flags that belong to one session, or to the one who looks at it.
const OF_A_SESSION: [&str; 17] = [
    "jitter",
    "start_at",
    "stop_at",
    "retry_failed",
    "target_changed",
    "limit",
    "dry_run",
    "check",
    "force",
    "json",
    "progress",
    "quiet",
    "verbose",
    "log_format",
    "state_dir",
    "help",
    "version",
];

/// Flags of which one is told by the other.
const TARGET: [&str; 2] = ["esb", "gateway"];

/// Flags that take the place of a window.
const INSTEAD_OF_A_WINDOW: [&str; 2] = ["start_at", "stop_at"];

/// Flags that name a config file, in whose place another one says that there is none.
const CONFIG: [&str; 2] = ["config", "profile"];

/// Flags whose values are paths, which are kept as absolute ones.
const PATHS: [&str; 8] = [
    "config",
    "output",
    "app_secret_file",
    "token_file",
    "cacert",
    "metrics_file",
    "ping_url_file",
    "notify_url_file",
];

/// Every flag that a run keeps.
fn flags(resume: &Command) -> impl Iterator<Item = &Arg> {
    resume
        .get_arguments()
        .filter(|arg| arg.get_long().is_some() && !OF_A_SESSION.contains(&arg.get_id().as_str()))
}

fn resume() -> Command {
    let mut command = Cli::command();
    command.build();
    command.find_subcommand("resume").cloned().unwrap_or_default()
}

/// What is kept of the flags of `run`; `target` is where the environment says that
/// the server is, if no flag does.
pub(super) fn keep(matches: &ArgMatches, target: Option<(&str, String)>) -> SavedFlags {
    let mut kept =
        SavedFlags { program: env!("CARGO_PKG_VERSION").into(), ..SavedFlags::default() };
    for arg in flags(&resume()) {
        let (Some(long), id) = (arg.get_long(), arg.get_id().as_str()) else { continue };
        if matches.value_source(id).is_none() {
            continue;
        }
        let values = if matches!(arg.get_action(), ArgAction::SetTrue) {
            if !matches.get_flag(id) {
                continue;
            }
            Vec::new()
        } else {
            let values = matches.get_raw(id).into_iter().flatten();
            values.map(|value| absolute(id, &value.to_string_lossy())).collect()
        };
        kept.flags.insert(long.to_owned(), values);
    }
    if let Some((flag, url)) = target
        && !TARGET.iter().any(|flag| kept.flags.contains_key(*flag))
    {
        kept.flags.insert(flag.to_owned(), vec![url]);
    }
    kept
}

fn absolute(id: &str, value: &str) -> String {
    if !PATHS.contains(&id) || value == "-" {
        return value.to_owned();
    }
    let path = std::path::absolute(value);
    path.map_or_else(|_| value.to_owned(), |path| path.display().to_string())
}

/// The words of a `resume` that was typed as `words`, with the flags of the run put
/// before those that `typed` has.
pub(super) fn with_kept(
    kept: &SavedFlags,
    typed: &ArgMatches,
    words: &[OsString],
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

/// The server of the run is another one from now on.
pub(super) fn change_target(kept: &mut SavedFlags, present: &SavedFlags) {
    for flag in TARGET.into_iter().chain(["gateway-stage"]) {
        match present.flags.get(flag) {
            Some(values) => kept.flags.insert(flag.to_owned(), values.clone()),
            None => kept.flags.remove(flag),
        };
    }
}

/// How "already started" counts in a run.
pub(super) fn already(kept: &SavedFlags) -> AlreadyStarted {
    match kept.flags.get("already-started").map(Vec::as_slice) {
        Some([word]) if word == "fail" => AlreadyStarted::Fail,
        _ => AlreadyStarted::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> (ArgMatches, Vec<OsString>) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let matches = Cli::command().try_get_matches_from(&words).unwrap();
        (matches.subcommand().unwrap().1.clone(), words)
    }

    fn resumed(run: &[&str], resume: &[&str]) -> Vec<String> {
        let run = [&["bk-launch", "run", "tasks.csv"], run].concat();
        let kept = keep(&parse(&run).0, None);
        let (typed, words) = parse(&[&["bk-launch", "resume"], resume].concat());
        let words = with_kept(&kept, &typed, &words);
        let (matches, _) =
            parse(&words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>());
        let mut flags: Vec<_> = matches
            .ids()
            .filter(|id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine))
            .filter(|id| id.as_str().starts_with(|c: char| c.is_ascii_lowercase()))
            .map(|id| {
                let raw = matches.get_raw(id.as_str()).unwrap();
                let values: Vec<_> = raw.map(|value| value.to_str().unwrap()).collect();
                format!("{id}={}", values.join(","))
            })
            .filter(|flag| !flag.contains("=5s") && !flag.contains("=15m"))
            .collect();
        flags.sort_unstable();
        flags
    }

    const DEFAULTS: [&str; 8] = [
        "already_started=ok",
        "backoff=500ms..30s",
        "concurrency=16",
        "gateway_stage=prod",
        "lookahead=10000",
        "rate=20/s",
        "rate_per_biz=unlimited",
        "retries=4",
    ];

    fn more(more: &[&str]) -> Vec<String> {
        let mut flags: Vec<String> = DEFAULTS.iter().chain(more).map(ToString::to_string).collect();
        flags.sort_unstable();
        flags
    }

    #[test]
    fn a_resume_has_the_flags_of_its_run_and_no_others() {
        let run = ["--esb", "http://h", "--confirm", "-o", "/r.csv", "-o", "-", "--lookup"];
        let kept = ["confirm=60s", "esb=http://h", "lookup=true", "output=/r.csv,-"];
        assert_eq!(resumed(&run, &[]), more(&kept));
        assert_eq!(resumed(&["--limit", "3", "--force", "-q", "-v"], &[]), more(&[]));
    }

    #[test]
    fn a_flag_that_is_typed_beats_the_one_that_is_kept() {
        let run = ["--esb", "http://h", "-o", "/r.csv", "-o", "/s.csv"];
        let typed = ["--gateway", "http://g", "-o", "/t.csv", "--limit", "2"];
        let kept = ["gateway=http://g", "limit=2", "output=/t.csv"];
        assert_eq!(resumed(&run, &typed), more(&kept));
    }

    #[test]
    fn a_config_file_and_none_take_each_others_place() {
        let named = ["--config", "/c.toml", "--profile", "p"];
        let kept = ["config=/c.toml", "profile=p"];
        assert_eq!(resumed(&named, &[]), more(&kept));
        assert_eq!(resumed(&named, &["--no-config"]), more(&["no_config=true"]));
        assert_eq!(resumed(&["--no-config"], &[]), more(&["no_config=true"]));
        assert_eq!(resumed(&["--no-config"], &named), more(&kept));
    }

    #[test]
    fn paths_are_kept_as_absolute_ones() {
        let (matches, _) = parse(&["bk-launch", "run", "tasks.csv", "-o", "r.csv"]);
        let kept = keep(&matches, Some(("esb", "http://h".into())));
        assert!(kept.flags["output"][0].starts_with('/'));
        assert_eq!(kept.flags["esb"], ["http://h"]);
    }
}
