//! The flags that have a value which somebody chose, with who it was.

use std::fmt;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::profile::Profile;

/// A flag that was set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SetFlag {
    pub name: String,
    pub value: String,
    pub source: FlagSource,
}

/// Origin of a flag's value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FlagSource {
    CommandLine,
    Profile(String),
}

impl fmt::Display for FlagSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Profile(name) => write!(f, "profile {name}"),
        }
    }
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

/// Returns the flags that are not at their defaults, by name.
pub(crate) fn set_flags(matches: &ArgMatches, profile: Option<&Profile>) -> Vec<SetFlag> {
    // Groups of flags have ids too, named like their types.
    let is_flag = |id: &&str| id.starts_with(|c: char| c.is_ascii_lowercase());
    let is_set = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let ids = matches.ids().map(clap::Id::as_str).filter(is_flag).filter(is_set);
    let flag = |id: &str| {
        let values = matches.try_get_raw(id).ok().flatten()?;
        let values: Vec<_> = values.map(|value| without_user(&value.to_string_lossy())).collect();
        let of_profile = profile.filter(|profile| profile.gave(id));
        let source = of_profile
            .map_or(FlagSource::CommandLine, |profile| FlagSource::Profile(profile.name.clone()));
        Some(SetFlag { name: id.replace('_', "-"), value: values.join(", "), source })
    };
    let mut flags: Vec<_> = ids.filter_map(flag).collect();
    flags.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    flags
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
