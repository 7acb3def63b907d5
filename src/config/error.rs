//! A config file that cannot be used.

use std::path::PathBuf;

use thiserror::Error;

use super::trust::Untrusted;

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
    #[error("{}, profile {profile}: another of its keys goes only with {keys}; add it", path.display())]
    Lacks { path: PathBuf, profile: String, keys: String },
    #[error("{}, profile {profile}: {what}", path.display())]
    Together { path: PathBuf, profile: String, what: String },
    #[error("{} has no profile {name}; it has {names}", path.display())]
    NoProfile { path: PathBuf, name: String, names: String },
}
