//! Where credentials come from: variables of the environment, or files, which
//! are read again when the server refuses what they held.
//!
//! Nothing here is ever printed but names of variables and files.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::tell;
use crate::api::credentials::{Credentials, User};
use crate::domain::secret::Secret;

/// The variables of the environment, by name.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables that are read, each with the older names of the SDK.
const APP_CODE: [&str; 3] = ["BK_APP_CODE", "BKPAAS_APP_ID", "APP_CODE"];
const APP_SECRET: [&str; 3] = ["BK_APP_SECRET", "BKPAAS_APP_SECRET", "SECRET_KEY"];
const TOKEN: [&str; 1] = ["BK_TOKEN"];
const USERNAME: [&str; 1] = ["BK_USERNAME"];

/// A credential longer than this is a mistake.
const LONGEST: u64 = 64 * 1024;

/// Every variable that credentials may come from.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    APP_CODE.into_iter().chain(APP_SECRET).chain(TOKEN).chain(USERNAME).chain([DIRECTORY])
}

/// systemd puts the credentials of a unit there.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The files that were named on the command line.
pub(super) struct Files {
    /// `--app-secret-file`
    pub app_secret: Option<PathBuf>,
    /// `--token-file`
    pub token: Option<PathBuf>,
}

/// Where each credential comes from.
#[derive(Clone)]
pub(super) struct Origin {
    app_code: String,
    app_secret: Place,
    user: UserPlace,
}

#[derive(Clone)]
enum Place {
    Variable(Secret),
    File(PathBuf),
}

#[derive(Clone)]
enum UserPlace {
    Token(Place),
    Name(String),
}

impl Origin {
    /// Finds each credential: a file that was named, else a variable, else a file
    /// in `$CREDENTIALS_DIRECTORY`. A token beats a username.
    pub(super) fn find(
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
            file.map(Place::File)
                .or_else(|| variable(names).map(|value| Place::Variable(Secret::new(&value))))
                .or_else(|| in_directory(name).map(Place::File))
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

    /// Reads them all, as they are now.
    pub(super) fn read(&self) -> Result<Credentials, CredentialError> {
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

    /// Warns of files that others may read.
    pub(super) fn warn(&self) {
        let token = match &self.user {
            UserPlace::Token(place) => Some(place),
            UserPlace::Name(_) => None,
        };
        for place in std::iter::once(&self.app_secret).chain(token) {
            if let Place::File(path) = place {
                warn_of_readers(path);
            }
        }
    }

    /// Whether any comes from a file, which may change while the program runs.
    pub(super) fn may_change(&self) -> bool {
        let token = matches!(&self.user, UserPlace::Token(Place::File(_)));
        token || matches!(self.app_secret, Place::File(_))
    }
}

impl Place {
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

/// Warns of a file that holds a secret and that others may read.
pub(super) fn warn_of_readers(path: &Path) {
    if others_may_read(path) {
        tell(&format_args!(
            "warning: others may read {path}; chmod 600 {path}",
            path = path.display()
        ));
    }
}

fn others_may_read(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o004 != 0)
}

/// Credentials that cannot be had.
#[derive(Debug, Error)]
pub(super) enum CredentialError {
    /// One that is nowhere.
    #[error("no credentials: {0} is not set")]
    Missing(&'static str),
    /// A file that cannot be read.
    #[error("cannot read the credential in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// A file with nothing in it.
    #[error("{} is empty; it should hold a credential and nothing else", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: Files, variables: &[(&str, &str)]) -> Result<Credentials, String> {
        let find = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let origin = Origin::find(files, &find).map_err(|error| error.to_string())?;
        origin.read().map_err(|error| error.to_string())
    }

    const NONE: Files = Files { app_secret: None, token: None };

    fn shown(credentials: Result<Credentials, String>) -> String {
        credentials.map_or_else(
            |error| error,
            |found| {
                let user = match &found.user {
                    User::Token(token) => token.expose().to_owned(),
                    User::Name(name) => format!("user {name}"),
                };
                format!("{} {} {user}", found.app_code, found.app_secret.expose())
            },
        )
    }

    #[test]
    fn a_file_beats_a_variable_and_a_variable_beats_the_directory() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        file("bk_app_secret", "from-systemd\n");
        file("bk_token", "token-from-systemd");
        let directory = ("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap());
        let code = ("BK_APP_CODE", "app");
        assert_eq!(shown(read(NONE, &[code, directory])), "app from-systemd token-from-systemd");
        let variables = [code, directory, ("BK_APP_SECRET", "from-variable")];
        assert_eq!(shown(read(NONE, &variables)), "app from-variable token-from-systemd");
        let named = Files {
            app_secret: Some(file("a", "from-file\r\n")),
            token: Some(file("b", "token-from-file\n")),
        };
        assert_eq!(shown(read(named, &variables)), "app from-file token-from-file");
    }

    #[test]
    fn the_older_names_of_the_sdk_are_read_too() {
        for (code, secret) in [("BKPAAS_APP_ID", "BKPAAS_APP_SECRET"), ("APP_CODE", "SECRET_KEY")] {
            let variables = [(code, "old"), (secret, "older"), ("BK_USERNAME", "me")];
            assert_eq!(shown(read(NONE, &variables)), "old older user me");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let all = [("BK_APP_CODE", "a"), ("BK_APP_SECRET", "s"), ("BK_TOKEN", "t")];
        for (missing, part) in [(0, "BK_APP_CODE"), (1, "BK_APP_SECRET"), (2, "BK_TOKEN")] {
            let variables: Vec<_> =
                all.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, v)| *v).collect();
            assert!(shown(read(NONE, &variables)).contains(part));
        }
        let gone = Files { app_secret: Some("/no/such".into()), token: None };
        assert!(shown(read(gone, &all)).contains("/no/such"));
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        let empty = Files { app_secret: Some(empty), token: None };
        assert!(shown(read(empty, &all)).contains("is empty"));
    }
}
