//! Credentials: which there are, where they come from, and whether they can be had. No secret and
//! nothing about one is told but its source.

use std::time::Instant;

use super::finding::{Area, Finding};
use crate::api::credentials::{Credentials, User};
use crate::domain::secret::Secret;
use crate::session::credentials::{
    APP_CODE_WANTED, APP_SECRET_WANTED, Search, SecretPlace, USER_WANTED, UserPlace, VariableValue,
    others_may_read,
};

/// Whether a variable stands in the environment; one that is read nevertheless is of a profile.
pub(crate) type IsSet<'a> = &'a dyn Fn(&str) -> bool;

/// Looks for all credentials. Returns them, too, if they are complete.
pub(super) fn look(search: &Search, is_set: IsSet<'_>) -> (Vec<Finding>, Option<Credentials>) {
    let (code, app_code) = code(search.app_code.as_ref(), is_set);
    let (secret, app_secret) = match &search.app_secret {
        None => (missing("app secret", APP_SECRET_WANTED), None),
        Some(place) => held("app secret", place, is_set),
    };
    let (whom, user) = user(search.user.as_ref(), is_set);
    let credentials = app_code.zip(app_secret).zip(user);
    let credentials = credentials.map(|((app_code, app_secret), user)| Credentials {
        app_code,
        app_secret,
        user,
    });
    (vec![code, secret, whom], credentials)
}

fn missing(name: &'static str, wanted: &str) -> Finding {
    Finding::error(Area::Credentials, name, "not given").with_advice(format!("give {wanted}"))
}

fn code(code: Option<&VariableValue>, is_set: IsSet<'_>) -> (Finding, Option<String>) {
    let Some(VariableValue { name, value }) = code else {
        return (missing("app code", APP_CODE_WANTED), None);
    };
    let says = format!("{value}, from {}", source(name, is_set));
    (Finding::ok(Area::Credentials, "app code", says), Some(value.clone()))
}

fn user(user: Option<&UserPlace>, is_set: IsSet<'_>) -> (Finding, Option<User>) {
    match user {
        None => (missing("user", USER_WANTED), None),
        Some(UserPlace::Name(VariableValue { name, value })) => {
            let source = source(name, is_set);
            let says = format!("{value}, from {source}; only some apps may send a name");
            let found = Finding::ok(Area::Credentials, "user", says);
            (found, Some(User::Name(value.clone())))
        }
        Some(UserPlace::Token(place)) => {
            let (found, token) = held("token", place, is_set);
            (found, token.map(User::Token))
        }
    }
}

/// Where the value of the variable `name` comes from.
fn source(name: &str, is_set: IsSet<'_>) -> String {
    if is_set(name) { name.to_owned() } else { format!("the profile, in place of {name}") }
}

/// Reads a secret where it is held.
fn held(name: &'static str, place: &SecretPlace, is_set: IsSet<'_>) -> (Finding, Option<Secret>) {
    let from = match place {
        SecretPlace::Variable { name, .. } => format!("from {}", source(name, is_set)),
        SecretPlace::File(path) => format!("from the file {}", path.display()),
        SecretPlace::Command { flag, command } => {
            format!("printed by {} ({flag})", command.program())
        }
    };
    let began = Instant::now();
    match place.read() {
        Err(error) => {
            let found = Finding::error(Area::Credentials, name, error.to_string());
            (found, None)
        }
        Ok(secret) => {
            let found = match place {
                SecretPlace::File(path) if others_may_read(path) => Finding::warning(
                    Area::Credentials,
                    name,
                    format!("{from}, which others may read"),
                )
                .with_advice(format!("chmod 600 {}", path.display())),
                SecretPlace::Command { .. } => {
                    Finding::ok(Area::Credentials, name, from).within(began.elapsed())
                }
                SecretPlace::File(_) | SecretPlace::Variable { .. } => {
                    Finding::ok(Area::Credentials, name, from)
                }
            };
            (found, Some(secret))
        }
    }
}
