use clap::CommandFactory;

use super::*;
use crate::args::Cli;

fn parse(words: &[&str]) -> (ArgMatches, Vec<OsString>) {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let matches = Cli::command().try_get_matches_from(&words).unwrap();
    (matches.subcommand().unwrap().1.clone(), words)
}

fn resumed(run: &[&str], resume: &[&str]) -> Vec<String> {
    let run = [&["bk-launch", "run", "tasks.csv"], run].concat();
    let kept = keep(&parse(&run).0, None, None);
    let (typed, words) = parse(&[&["bk-launch", "resume"], resume].concat());
    let words = with_saved(&kept, &typed, &words, &|_| None);
    let (matches, _) = parse(&words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>());
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
    let kept = keep(&matches, Some(("esb", "http://h".into())), None);
    assert!(kept.flags["output"][0].starts_with('/'));
    assert_eq!(kept.flags["esb"], ["http://h"]);
}

#[test]
fn of_a_session_the_flags_are_told_that_differ_from_those_of_its_run() {
    let told = |flags: &Flags| -> Vec<String> {
        flags.iter().map(|(name, values)| format!("{name}={}", values.join(","))).collect()
    };
    let run = ["bk-launch", "run", "t.csv", "--esb", "http://h", "--rate", "5/s", "--limit", "3"];
    let (matches, _) = parse(&run);
    let mut kept = keep(&matches, None, None);
    kept.note_session(1, of_session(&matches));
    assert_eq!(told(&kept.sessions[&1]), ["limit=3"]);
    let resume = ["--rate", "5/s", "--lookup", "--stop-at", "+1h", "-q", "-o", "r.csv", "--json"];
    let (typed, _) = parse(&[&["bk-launch", "resume"], &resume[..]].concat());
    kept.note_session(2, of_session(&typed));
    assert_eq!(told(&kept.sessions[&2]), ["lookup=", "stop-at=+1h"]);
    kept.note_session(3, of_session(&parse(&["bk-launch", "resume"]).0));
    assert_eq!(kept.sessions.len(), 2, "one with the flags of the run needs no note");
    let limit = |session| kept.of_session(session, "limit");
    assert_eq!((limit(1), limit(2)), (Some(&["3".to_owned()][..]), None));
    assert_eq!(kept.of_session(2, "rate"), Some(&["5/s".to_owned()][..]));
}

/// Flags that belong to one session, or to the one who looks at it.
const OF_A_SESSION: [&str; 21] = [
    "check",
    "dry_run",
    "expect_rows",
    "force",
    "format",
    "help",
    "jitter",
    "json",
    "limit",
    "log_format",
    "name",
    "no_journal",
    "on_invalid",
    "progress",
    "quiet",
    "retry_failed",
    "start_at",
    "state_dir",
    "stop_at",
    "target_changed",
    "verbose",
];

/// The flags of `run` and `resume`.
fn of_both() -> Vec<Arg> {
    let mut command = Cli::command();
    command.build();
    let of = |name| command.find_subcommand(name).unwrap().get_arguments().cloned();
    let flags = of("run").chain(of("resume")).filter(|arg| arg.get_long().is_some());
    flags.collect()
}

#[test]
fn every_flag_is_kept_or_of_one_session_and_no_list_names_another() {
    let flags = of_both();
    let mut ids: Vec<_> = flags.iter().map(|arg| arg.get_id().as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() > 50, "the flags are found: {ids:?}");
    let mut listed: Vec<_> = KEPT.into_iter().chain(OF_A_SESSION).collect();
    listed.sort_unstable();
    assert_eq!(listed, ids);
}

#[test]
fn a_flag_with_a_path_is_known_by_its_type() {
    let flags = of_both();
    for arg in flags.iter().filter(|arg| KEPT.contains(&arg.get_id().as_str())) {
        let wants_file = arg
            .get_value_names()
            .into_iter()
            .flatten()
            .any(|name| name.starts_with("FILE") || name.starts_with("FOLDER"));
        assert_eq!(is_path(arg), wants_file, "{}", arg.get_id());
    }
}
