//! The names of the profiles, for completions.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::ConfigFile;
use crate::args::session::ConfigArgs;
use crate::session::credentials::Environment;

/// Returns the names of the profiles in the config file that would be used; none if it cannot be.
pub(crate) fn profile_names(args: &ConfigArgs, environment: Environment<'_>) -> Vec<String> {
    let ConfigArgs { config, profile: _, no_config } = args;
    let found = (!no_config).then(|| ConfigFile::find(config.as_deref(), environment)).flatten();
    let Some(Ok((text, _))) = found.map(|file| file.read()) else { return Vec::new() };
    let Ok(parsed) = DeTable::parse(&text) else { return Vec::new() };
    match parsed.get_ref().get("profiles").map(Spanned::get_ref) {
        Some(DeValue::Table(table)) => {
            table.keys().map(|name| name.get_ref().to_string()).collect()
        }
        _ => Vec::new(),
    }
}
