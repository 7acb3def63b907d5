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
    let found = words.windows(2).enumerate().find_map(|(at, pair)| {
        let flag = FLAGS.iter().find(|flag| pair[0] == ***flag)?;
        let mut joined = words.to_vec();
        joined[at].push("=");
        joined[at].push(&pair[1]);
        joined.remove(at + 1);
        parse(&joined).is_ok().then_some((flag, pair[1].display()))
    });
    let Some((flag, value)) = found else { return parse(words) };
    let mut told = format!("write {flag}={value}, with an equals sign");
    if words.get(1).is_some_and(|command| command == "run") {
        let _ = write!(told, " (for an INPUT of this name: ./{value})");
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
