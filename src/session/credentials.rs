//! Finds credentials in variables of the environment, in files, or by commands that print them.
//! Files are read and commands are run again when the server refuses what they gave.
//!
//! Nothing here is ever printed but names of variables, files and programs.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::error::Refusal;
use super::secret_output::{CommandFailure, MAX_TIME, secret_of};
use crate::api::credentials::{Credentials, User};
use crate::domain::secret::{MAX_BYTES, Secret, SecretFault};
use crate::domain::secret_command::SecretCommand;

/// The variables of the environment, by name.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables that are read, each with the older names of the SDK.
const APP_CODE: [&str; 3] = ["BK_APP_CODE", "BKPAAS_APP_ID", "APP_CODE"];
const APP_SECRET: [&str; 3] = ["BK_APP_SECRET", "BKPAAS_APP_SECRET", "SECRET_KEY"];
const TOKEN: [&str; 1] = ["BK_TOKEN"];
const USERNAME: [&str; 1] = ["BK_USERNAME"];

/// Maximum size of what is read of a file with a secret, in bytes: more than a secret may have.
const MAX_READ: u64 = 2 * MAX_BYTES as u64;

/// Every variable that credentials may come from.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    APP_CODE.into_iter().chain(APP_SECRET).chain(TOKEN).chain(USERNAME).chain([DIRECTORY])
}

/// systemd puts the credentials of a unit there.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Whether a variable holds an app secret.
pub(crate) fn has_app_secret(environment: Environment<'_>) -> bool {
    variable(&APP_SECRET, environment).is_some()
}

/// Whether a variable holds a token.
pub(crate) fn has_token(environment: Environment<'_>) -> bool {
    variable(&TOKEN, environment).is_some()
}

/// Whether the environment holds the credential of the variable `name`, under this name or another
/// one.
pub(crate) fn has_credential(name: &str, environment: Environment<'_>) -> bool {
    let all: [&[&str]; 4] = [&APP_CODE, &APP_SECRET, &TOKEN, &USERNAME];
    let same = all.into_iter().find(|same| same.contains(&name));
    same.is_some_and(|same| variable(same, environment).is_some())
}

fn variable(
    names: &[&'static str],
    environment: Environment<'_>,
) -> Option<(&'static str, String)> {
    let value = |name| environment(name).filter(|value| !value.is_empty());
    names.iter().find_map(|name| Some((*name, value(name)?)))
}

/// Secrets that were named on the command line.
#[derive(Default)]
pub(crate) struct NamedSecrets {
    pub app_secret: Option<NamedSecret>,
    pub token: Option<NamedSecret>,
}

/// A file or a command that was named.
pub(crate) enum NamedSecret {
    File(PathBuf),
    Command { flag: &'static str, command: SecretCommand },
}

impl NamedSecret {
    /// Returns the one of `file` and `command` that was named; `flag` names the command.
    pub(crate) fn of(
        file: Option<PathBuf>,
        command: Option<SecretCommand>,
        flag: &'static str,
    ) -> Option<Self> {
        let command = command.map(|command| Self::Command { flag, command });
        command.or_else(|| file.map(Self::File))
    }
}

/// A value that stands in a variable.
#[derive(Clone)]
pub(crate) struct VariableValue {
    pub name: &'static str,
    pub value: String,
}

/// Source of each credential, as far as it is found.
pub(crate) struct Search {
    pub app_code: Option<VariableValue>,
    pub app_secret: Option<SecretPlace>,
    pub user: Option<UserPlace>,
}

impl Search {
    /// Looks for each credential: a file or a command that was named, else a variable, else a
    /// file in `$CREDENTIALS_DIRECTORY`. A token beats a username.
    pub(crate) fn of(named: NamedSecrets, environment: Environment<'_>) -> Self {
        let NamedSecrets { app_secret, token } = named;
        let directory = variable(&[DIRECTORY], environment).map(|(_, path)| PathBuf::from(path));
        let in_directory =
            |name| directory.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file());
        let place = |named: Option<NamedSecret>, names: &[&'static str], name| {
            named
                .map(SecretPlace::from)
                .or_else(|| {
                    let (name, value) = variable(names, environment)?;
                    Some(SecretPlace::Variable { name, secret: Secret::new(&value) })
                })
                .or_else(|| in_directory(name).map(SecretPlace::File))
        };
        let value =
            |names| variable(names, environment).map(|(name, value)| VariableValue { name, value });
        Self {
            app_code: value(&APP_CODE),
            app_secret: place(app_secret, &APP_SECRET, "bk_app_secret"),
            user: place(token, &TOKEN, "bk_token")
                .map(UserPlace::Token)
                .or_else(|| value(&USERNAME).map(UserPlace::Name)),
        }
    }

    /// Whether every credential has a source.
    pub(crate) const fn is_complete(&self) -> bool {
        self.app_code.is_some() && self.app_secret.is_some() && self.user.is_some()
    }

    /// Returns the sources, or an error that names each credential that has none.
    pub(crate) fn finish(self) -> Result<Origin, CredentialError> {
        let Self { app_code, app_secret, user } = self;
        let missing = [
            (app_code.is_none(), APP_CODE_WANTED),
            (app_secret.is_none(), APP_SECRET_WANTED),
            (user.is_none(), USER_WANTED),
        ];
        if let (Some(app_code), Some(app_secret), Some(user)) = (app_code, app_secret, user) {
            return Ok(Origin { app_code, app_secret, user });
        }
        let missing = missing.into_iter().filter(|(is_missing, _)| *is_missing);
        Err(CredentialError::Missing(missing.map(|(_, wanted)| wanted).collect()))
    }
}

/// Sources of each credential, as messages name them.
pub(crate) const APP_CODE_WANTED: &str = "the app code (BK_APP_CODE)";
pub(crate) const APP_SECRET_WANTED: &str =
    "the app secret (BK_APP_SECRET, --app-secret-file or --app-secret-cmd)";
pub(crate) const USER_WANTED: &str =
    "the user (BK_TOKEN, --token-file or --token-cmd; or BK_USERNAME)";

/// Source of each credential.
#[derive(Clone)]
pub(crate) struct Origin {
    app_code: VariableValue,
    app_secret: SecretPlace,
    user: UserPlace,
}

#[derive(Clone)]
pub(crate) enum SecretPlace {
    Variable { name: &'static str, secret: Secret },
    File(PathBuf),
    Command { flag: &'static str, command: SecretCommand },
}

impl From<NamedSecret> for SecretPlace {
    fn from(named: NamedSecret) -> Self {
        match named {
            NamedSecret::File(path) => Self::File(path),
            NamedSecret::Command { flag, command } => Self::Command { flag, command },
        }
    }
}

#[derive(Clone)]
pub(crate) enum UserPlace {
    Token(SecretPlace),
    Name(VariableValue),
}

/// Way in which credentials can be read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rereading {
    /// They stand in variables, which cannot change.
    Never,
    /// They stand in files, which are read at once.
    Files,
    /// A command gives them, which takes its time.
    Commands,
}

impl Origin {
    /// Finds each credential, as [`Search::of`] does.
    pub(crate) fn find(
        named: NamedSecrets,
        environment: Environment<'_>,
    ) -> Result<Self, CredentialError> {
        Search::of(named, environment).finish()
    }

    /// Reads every credential as it is now. A command may take some seconds.
    pub(crate) fn read(&self) -> Result<Credentials, CredentialError> {
        Ok(Credentials {
            app_code: self.app_code.value.clone(),
            app_secret: self.app_secret.read()?,
            user: match &self.user {
                UserPlace::Token(place) => User::Token(place.read()?),
                UserPlace::Name(name) => User::Name(name.value.clone()),
            },
        })
    }

    fn places(&self) -> impl Iterator<Item = &SecretPlace> {
        let token = match &self.user {
            UserPlace::Token(place) => Some(place),
            UserPlace::Name(_) => None,
        };
        std::iter::once(&self.app_secret).chain(token)
    }

    /// Returns the files with secrets that others may read.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = &Path> {
        let files = self.places().filter_map(|place| match place {
            SecretPlace::File(path) => Some(path.as_path()),
            SecretPlace::Variable { .. } | SecretPlace::Command { .. } => None,
        });
        files.filter(|path| others_may_read(path))
    }

    /// Returns how the credentials can be read anew, while the program runs.
    pub(crate) fn rereading(&self) -> Rereading {
        let of_place = |place: &SecretPlace| match place {
            SecretPlace::Variable { .. } => Rereading::Never,
            SecretPlace::File(_) => Rereading::Files,
            SecretPlace::Command { .. } => Rereading::Commands,
        };
        self.places().map(of_place).max().unwrap_or(Rereading::Never)
    }
}

impl SecretPlace {
    pub(crate) fn read(&self) -> Result<Secret, CredentialError> {
        match self {
            Self::Variable { secret, .. } => Ok(secret.clone()),
            Self::File(path) => {
                let failed = |source| CredentialError::Read { path: path.clone(), source };
                let mut bytes = Vec::new();
                let file = File::open(path).map_err(failed)?;
                file.take(MAX_READ).read_to_end(&mut bytes).map_err(failed)?;
                let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
                let length =
                    bytes.iter().rposition(|byte| !is_end(byte)).map_or(0, |last| last + 1);
                Secret::of_bytes(&bytes[..length])
                    .map_err(|fault| CredentialError::Content { path: path.clone(), fault })
            }
            Self::Command { flag, command } => secret_of(command, MAX_TIME)
                .map_err(|failure| CredentialError::Command { flag, failure }),
        }
    }
}

/// Whether users who do not own the file at `path` may read it.
pub(crate) fn others_may_read(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o004 != 0)
}

#[derive(Debug, Error)]
pub(crate) enum CredentialError {
    #[error("credentials are missing: {}; bk-launch doctor shows what is set", .0.join(", "))]
    Missing(Vec<&'static str>),
    #[error("cannot read the credential in {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error(
        "the file {} holds {fault}; it should hold a token or an app secret, and nothing else",
        path.display()
    )]
    Content { path: PathBuf, fault: SecretFault },
    #[error("{flag}: {failure}")]
    Command { flag: &'static str, failure: CommandFailure },
}

impl Refusal for CredentialError {}

#[cfg(test)]
mod tests;
