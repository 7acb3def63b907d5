//! Candidates for the end of a command line that is being typed, from what clap knows of the commands.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command, ValueHint};
use jiff::tz::TimeZone;

use super::values::{ProfileName, RunRef};
use crate::store::RunName;

/// One word that can follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub word: String,
    pub help: String,
}

/// Values that only the machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalValues {
    Files,
    Folders,
    /// Ids and names of runs.
    Runs,
    RunNames,
    Profiles,
    TimeZones,
}

/// Candidates for the last word, and values to look up for it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Completion {
    /// Part of the last word before the value that is completed, such as `--output=`.
    pub prefix: String,
    pub candidates: Vec<Candidate>,
    pub lookup: Option<LocalValues>,
    /// Values of the flags that were typed before, by their ids.
    pub given: BTreeMap<String, Vec<String>>,
}

impl Completion {
    /// The last value that was typed for the flag `id`.
    pub(crate) fn last(&self, id: &str) -> Option<&str> {
        self.given.get(id)?.last().map(String::as_str)
    }
}

/// Returns what can stand in place of the last of `words`, which is being typed. The first is the
/// name of the program.
pub(crate) fn complete(mut program: Command, words: &[String]) -> Completion {
    program.build();
    let Some(([_, typed @ ..], last)) = words.split_last().map(|(last, rest)| (rest, last)) else {
        return Completion::default();
    };
    let mut line = TypedLine::of(&program);
    for word in typed {
        line.read(word);
    }
    line.complete(last)
}

/// Reading position in a command line.
struct TypedLine<'a> {
    command: &'a Command,
    /// Flag whose values come next, and how many of them.
    awaits: Option<(&'a Arg, usize)>,
    positionals: usize,
    /// Whether `--` was read: everything after it is positional.
    is_escaped: bool,
    given: BTreeMap<String, Vec<String>>,
}

impl<'a> TypedLine<'a> {
    const fn of(command: &'a Command) -> Self {
        let given = BTreeMap::new();
        Self { command, awaits: None, positionals: 0, is_escaped: false, given }
    }

    fn read(&mut self, word: &str) {
        if let Some((arg, left)) = self.awaits.take() {
            self.give(arg, Some(word));
            self.awaits = (left > 1).then(|| (arg, left - 1));
        } else if self.is_escaped {
            self.positionals += 1;
        } else if word == "--" {
            self.is_escaped = true;
        } else if let Some(flag) = word.strip_prefix("--") {
            let (name, value) = flag.split_once('=').map_or((flag, None), |(n, v)| (n, Some(v)));
            if let Some(arg) = self.long(name) {
                self.read_flag(arg, value);
            }
        } else if let Some(flags) = word.strip_prefix('-').filter(|flags| !flags.is_empty()) {
            self.read_shorts(flags);
        } else if let Some(command) = self.command.find_subcommand(word) {
            (self.command, self.positionals) = (command, 0);
        } else {
            self.positionals += 1;
        }
    }

    fn read_shorts(&mut self, flags: &str) {
        for (at, short) in flags.char_indices() {
            let mut all = self.command.get_arguments();
            let Some(arg) = all.find(|arg| arg.get_short() == Some(short)) else { return };
            let rest = &flags[at + short.len_utf8()..];
            if takes_value(arg) {
                return self.read_flag(arg, (!rest.is_empty()).then_some(rest));
            }
            self.give(arg, None);
        }
    }

    fn read_flag(&mut self, arg: &'a Arg, value: Option<&str>) {
        self.give(arg, value);
        if takes_value(arg) && value.is_none() && !arg.is_require_equals_set() {
            self.awaits = Some((arg, arg.get_num_args().map_or(1, |number| number.max_values())));
        }
    }

    fn give(&mut self, arg: &Arg, value: Option<&str>) {
        let values = self.given.entry(arg.get_id().to_string()).or_default();
        values.extend(value.map(str::to_owned));
    }

    fn long(&self, name: &str) -> Option<&'a Arg> {
        self.command.get_arguments().find(|arg| arg.get_long() == Some(name))
    }

    /// Returns what can stand in place of `word`.
    fn complete(self, word: &str) -> Completion {
        if let Some((arg, _)) = self.awaits {
            return self.value(arg, "", word);
        }
        if !self.is_escaped && word.starts_with('-') {
            let value = word.strip_prefix("--").and_then(|flag| flag.split_once('='));
            return match value.map(|(name, value)| (self.long(name), value)) {
                Some((Some(arg), value)) if takes_value(arg) => {
                    let prefix = &word[..word.len() - value.len()];
                    self.value(arg, prefix, value)
                }
                Some(_) => Completion::default(),
                None => self.flags(word),
            };
        }
        let commands = self.commands(word);
        let positional = self.command.get_positionals().nth(self.positionals);
        match positional {
            Some(arg) => {
                let mut all = self.value(arg, "", word);
                all.candidates.splice(0..0, commands);
                all
            }
            None if commands.is_empty() && word.is_empty() && !self.is_escaped => self.flags(word),
            None => Completion { candidates: commands, given: self.given, ..Completion::default() },
        }
    }

    fn commands(&self, word: &str) -> Vec<Candidate> {
        if self.positionals > 0 || self.is_escaped {
            return Vec::new();
        }
        let shown = self.command.get_subcommands().filter(|command| !command.is_hide_set());
        let meant = shown.filter(|command| command.get_name().starts_with(word));
        meant.map(|command| candidate(command.get_name(), command.get_about())).collect()
    }

    /// The flags that begin with `word` and may still be typed.
    fn flags(self, word: &str) -> Completion {
        let mut candidates = Vec::new();
        for arg in self.command.get_arguments().filter(|arg| self.may_follow(arg)) {
            let help = arg.get_help();
            if let Some(long) = arg.get_long() {
                candidates.push(candidate(&format!("--{long}"), help));
                if arg.is_require_equals_set() {
                    candidates.push(candidate(&format!("--{long}="), help));
                }
            }
            candidates.extend(arg.get_short().map(|short| candidate(&format!("-{short}"), help)));
        }
        candidates.retain(|candidate| candidate.word.starts_with(word));
        Completion { candidates, given: self.given, ..Completion::default() }
    }

    /// Whether a flag is shown, and neither typed already nor excluded by one that is.
    fn may_follow(&self, arg: &Arg) -> bool {
        let is_repeatable = matches!(arg.get_action(), ArgAction::Append | ArgAction::Count);
        let is_given = |arg: &Arg| self.given.contains_key(arg.get_id().as_str());
        let excludes = |one: &Arg, other: &Arg| {
            let excluded = self.command.get_arg_conflicts_with(one);
            excluded.iter().any(|excluded| excluded.get_id() == other.get_id())
        };
        let mut others = self.command.get_arguments().filter(|other| is_given(other));
        !arg.is_hide_set()
            && (is_repeatable || !is_given(arg))
            && !others.any(|other| excludes(arg, other) || excludes(other, arg))
    }

    /// The values of `arg` that begin with `word`, which follows `prefix`. Of a list the last value
    /// is completed.
    fn value(self, arg: &Arg, prefix: &str, word: &str) -> Completion {
        let comma = arg.get_value_delimiter();
        let begins = comma.and_then(|comma| Some(word.rfind(comma)? + comma.len_utf8()));
        let (listed, word) = word.split_at(begins.unwrap_or(0));
        let prefix = [prefix, listed].concat();
        let known = arg.get_possible_values();
        let meant =
            known.iter().filter(|value| !value.is_hide_set() && value.get_name().starts_with(word));
        let candidates =
            meant.map(|value| candidate(&[&prefix, value.get_name()].concat(), value.get_help()));
        let candidates = candidates.collect();
        Completion { prefix, candidates, lookup: lookup(arg), given: self.given }
    }
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// A word with the first part of its help: a menu of candidates has little room.
fn candidate(word: &str, help: Option<&StyledStr>) -> Candidate {
    let help = help.map(ToString::to_string).unwrap_or_default();
    let end = ["\n", "; ", ": ", " ["].into_iter().filter_map(|end| help.find(end)).min();
    Candidate { word: word.to_owned(), help: help[..end.unwrap_or(help.len())].to_owned() }
}

/// Returns the local values that `arg` takes, by the type of its values.
fn lookup(arg: &Arg) -> Option<LocalValues> {
    let kind = arg.get_value_parser().type_id();
    [
        (TypeId::of::<RunRef>(), LocalValues::Runs),
        (TypeId::of::<RunName>(), LocalValues::RunNames),
        (TypeId::of::<ProfileName>(), LocalValues::Profiles),
        (TypeId::of::<TimeZone>(), LocalValues::TimeZones),
        (
            TypeId::of::<PathBuf>(),
            match arg.get_value_hint() {
                ValueHint::DirPath => LocalValues::Folders,
                _ => LocalValues::Files,
            },
        ),
    ]
    .into_iter()
    .find_map(|(of, lookup)| (kind == of).then_some(lookup))
}

#[cfg(test)]
mod tests;
