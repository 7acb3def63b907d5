//! The config file: the settings of a deployment under a name.
//!
//! A profile is flags that were typed once: what a file says becomes words of the
//! command line, unless the flag is typed or the environment says otherwise. Unknown
//! keys are errors, since a misspelt limit would be no limit.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory};
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::trust::{self, OpenError, Untrusted};
use super::variables::target_of_environment;
use crate::args::Cli;
use crate::args::session::ConfigArgs;
use crate::domain::secret::Secret;
use crate::session::credentials::Environment;

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

/// The config file of the working folder.
const HERE: &str = "./bk-launch.toml";

/// Keys that are no flags, and the variables in whose place they stand.
const CREDENTIALS: [(&str, &str); 4] = [
    ("app_code", "BK_APP_CODE"),
    ("app_secret", "BK_APP_SECRET"),
    ("token", "BK_TOKEN"),
    ("username", "BK_USERNAME"),
];

/// What a profile says.
pub(crate) struct Profile {
    pub name: String,
    pub path: PathBuf,
    /// Flags by their ids, each with its values; a flag without a value has none.
    flags: BTreeMap<String, Vec<String>>,
    credentials: BTreeMap<&'static str, Secret>,
}

/// The config file, by how it was found.
enum ConfigFile {
    /// It was named, so it is the caller's own choice.
    Named(PathBuf),
    /// It stands in the working folder, where others may have put it.
    Here(PathBuf),
    /// It is the user's.
    OfUser(PathBuf),
}

impl ConfigFile {
    /// The file that was named, else the one of the working folder, else the user's.
    fn find(named: Option<&Path>, environment: Environment<'_>) -> Option<Self> {
        if let Some(named) = named {
            return Some(Self::Named(named.to_owned()));
        }
        let here = PathBuf::from(HERE);
        if here.is_file() {
            return Some(Self::Here(here));
        }
        let home = || std::env::home_dir().map(|home| home.join(".config"));
        let user =
            environment("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let user = user.or_else(home)?.join("bk-launch/config.toml");
        user.is_file().then_some(Self::OfUser(user))
    }

    /// Reads the file: its text, and the mode of the very file that was read.
    fn read(&self) -> Result<(String, u32), ConfigError> {
        let path = self.path();
        let failed = |source| ConfigError::Read { path: path.to_owned(), source };
        let mut file = match self {
            Self::Here(_) => trust::open(path).map_err(|error| match error {
                OpenError::Unreadable(source) => failed(source),
                OpenError::Untrusted(why) => ConfigError::Untrusted { path: path.to_owned(), why },
            })?,
            Self::Named(_) | Self::OfUser(_) => File::open(path).map_err(failed)?,
        };
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        Ok((text, file.metadata().map_err(failed)?.permissions().mode()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) | Self::Here(path) | Self::OfUser(path) => path,
        }
    }
}

/// Loads the profile that is meant: the one that was named, else the file's own
/// `profile`, else none.
pub(crate) fn load(
    args: &ConfigArgs,
    environment: Environment<'_>,
) -> Result<Option<Profile>, ConfigError> {
    let ConfigArgs { config, profile, no_config } = args;
    if *no_config {
        return Ok(None);
    }
    let Some(found) = ConfigFile::find(config.as_deref(), environment) else {
        return match profile {
            Some(name) => Err(ConfigError::NoFile { name: name.to_owned() }),
            None => Ok(None),
        };
    };
    let (text, mode) = found.read()?;
    Document { path: found.path(), text: &text }.profile(profile.as_deref(), mode)
}

struct Document<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Document<'_> {
    fn fault(&self, at: usize, what: String) -> ConfigError {
        let line = self.text[..at.min(self.text.len())].matches('\n').count() + 1;
        ConfigError::Fault { path: self.path.to_owned(), line, what }
    }

    fn profile(&self, named: Option<&str>, mode: u32) -> Result<Option<Profile>, ConfigError> {
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
            found.push(self.read(name.get_ref(), table, mode)?);
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

    fn read(&self, name: &str, table: &DeTable<'_>, mode: u32) -> Result<Profile, ConfigError> {
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
            if let Some((_, variable)) = CREDENTIALS.iter().find(|(known, _)| *known == word) {
                let DeValue::String(text) = value.get_ref() else {
                    return Err(self.fault(value.span().start, format!("{word} is a text")));
                };
                if matches!(&*word, "app_secret" | "token") && mode & 0o077 != 0 {
                    let path = self.path.display();
                    let what = format!(
                        "{word} is a secret, and others may read this file; chmod 600 {path}"
                    );
                    return Err(self.fault(at, what));
                }
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

impl fmt::Display for Profile {
    /// Names the file and the profile.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, profile {}", self.path.display(), self.name)
    }
}

impl Profile {
    /// The words of a `run` that was typed as `words`, with the flags of the profile put
    /// before those that are `typed`. The environment beats it where it names the server.
    pub(crate) fn with_words(
        &mut self,
        typed: &ArgMatches,
        words: &[OsString],
        environment: Environment<'_>,
    ) -> Vec<OsString> {
        let is_typed = |id: &str| typed.value_source(id) == Some(ValueSource::CommandLine);
        let has_target = target_of_environment(environment).is_some()
            || ["esb", "gateway"].into_iter().any(is_typed);
        let has_window = ["start_at", "stop_at"].into_iter().any(is_typed);
        let has_state = environment("BK_LAUNCH_STATE").is_some_and(|state| !state.is_empty());
        let is_beaten = |id: &str| {
            is_typed(id)
                || (has_target && matches!(id, "esb" | "gateway"))
                || (has_window && id == "window")
                || (has_state && id == "state_dir")
        };
        self.flags.retain(|id, _| !is_beaten(id));
        let mut all: Vec<OsString> = words.iter().take(2).cloned().collect();
        for (id, values) in &self.flags {
            let long = id.replace('_', "-");
            if values.is_empty() {
                all.push(format!("--{long}").into());
            }
            all.extend(values.iter().map(|value| format!("--{long}={value}").into()));
        }
        all.extend(words.iter().skip(2).cloned());
        all
    }

    /// A credential in place of the variable `name`.
    pub(crate) fn credential(&self, name: &str) -> Option<String> {
        self.credentials.get(name).map(|secret| secret.expose().to_owned())
    }

    /// Whether a flag has its value from the profile.
    pub(crate) fn gave(&self, id: &str) -> bool {
        self.flags.contains_key(id)
    }
}

/// A config file that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error(
        "--profile {name}: there is no config file; make bk-launch.toml here, or name one with --config"
    )]
    NoFile { name: String },
    #[error("cannot read the config file {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error(
        "{0} is not used: {why}. A profile says who gets the credentials: --config {0} uses it all \
         the same, and --no-config goes without",
        path.display()
    )]
    Untrusted { path: PathBuf, why: Untrusted },
    #[error("{}:{line}: {what}", path.display())]
    Fault { path: PathBuf, line: usize, what: String },
    #[error("{} has no profile {name}; it has {names}", path.display())]
    NoProfile { path: PathBuf, name: String, names: String },
}

#[cfg(test)]
mod tests;
