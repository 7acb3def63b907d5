//! Flags whose value needs `=`, typed without it: `--confirm 30s`.
//!
//! Their value is optional, so a word after a blank is one of its own, and would be the INPUT.

use std::ffi::OsString;
use std::fmt::Write;

use clap::error::ErrorKind;

const FLAGS: [&str; 1] = ["--confirm"];

/// Parses words; if a word after such a flag is its value, the error says how it is written.
pub(super) fn parsed<T>(
    words: &[OsString],
    parse: impl Fn(&[OsString]) -> Result<T, clap::Error>,
) -> Result<T, clap::Error> {
    let is_of = |name: &str| words.get(1).is_some_and(|command| command == name);
    let found = words.windows(2).enumerate().find_map(|(at, pair)| {
        let flag = FLAGS.iter().find(|flag| pair[0] == ***flag)?;
        let typed = &pair[1];
        let is_taken = |value: &OsString| {
            let mut joined = words.to_vec();
            joined[at].push("=");
            joined[at].push(value);
            joined.remove(at + 1);
            parse(&joined).is_ok()
        };
        if is_taken(typed) {
            return Some((flag, typed, typed.clone()));
        }
        // A number may lack its unit, but `resume --confirm 2026` names a run.
        let mut in_seconds = typed.clone();
        in_seconds.push("s");
        let may_lack_unit = !is_of("resume") || parse(words).is_err();
        (may_lack_unit && is_taken(&in_seconds)).then_some((flag, typed, in_seconds))
    });
    let Some((flag, typed, value)) = found else { return parse(words) };
    let mut told = format!("write {flag}={}, with an equals sign", value.display());
    if is_of("run") {
        let _ = write!(told, " (for an INPUT of this name: ./{})", typed.display());
    }
    told.push('\n');
    Err(clap::Error::raw(ErrorKind::UnknownArgument, told))
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, parse};
    use super::*;
    use clap::{Command, CommandFactory};

    #[test]
    fn every_flag_that_needs_an_equals_sign_is_listed() {
        let mut program = Cli::command();
        program.build();
        let args = program.get_subcommands().flat_map(Command::get_arguments);
        let flags = args.filter(|arg| arg.is_require_equals_set()).filter_map(|arg| arg.get_long());
        let mut flags: Vec<_> = flags.map(|long| format!("--{long}")).collect();
        flags.dedup();
        assert_eq!(flags, FLAGS);
    }

    #[test]
    fn a_value_without_its_equals_sign_is_told_how_it_is_written() {
        for (words, written) in [
            ("run t.csv --confirm 30s", Some("write --confirm=30s")),
            ("run --confirm 30s t.csv", Some("write --confirm=30s")),
            ("run --confirm 30s", Some("write --confirm=30s")),
            ("resume --confirm off", Some("write --confirm=off")),
            ("init --esb http://h --confirm 30s", Some("write --confirm=30s,")),
            ("init --esb http://h --confirm 90", Some("write --confirm=90s,")),
            ("run t.csv --confirm 90", Some("write --confirm=90s,")),
            (
                "run --confirm 90",
                Some("write --confirm=90s, with an equals sign (for an INPUT of this name: ./90)"),
            ),
            ("run t.csv --confirm soon", Some("unexpected argument 'soon'")),
            ("resume --confirm 20261201", None),
            ("run --confirm t.csv", None),
            ("run --confirm -- t.csv", None),
            ("run --confirm=30s t.csv", None),
            ("run t.csv --confirm --lookup", None),
        ] {
            let all = ["bk-launch"].into_iter().chain(words.split(' ')).map(OsString::from);
            let error = parse(all).err().map(|error| error.to_string());
            match (error, written) {
                (None, None) => {}
                (Some(error), Some(written)) => assert!(error.contains(written), "{error}"),
                (error, _) => panic!("{words}: {error:?}"),
            }
        }
    }
}
