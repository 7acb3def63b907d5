//! Reads profiles out of the text of a config file.
//!
//! Unknown keys are errors, since a misspelt limit would be no limit.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::known_flags::{KnownFlag, KnownFlags, Refused, Takes, is_for_one_run};
use super::profile::{Profile, ProfileFlag};
use super::secret_flags::{COMMANDS, rival_keys};
use crate::domain::escape::escape_control;
use crate::domain::secret::Secret;

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

/// Chooser of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileChoice {
    /// The user, who named it or keeps it.
    OfUser,
    /// Nobody: it stands in the working folder, so that it may run no program.
    Found,
}

impl Document<'_> {
    fn fault(&self, at: usize, what: String) -> ConfigError {
        ConfigError::Fault { path: self.path.to_owned(), line: self.line(at), what }
    }

    fn line(&self, at: usize) -> usize {
        self.text[..at.min(self.text.len())].matches('\n').count() + 1
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
                    let what = "profile = \"NAME\" names a profile, and a line [profiles.NAME] begins \
                                one";
                    return Err(self.fault(value.span().start, what.into()));
                }
                (other, _) => {
                    let what = format!(
                        "{other} stands in no profile; put a line [profiles.NAME] before the keys of a \
                         profile"
                    );
                    return Err(self.fault(key.span().start, what));
                }
            }
        }
        // Each profile is read, also those that are not meant: a mistake is found early.
        let mut found = Vec::new();
        for (name, value) in profiles {
            let DeValue::Table(table) = value.get_ref() else {
                let name = escape_control(name.get_ref());
                let what = format!(
                    "a line [profiles.{name}] begins the profile {name}, with its keys below"
                );
                return Err(self.fault(value.span().start, what));
            };
            found.push(self.read(name.get_ref(), table)?);
        }
        let Some(name) = named.map(str::to_owned).or(default) else { return Ok(None) };
        let all: Vec<_> = found.iter().map(|profile| escape_control(&profile.name)).collect();
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
        let known = KnownFlags::of_run();
        for (key, value) in table {
            let at = key.span().start;
            let word = key.get_ref().replace('-', "_");
            if let Some(why) = self.refused(&word, table) {
                return Err(self.fault(at, why));
            }
            if let Some((_, variable)) = CREDENTIALS.iter().find(|(known, _)| *known == word) {
                let DeValue::String(text) = value.get_ref() else {
                    let what = format!("{word} is a text; write it as {word} = \"...\"");
                    return Err(self.fault(value.span().start, what));
                };
                profile.credentials.insert(variable, Secret::new(text));
            } else if let Some(flag) = known.find(&word) {
                if let Some(values) = self.values(value, &flag)? {
                    let line = self.line(at);
                    profile.flags.insert(flag.id().to_owned(), ProfileFlag { values, line });
                }
            } else {
                let mut words = known.keys();
                words.extend(CREDENTIALS.map(|(key, _)| key.to_owned()));
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
        if is_for_one_run(word) {
            return Some(format!("{word} is for one run: type it on the command line"));
        }
        let has = |other: &&str| table.keys().any(|key| key.get_ref().replace('-', "_") == **other);
        let other = rival_keys(word).find(has)?;
        Some(format!("{word} and {other} both give one secret; keep one of them"))
    }

    /// Returns the values of a flag; `None` for one that is switched off.
    fn values(
        &self,
        value: &Spanned<DeValue<'_>>,
        known: &KnownFlag<'_>,
    ) -> Result<Option<Vec<String>>, ConfigError> {
        let at = value.span();
        let wrong = || {
            let written = self.text.get(at.clone()).unwrap_or_default();
            let written = written.lines().next().unwrap_or_default();
            let key = known.key;
            self.fault(at.start, format!("{key} = {written}: write it as {}", known.form()))
        };
        let text = |value: &DeValue<'_>| match value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            _ => None,
        };
        let values = match (value.get_ref(), known.takes) {
            (DeValue::Boolean(true), Takes::Nothing | Takes::AValueOrNothing) => Vec::new(),
            (DeValue::Boolean(false), Takes::Nothing | Takes::AValueOrNothing) => return Ok(None),
            (_, Takes::Nothing) => return Err(wrong()),
            (DeValue::Array(values), Takes::Values) => {
                let values = values.iter().map(|value| text(value.get_ref()));
                values.collect::<Option<_>>().ok_or_else(wrong)?
            }
            (value, _) => vec![text(value).ok_or_else(wrong)?],
        };
        match known.refusal(&values) {
            None => Ok(Some(values)),
            Some(Refused { value, why }) => {
                let value = value.map(|value| format!(" = \"{}\"", escape_control(&value)));
                let value = value.unwrap_or_default();
                Err(self.fault(at.start, format!("{}{value}: {why}", known.key)))
            }
        }
    }

    fn unknown(&self, at: usize, key: &str, known: &[String]) -> ConfigError {
        let near = known
            .iter()
            .map(|word| (strsim::jaro_winkler(&key.replace('-', "_"), word), word))
            .max_by(|one, other| one.0.total_cmp(&other.0));
        let hint = match near {
            Some((likeness, word)) if likeness > 0.7 => {
                format!("; {word} is the nearest known one")
            }
            _ => String::new(),
        };
        self.fault(at, format!("unknown key {}{hint}", escape_control(key)))
    }
}

#[cfg(test)]
mod tests;
