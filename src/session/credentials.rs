//! Finds credentials in variables of the environment, or in files, which
//! are read again when the server refuses what they held.
//!
//! Nothing here is ever printed but names of variables and files.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::error::Refusal;
use crate::api::credentials::{Credentials, User};
use crate::domain::secret::Secret;

/// The variables of the environment, by name.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables that are read, each with the older names of the SDK.
const APP_CODE: [&str; 3] = ["BK_APP_CODE", "BKPAAS_APP_ID", "APP_CODE"];
const APP_SECRET: [&str; 3] = ["BK_APP_SECRET", "BKPAAS_APP_SECRET", "SECRET_KEY"];
const TOKEN: [&str; 1] = ["BK_TOKEN"];
const USERNAME: [&str; 1] = ["BK_USERNAME"];

/// Maximum size of a file with a credential, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Every variable that credentials may come from.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    APP_CODE.into_iter().chain(APP_SECRET).chain(TOKEN).chain(USERNAME).chain([DIRECTORY])
}

/// systemd puts the credentials of a unit there.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The files that were named on the command line.
pub(crate) struct Files {
    pub app_secret: Option<PathBuf>,
    pub token: Option<PathBuf>,
}

/// Source of each credential.
#[derive(Clone)]
pub(crate) struct Origin {
    app_code: String,
    app_secret: SecretPlace,
    user: UserPlace,
}

#[derive(Clone)]
enum SecretPlace {
    Variable(Secret),
    File(PathBuf),
}

#[derive(Clone)]
enum UserPlace {
    Token(SecretPlace),
    Name(String),
}

impl Origin {
    /// Finds each credential: a file that was named, else a variable, else a file
    /// in `$CREDENTIALS_DIRECTORY`. A token beats a username.
    pub(crate) fn find(
        files: Files,
        environment: Environment<'_>,
    ) -> Result<Self, CredentialError> {
        let variable = |names: &[&str]| {
            names.iter().find_map(|name| environment(name).filter(|value| !value.is_empty()))
        };
        let directory = variable(&[DIRECTORY]).map(PathBuf::from);
        let in_directory =
            |name| directory.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file());
        let place = |file: Option<PathBuf>, names: &[&str], name| {
            file.map(SecretPlace::File)
                .or_else(|| variable(names).map(|value| SecretPlace::Variable(Secret::new(&value))))
                .or_else(|| in_directory(name).map(SecretPlace::File))
        };
        let app_code = variable(&APP_CODE).ok_or(CredentialError::Missing("BK_APP_CODE"))?;
        let app_secret = place(files.app_secret, &APP_SECRET, "bk_app_secret")
            .ok_or(CredentialError::Missing("BK_APP_SECRET (nor --app-secret-file)"))?;
        let token = place(files.token, &TOKEN, "bk_token").map(UserPlace::Token);
        let name = || variable(&USERNAME).map(UserPlace::Name);
        let user = token
            .or_else(name)
            .ok_or(CredentialError::Missing("BK_TOKEN or BK_USERNAME (nor --token-file)"))?;
        Ok(Self { app_code, app_secret, user })
    }

    /// Reads every credential as it is now.
    pub(crate) fn read(&self) -> Result<Credentials, CredentialError> {
        let user = match &self.user {
            UserPlace::Token(place) => User::Token(place.read()?),
            UserPlace::Name(name) => User::Name(name.clone()),
        };
        Ok(Credentials {
            app_code: self.app_code.clone(),
            app_secret: self.app_secret.read()?,
            user,
        })
    }

    /// Returns the files with secrets that others may read.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = &Path> {
        let token = match &self.user {
            UserPlace::Token(place) => Some(place),
            UserPlace::Name(_) => None,
        };
        let places = std::iter::once(&self.app_secret).chain(token);
        let files = places.filter_map(|place| match place {
            SecretPlace::File(path) => Some(path.as_path()),
            SecretPlace::Variable(_) => None,
        });
        files.filter(|path| others_may_read(path))
    }

    /// Whether any comes from a file, which may change while the program runs.
    pub(crate) fn may_change(&self) -> bool {
        let token = matches!(&self.user, UserPlace::Token(SecretPlace::File(_)));
        token || matches!(self.app_secret, SecretPlace::File(_))
    }
}

impl SecretPlace {
    fn read(&self) -> Result<Secret, CredentialError> {
        match self {
            Self::Variable(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let failed = |source| CredentialError::Read { path: path.clone(), source };
                let mut text = String::new();
                File::open(path)
                    .map_err(failed)?
                    .take(LONGEST)
                    .read_to_string(&mut text)
                    .map_err(failed)?;
                match text.trim_end_matches(['\r', '\n']) {
                    "" => Err(CredentialError::Empty { path: path.clone() }),
                    secret => Ok(Secret::new(secret)),
                }
            }
        }
    }
}

/// Whether users who do not own the file at `path` may read it.
pub(crate) fn others_may_read(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o004 != 0)
}

#[derive(Debug, Error)]
pub(crate) enum CredentialError {
    #[error("no credentials: {0} is not set")]
    Missing(&'static str),
    #[error("cannot read the credential in {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is empty; it should hold a credential and nothing else", path.display())]
    Empty { path: PathBuf },
}

impl Refusal for CredentialError {}

#[cfg(test)]
mod tests;
