use clap::CommandFactory;
use clap::builder::Str;

use super::*;
use crate::args::Cli;

fn of(line: &str) -> Completion {
    let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
    complete(Cli::command(), &words)
}

fn words(line: &str) -> Vec<String> {
    of(line).candidates.into_iter().map(|candidate| candidate.word).collect()
}

#[test]
fn words_that_can_follow_are_known() {
    for (line, expected) in [
        ("bk-launch ru", &["run", "runs"][..]),
        ("bk-launch runs s", &["show"]),
        ("bk-launch help ru", &["run", "runs"]),
        ("bk-launch run --rate", &["--rate", "--rate-per-biz"]),
        ("bk-launch run --conf", &["--confirm", "--confirm=", "--config"]),
        ("bk-launch run --progress ", &["auto", "bar", "plain", "none"]),
        ("bk-launch run --progress=b", &["--progress=bar"]),
        ("bk-launch run --format t", &["tsv"]),
        ("bk-launch report --only failed,unk", &["failed,unknown"]),
        ("bk-launch report --only=failed,unk", &["--only=failed,unknown"]),
        ("bk-launch run --rate ", &[]),
        ("bk-launch run --nothing=", &[]),
        ("bk-launch run --confirm --prog", &["--progress"]),
        ("bk-launch run x.csv -qo y --qui", &[]),
        ("bk-launch runs --jso", &["--json"]),
        ("bk-launch runs show --jso", &["--json"]),
        ("bk-launch bench --compare a b --bas", &[]),
        ("bk-launch bench --fin", &["--find-max"]),
        ("bk-launch run -- --ra", &[]),
        ("bk-launch completions z", &["zsh"]),
        ("bk-launch __", &[]),
        ("bk-launch", &[]),
        ("", &[]),
    ] {
        assert_eq!(words(line), expected, "{line}");
    }
}

#[test]
fn flags_that_were_typed_or_are_excluded_do_not_follow() {
    for (line, flag, follows) in [
        ("bk-launch run --rate 5/s --ra", "--rate", false),
        ("bk-launch run --rate=5/s --ra", "--rate", false),
        ("bk-launch run -o a.csv --out", "--output", true),
        ("bk-launch run -v --ver", "--verbose", true),
        ("bk-launch run --window 22:00-04:00 --st", "--stop-at", false),
        ("bk-launch run --stop-at 22:00 --wi", "--window", false),
        ("bk-launch run --esb u --ga", "--gateway", false),
        ("bk-launch run x.csv ", "--rate", true),
        ("bk-launch run ", "--rate", false),
    ] {
        assert_eq!(words(line).contains(&flag.to_owned()), follows, "{line}");
    }
}

#[test]
fn values_of_this_machine_are_looked_up() {
    for (line, lookup, prefix) in [
        ("bk-launch run ", Some(LocalValues::Files), ""),
        ("bk-launch run x.csv ", None, ""),
        ("bk-launch run -- ", Some(LocalValues::Files), ""),
        ("bk-launch run -o ", Some(LocalValues::Files), ""),
        ("bk-launch run --output=r", Some(LocalValues::Files), "--output="),
        ("bk-launch run --state-dir ", Some(LocalValues::Folders), ""),
        ("bk-launch man --dir ", Some(LocalValues::Folders), ""),
        ("bk-launch resume ", Some(LocalValues::Runs), ""),
        ("bk-launch runs show ", Some(LocalValues::Runs), ""),
        ("bk-launch report 2026", Some(LocalValues::Runs), ""),
        ("bk-launch run --name ", Some(LocalValues::RunNames), ""),
        ("bk-launch run --profile=", Some(LocalValues::Profiles), "--profile="),
        ("bk-launch run --tz ", Some(LocalValues::TimeZones), ""),
        ("bk-launch bench --compare a ", Some(LocalValues::Files), ""),
        ("bk-launch run --rate ", None, ""),
    ] {
        let found = of(line);
        assert_eq!((found.lookup, &*found.prefix), (lookup, prefix), "{line}");
    }
    let typed = of("bk-launch --state-dir a runs --state-dir=b show ");
    assert_eq!(typed.last("state_dir"), Some("b"));
}

/// The flags of `command` and those of its commands, each with the words that lead to it.
fn all_args(command: &Command, path: &str) -> Vec<(String, Arg)> {
    let own = command.get_arguments().map(|arg| (path.to_owned(), arg.clone()));
    let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let deeper = shown.flat_map(|sub| all_args(sub, &format!("{path} {}", sub.get_name())));
    own.chain(deeper).collect()
}

/// A flag that is called like another one's value is looked up like it, so that a new command
/// need not say so.
#[test]
fn every_flag_is_completed_and_values_of_one_kind_are_looked_up_alike() {
    let mut program = Cli::command();
    program.build();
    let args = all_args(&program, "bk-launch");
    assert!(args.len() > 100, "{} flags", args.len());
    for (path, arg) in args {
        if let Some(long) = arg.get_long() {
            let flag = format!("--{long}");
            let line = format!("{path} {flag}");
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            let found = complete(program.clone(), &words).candidates;
            assert!(found.iter().any(|candidate| candidate.word == flag), "{line}");
        }
        let named = arg.get_value_names().unwrap_or_default();
        let expected = match named.first().map(Str::as_str) {
            Some("RUN") => Some(LocalValues::Runs),
            Some("FILE" | "FILE.prom" | "INPUT" | "BASE") => Some(LocalValues::Files),
            Some("FOLDER") => Some(LocalValues::Folders),
            Some("ZONE") => Some(LocalValues::TimeZones),
            _ => continue,
        };
        assert_eq!(lookup(&arg), expected, "{path}: {named:?}");
    }
}
