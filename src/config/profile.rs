//! A profile: flags of a deployment under a name, typed once.
//!
//! What a file says becomes words of the command line, unless the flag is typed or the environment
//! says otherwise.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;

use super::error::ConfigError;
use super::secret_flags::{is_in, rivals};
use super::variables::{STATE_VARIABLE, target_of_environment};
use crate::domain::escape::escape_control;
use crate::domain::secret::Secret;
use crate::session::credentials::{Environment, has_credential};

/// Flags and credentials of a profile.
pub(crate) struct Profile {
    pub name: String,
    pub path: PathBuf,
    /// Flags by their ids.
    pub(super) flags: BTreeMap<String, ProfileFlag>,
    pub(super) credentials: BTreeMap<&'static str, Secret>,
}

/// A flag in a profile.
pub(super) struct ProfileFlag {
    /// None if the flag takes none.
    pub values: Vec<String>,
    /// Line of the file.
    pub line: usize,
}

impl fmt::Display for Profile {
    /// Names the file and the profile.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, profile {}", self.path.display(), escape_control(&self.name))
    }
}

impl Profile {
    /// Returns the words of a command that was typed as `words`, with the flags of the profile put
    /// before those that are `typed`. The environment beats it where it names the server or holds
    /// a secret.
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
        let has_state = environment(STATE_VARIABLE).is_some_and(|state| !state.is_empty());
        let is_beaten = |id: &str| {
            is_typed(id)
                || rivals(id).into_iter().flatten().any(is_typed)
                || is_in(environment, id)
                || (has_target && matches!(id, "esb" | "gateway"))
                || (has_window && id == "window")
                || (has_state && id == "state_dir")
        };
        self.flags.retain(|id, _| !is_beaten(id));
        let mut all: Vec<OsString> = words.iter().take(2).cloned().collect();
        for (id, ProfileFlag { values, .. }) in &self.flags {
            let long = id.replace('_', "-");
            if values.is_empty() {
                all.push(format!("--{long}").into());
            }
            all.extend(values.iter().map(|value| format!("--{long}={value}").into()));
        }
        all.extend(words.iter().skip(2).cloned());
        all
    }

    /// Drops all flags but those that give a secret. Returns whether there are any.
    pub(crate) fn keep_secrets(&mut self) -> bool {
        self.flags.retain(|id, _| rivals(id).is_some());
        !self.flags.is_empty()
    }

    /// Returns a credential in place of the variable `name`.
    pub(super) fn credential(&self, name: &str) -> Option<String> {
        self.credentials.get(name).map(|secret| secret.expose().to_owned())
    }

    /// Returns what is wrong about a command line with the flags of the profile, in which each of
    /// them alone is well.
    pub(crate) fn fault(&self, error: &clap::Error) -> ConfigError {
        let named = [ContextKind::InvalidArg, ContextKind::PriorArg].map(|kind| error.get(kind));
        let named: Vec<_> = named.into_iter().flatten().flat_map(long_names).collect();
        let (path, line) = (self.path.clone(), |id: &str| Some(self.flags.get(id)?.line));
        let profile = escape_control(&self.name);
        if error.kind() == ErrorKind::MissingRequiredArgument {
            let keys = named.iter().map(|name| name.replace('-', "_")).collect::<Vec<_>>();
            return ConfigError::Lacks { path, profile, keys: keys.join(", ") };
        }
        let told = error.to_string();
        let told = told.lines().next().unwrap_or_default();
        let what = told.trim_start_matches("error: ").to_owned();
        match named.iter().find_map(|name| line(&name.replace('-', "_"))) {
            Some(line) => ConfigError::Fault { path, line, what },
            None => ConfigError::Together { path, profile, what },
        }
    }

    /// Whether a flag has its value from the profile.
    pub(crate) fn gave(&self, id: &str) -> bool {
        self.flags.contains_key(id)
    }
}

/// Returns the value of the variable `name`, in whose place a credential of the profile stands if
/// the environment has it under no name.
pub(crate) fn variable(
    profile: Option<&Profile>,
    name: &str,
    environment: Environment<'_>,
) -> Option<String> {
    let profile = profile.filter(|_| !has_credential(name, environment));
    let of_profile = profile.and_then(|profile| profile.credential(name));
    of_profile.or_else(|| environment(name))
}

/// Returns the names of the flags that an error of clap speaks of, as `stage-pause` of
/// `--stage-pause <TIME>`.
fn long_names(value: &ContextValue) -> Vec<String> {
    let texts = match value {
        ContextValue::String(text) => std::slice::from_ref(text),
        ContextValue::Strings(texts) => texts,
        _ => &[],
    };
    let name = |text: &String| {
        let name = text.trim_start_matches('-').split([' ', '=', '[']).next();
        name.unwrap_or_default().to_owned()
    };
    texts.iter().map(name).collect()
}
