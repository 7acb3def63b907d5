//! The settings of a launch, each with where it comes from.

use std::fmt::Write;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::config::profile::Profile;

/// Every setting that has a value, with where it comes from.
pub(crate) fn setting_list(
    matches: &ArgMatches,
    variables: &[&str],
    profile: Option<&Profile>,
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
        let source = match source {
            ValueSource::DefaultValue => "default",
            ValueSource::EnvVariable => "environment",
            _ => match profile.filter(|profile| profile.gave(id)) {
                Some(profile) => &format!("profile {}", profile.name),
                None => "command line",
            },
        };
        let name = id.replace('_', "-");
        let _ = writeln!(text, "  {name} = {} ({source})", values.join(", "));
    }
    for variable in variables {
        let _ = writeln!(text, "  {variable} is set (environment)");
    }
    text
}
