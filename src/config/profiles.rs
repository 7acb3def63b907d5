//! The names of the profiles in a config file, for completions and for whoever chose none.

use std::fmt;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::ConfigFile;
use crate::args::session::ConfigArgs;
use crate::domain::escape::escape_control;
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
        let (profiles, none) = match self.names.len() {
            1 => ("profile", "it was not chosen"),
            _ => ("profiles", "none was chosen"),
        };
        let names: Vec<_> = self.names.iter().map(|name| escape_control(name)).collect();
        write!(f, "{path} has the {profiles} {}, and {none}", names.join(", "))?;
        match self.names.iter().find(|name| is_plain(name)) {
            Some(name) => write!(f, ": --profile {}", shell_word(name)),
            None => Ok(()),
        }
    }
}

/// Whether a name can be shown, and typed as it is shown.
fn is_plain(name: &str) -> bool {
    escape_control(name) == name
}

/// Profiles of a config file.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_terminal_would_obey_is_escaped_and_not_offered() {
        let told = |names: &[&str]| {
            let names = names.iter().map(ToString::to_string).collect();
            UnchosenProfiles { path: "c.toml".into(), names }.to_string()
        };
        let bad = "a\u{1b}[2J";
        assert_eq!(
            told(&[bad, "my prod"]),
            "c.toml has the profiles a\\u{1b}[2J, my prod, and none was chosen: --profile 'my prod'"
        );
        assert_eq!(told(&[bad]), "c.toml has the profile a\\u{1b}[2J, and it was not chosen");
    }
}
