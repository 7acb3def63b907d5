//! The settings of a launch, each with where it comes from.

use std::fmt::Write;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::config::profile::Profile;

/// Lists every setting of `matches` that has a value, with where it comes from: `typed` has what
/// stands on the command line; what was put before that is of the profile, or was kept from the run
/// that is resumed.
pub(crate) fn setting_list(
    matches: &ArgMatches,
    typed: &ArgMatches,
    profile: Option<&Profile>,
    variables: &[&str],
) -> String {
    let mut text = String::new();
    // Groups of flags have ids too, named like their types.
    let is_flag = |id: &&str| id.starts_with(|c: char| c.is_ascii_lowercase());
    let mut ids: Vec<_> = matches.ids().map(clap::Id::as_str).filter(is_flag).collect();
    ids.sort_unstable();
    for id in ids {
        let Some(source) = matches.value_source(id) else { continue };
        let Some(values) = matches.try_get_raw(id).ok().flatten() else { continue };
        let values: Vec<_> = values.map(|value| value.to_string_lossy().into_owned()).collect();
        let is_typed = typed.value_source(id) == Some(ValueSource::CommandLine);
        let source = match (source, profile.filter(|profile| profile.gave(id))) {
            (ValueSource::DefaultValue, _) => "default",
            (ValueSource::EnvVariable, _) => "environment",
            _ if is_typed => "command line",
            (_, Some(profile)) => &format!("profile {}", profile.name),
            (_, None) => "kept from the run",
        };
        let name = id.replace('_', "-");
        let _ = writeln!(text, "  {name} = {} ({source})", values.join(", "));
    }
    for variable in variables {
        let _ = writeln!(text, "  {variable} is set (environment)");
    }
    text
}
