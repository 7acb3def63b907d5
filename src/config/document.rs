//! Reads profiles out of the text of a config file.
//!
//! Unknown keys are errors, since a misspelt limit would be no limit.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{ArgAction, CommandFactory};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::profile::Profile;
use super::secret_flags::{COMMANDS, rival_keys};
use crate::args::Cli;
use crate::domain::secret::Secret;

/// Flags that make no sense in a profile.
const NEVER: [&str; 11] = [
    "config",
    "profile",
    "no_config",
    "help",
    "version",
    "force",
    "dry_run",
    "check",
    "limit",
    "start_at",
    "stop_at",
];

/// Keys that are no flags, and the variables in whose place they stand.
const CREDENTIALS: [(&str, &str); 4] = [
    ("app_code", "BK_APP_CODE"),
    ("app_secret", "BK_APP_SECRET"),
    ("token", "BK_TOKEN"),
    ("username", "BK_USERNAME"),
];

/// The text of a config file.
pub(super) struct Document<'a> {
    pub path: &'a Path,
    pub text: &'a str,
    pub mode: u32,
    pub choice: FileChoice,
}

/// Who chose the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileChoice {
    /// The user, who named it or keeps it.
    OfUser,
    /// Nobody: it stands in the working folder, so that it may run no program.
    Found,
}

impl Document<'_> {
    fn fault(&self, at: usize, what: String) -> ConfigError {
        let line = self.text[..at.min(self.text.len())].matches('\n').count() + 1;
        ConfigError::Fault { path: self.path.to_owned(), line, what }
    }

    /// Returns the profile that is meant: the one that was named, else the file's own `profile`,
    /// else none.
    pub(super) fn profile(&self, named: Option<&str>) -> Result<Option<Profile>, ConfigError> {
        let parsed = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.fault(at, error.message().to_owned())
        })?;
        let (mut default, mut profiles) = (None, Vec::new());
        for (key, value) in parsed.get_ref() {
            match (&**key.get_ref(), value.get_ref()) {
                ("profile", DeValue::String(name)) => default = Some(name.to_string()),
                ("profiles", DeValue::Table(table)) => profiles.extend(table),
                ("profile" | "profiles", _) => {
                    let what = "profile names one, and [profiles.NAME] begins one".into();
                    return Err(self.fault(value.span().start, what));
                }
                (other, _) => {
                    return Err(self.unknown(key.span().start, other, &["profile", "profiles"]));
                }
            }
        }
        // Each profile is read, also those that are not meant: a mistake is found early.
        let mut found = Vec::new();
        for (name, value) in profiles {
            let DeValue::Table(table) = value.get_ref() else {
                return Err(self.fault(value.span().start, "a profile is a table".into()));
            };
            found.push(self.read(name.get_ref(), table)?);
        }
        let Some(name) = named.map(str::to_owned).or(default) else { return Ok(None) };
        let all: Vec<_> = found.iter().map(|profile| profile.name.clone()).collect();
        let profile = found.into_iter().find(|profile| profile.name == name);
        profile.map(Some).ok_or_else(|| ConfigError::NoProfile {
            path: self.path.to_owned(),
            name,
            names: if all.is_empty() { "none".into() } else { all.join(", ") },
        })
    }

    fn read(&self, name: &str, table: &DeTable<'_>) -> Result<Profile, ConfigError> {
        let mut profile = Profile {
            name: name.to_owned(),
            path: self.path.to_owned(),
            flags: BTreeMap::new(),
            credentials: BTreeMap::new(),
        };
        let known = known();
        for (key, value) in table {
            let at = key.span().start;
            let word = key.get_ref().replace('-', "_");
            if let Some(why) = self.refused(&word, table) {
                return Err(self.fault(at, why));
            }
            if let Some((_, variable)) = CREDENTIALS.iter().find(|(known, _)| *known == word) {
                let DeValue::String(text) = value.get_ref() else {
                    return Err(self.fault(value.span().start, format!("{word} is a text")));
                };
                profile.credentials.insert(variable, Secret::new(text));
            } else if let Some((id, takes)) = known.get(&word) {
                if let Some(values) = self.values(value, *takes)? {
                    profile.flags.insert(id.clone(), values);
                }
            } else {
                let words: Vec<_> = known
                    .keys()
                    .map(String::as_str)
                    .chain(CREDENTIALS.iter().map(|(key, _)| *key))
                    .collect();
                return Err(self.unknown(at, key.get_ref(), &words));
            }
        }
        Ok(profile)
    }

    /// Returns why the key `word` of `table` is not taken, whatever its value.
    fn refused(&self, word: &str, table: &DeTable<'_>) -> Option<String> {
        let path = self.path.display();
        if matches!(word, "app_secret" | "token") && self.mode & 0o077 != 0 {
            return Some(format!(
                "{word} is a secret, and others may read this file; chmod 600 {path}"
            ));
        }
        if COMMANDS.contains(&word) && self.choice == FileChoice::Found {
            return Some(format!(
                "{word} runs a program, and a file of the working folder may not; if you trust it, \
                 --config {path} takes it, else put the profile into $XDG_CONFIG_HOME/bk-launch/\
                 config.toml"
            ));
        }
        let has = |other: &&str| table.keys().any(|key| key.get_ref().replace('-', "_") == **other);
        let other = rival_keys(word).find(has)?;
        Some(format!("{word} and {other} both give one secret; keep one of them"))
    }

    /// The values of a flag; `None` for one that is switched off.
    fn values(
        &self,
        value: &Spanned<DeValue<'_>>,
        takes: Takes,
    ) -> Result<Option<Vec<String>>, ConfigError> {
        let wrong = |what: &str| Err(self.fault(value.span().start, what.into()));
        let text = |value: &DeValue<'_>| match value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            _ => None,
        };
        match (value.get_ref(), takes) {
            (DeValue::Boolean(true), Takes::Nothing | Takes::AValueOrNothing) => {
                Ok(Some(Vec::new()))
            }
            (DeValue::Boolean(false), Takes::Nothing | Takes::AValueOrNothing) => Ok(None),
            (_, Takes::Nothing) => wrong("this is true or false"),
            (DeValue::Array(values), Takes::Values) => {
                let values: Option<Vec<_>> =
                    values.iter().map(|value| text(value.get_ref())).collect();
                values.map_or_else(|| wrong("this is a list of texts"), |values| Ok(Some(values)))
            }
            (value, _) => match text(value) {
                Some(text) => Ok(Some(vec![text])),
                None => wrong("this is a text or a number"),
            },
        }
    }

    fn unknown(&self, at: usize, key: &str, known: &[&str]) -> ConfigError {
        let near = known
            .iter()
            .map(|word| (strsim::jaro_winkler(&key.replace('-', "_"), word), *word))
            .max_by(|one, other| one.0.total_cmp(&other.0));
        let hint = match near {
            Some((likeness, word)) if likeness > 0.7 => {
                format!("; {word} is the nearest known one")
            }
            _ => String::new(),
        };
        self.fault(at, format!("unknown key {key}{hint}"))
    }
}

/// What a flag takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    AValueOrNothing,
    AValue,
    Values,
}

/// The flags that a profile may have, by their names with `_`.
fn known() -> BTreeMap<String, (String, Takes)> {
    let mut command = Cli::command();
    command.build();
    let run = command.find_subcommand("run").cloned().unwrap_or_default();
    let flags = run.get_arguments().filter(|arg| !NEVER.contains(&arg.get_id().as_str()));
    flags
        .filter_map(|arg| {
            let takes = match arg.get_action() {
                ArgAction::SetTrue | ArgAction::Count => Takes::Nothing,
                ArgAction::Append => Takes::Values,
                _ if arg.get_num_args().is_some_and(|args| args.min_values() == 0) => {
                    Takes::AValueOrNothing
                }
                _ => Takes::AValue,
            };
            let id = arg.get_id().to_string();
            Some((arg.get_long()?.replace('-', "_"), (id, takes)))
        })
        .collect()
}

#[cfg(test)]
mod tests;
