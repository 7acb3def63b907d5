//! The flags that have a value, each with its origin.

use std::fmt;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::profile::Profile;
use crate::domain::escape::escape_control;

/// A flag that has a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FlagValue {
    pub name: String,
    pub value: String,
    pub source: FlagSource,
}

impl FlagValue {
    /// Whether somebody gave the flag, other than by a variable.
    pub(crate) const fn is_set(&self) -> bool {
        !matches!(self.source, FlagSource::Default | FlagSource::Environment)
    }
}

impl fmt::Display for FlagValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, source } = self;
        write!(f, "{name} = {value} ({source})")
    }
}

/// Origin of a flag's value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FlagSource {
    CommandLine,
    /// A profile of this name.
    Profile(String),
    /// The run that is resumed.
    Run,
    Environment,
    Default,
}

impl fmt::Display for FlagSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Run => f.write_str("kept from the run"),
            Self::Environment => f.write_str("environment"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Returns every flag of `matches` that has a value, by name. `typed` has what stands on the
/// command line; what was put before that is of the profile, or was kept from the run that is
/// resumed.
pub(crate) fn flag_values(
    matches: &ArgMatches,
    typed: &ArgMatches,
    profile: Option<&Profile>,
) -> Vec<FlagValue> {
    // Groups of flags have ids too, named like their types.
    let is_flag = |id: &&str| id.starts_with(|c: char| c.is_ascii_lowercase());
    let source = |id: &str| {
        let is_typed = typed.value_source(id) == Some(ValueSource::CommandLine);
        Some(match (matches.value_source(id)?, profile.filter(|profile| profile.gave(id))) {
            (ValueSource::DefaultValue, _) => FlagSource::Default,
            (ValueSource::EnvVariable, _) => FlagSource::Environment,
            _ if is_typed => FlagSource::CommandLine,
            (_, Some(profile)) => FlagSource::Profile(escape_control(&profile.name)),
            (_, None) => FlagSource::Run,
        })
    };
    let flag = |id: &str| {
        let source = source(id)?;
        let values = matches.try_get_raw(id).ok().flatten()?;
        let values: Vec<_> = values.map(|value| without_user(&value.to_string_lossy())).collect();
        Some(FlagValue { name: id.replace('_', "-"), value: values.join(", "), source })
    };
    let ids = matches.ids().map(clap::Id::as_str).filter(is_flag);
    let mut flags: Vec<_> = ids.filter_map(flag).collect();
    flags.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    flags
}

/// Returns a value without the user and password that a URL may have.
fn without_user(value: &str) -> String {
    let begin = value.find("://").map_or(0, |at| at + 3);
    let end = value[begin..].find('/').map_or(value.len(), |at| begin + at);
    match value[begin..end].rfind('@') {
        Some(at) if begin > 0 => format!("{}***{}", &value[..begin], &value[begin + at..]),
        Some(_) | None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_told() {
        for (value, told) in [
            ("http://me:pw@h/x@y", "http://***@h/x@y"),
            ("https://me@h:8080", "https://***@h:8080"),
            ("https://h/me@x", "https://h/me@x"),
            ("owner=amy@example.com", "owner=amy@example.com"),
        ] {
            assert_eq!(without_user(value), told);
        }
    }
}
