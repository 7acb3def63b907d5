//! The config file that is meant: where it stands, and whether it may be used.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::document::{Document, FileChoice};
use super::error::ConfigError;
use super::profile::Profile;
use super::trust::{self, OpenError};
use crate::args::session::ConfigArgs;
use crate::session::credentials::Environment;

/// The config file of the working folder.
pub(crate) const HERE: &str = "./bk-launch.toml";

/// The config file, by how it was found.
pub(super) enum ConfigFile {
    /// It was named, so it is the caller's own choice.
    Named(PathBuf),
    /// It stands in the working folder, where others may have put it.
    Here(PathBuf),
    /// It is the user's.
    OfUser(PathBuf),
}

impl ConfigFile {
    /// The file that was named, else the one of the working folder, else the user's.
    pub(super) fn find(named: Option<&Path>, environment: Environment<'_>) -> Option<Self> {
        if let Some(named) = named {
            return Some(Self::Named(named.to_owned()));
        }
        let here = PathBuf::from(HERE);
        if here.is_file() {
            return Some(Self::Here(here));
        }
        user_file(environment).filter(|path| path.is_file()).map(Self::OfUser)
    }

    /// Reads the file: its text, and the mode of the very file that was read.
    pub(super) fn read(&self) -> Result<(String, u32), ConfigError> {
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

    const fn choice(&self) -> FileChoice {
        match self {
            Self::Named(_) | Self::OfUser(_) => FileChoice::OfUser,
            Self::Here(_) => FileChoice::Found,
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Named(path) | Self::Here(path) | Self::OfUser(path) => path,
        }
    }
}

/// Returns where the user's own file is, or would be.
pub(crate) fn user_file(environment: Environment<'_>) -> Option<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".config"));
    let named = environment("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = named.filter(|path| path.is_absolute()).or_else(home)?;
    Some(folder.join("bk-launch/config.toml"))
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
            Some(name) => Err(ConfigError::NoFile { name: name.to_string() }),
            None => Ok(None),
        };
    };
    let (text, mode) = found.read()?;
    let choice = found.choice();
    Document { path: found.path(), text: &text, mode, choice }.profile(profile.as_deref())
}
