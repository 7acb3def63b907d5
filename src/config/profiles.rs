//! The names of the profiles in a config file, for completions and for whoever chose none.

use std::fmt;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::ConfigFile;
use crate::args::session::ConfigArgs;
use crate::domain::shell_word::shell_word;
use crate::session::credentials::Environment;

/// Returns the names of the profiles in the config file that would be used; none if it cannot be.
pub(crate) fn profile_names(args: &ConfigArgs, environment: Environment<'_>) -> Vec<String> {
    Listed::of(args, environment).map(|listed| listed.names).unwrap_or_default()
}

/// Returns the profiles of the config file if there are any, and none of them is meant.
pub(crate) fn unchosen(
    args: &ConfigArgs,
    environment: Environment<'_>,
) -> Option<UnchosenProfiles> {
    let Listed { path, names, has_default } = Listed::of(args, environment)?;
    let is_chosen = has_default || args.profile.is_some() || names.is_empty();
    (!is_chosen).then_some(UnchosenProfiles { path, names })
}

/// Profiles of a config file, none of which is meant.
#[derive(Debug)]
pub(crate) struct UnchosenProfiles {
    path: PathBuf,
    names: Vec<String>,
}

impl fmt::Display for UnchosenProfiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let first = self.names.first().map(|name| shell_word(name)).unwrap_or_default();
        let (profiles, none) = match self.names.len() {
            1 => ("profile", "it was not chosen"),
            _ => ("profiles", "none was chosen"),
        };
        let names = self.names.join(", ");
        write!(f, "{path} has the {profiles} {names}, and {none}: --profile {first}")
    }
}

/// What a config file says of its profiles.
struct Listed {
    path: PathBuf,
    names: Vec<String>,
    /// Whether the file itself names the one that is meant.
    has_default: bool,
}

impl Listed {
    fn of(args: &ConfigArgs, environment: Environment<'_>) -> Option<Self> {
        let ConfigArgs { config, profile: _, no_config } = args;
        if *no_config {
            return None;
        }
        let file = ConfigFile::find(config.as_deref(), environment)?;
        let (text, _) = file.read().ok()?;
        let parsed = DeTable::parse(&text).ok()?;
        let table = parsed.get_ref();
        let names = match table.get("profiles").map(Spanned::get_ref) {
            Some(DeValue::Table(profiles)) => {
                profiles.keys().map(|name| name.get_ref().to_string()).collect()
            }
            _ => Vec::new(),
        };
        let has_default = table.contains_key("profile");
        Some(Self { path: file.path().to_owned(), names, has_default })
    }
}
