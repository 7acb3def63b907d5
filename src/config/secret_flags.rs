//! Flags that say what gives a secret. Two that give the same one take each other's place.

use super::variables::{NOTIFY_VARIABLE, PING_VARIABLE};
use crate::session::credentials::{Environment, has_app_secret, has_token};

/// The flags by their ids, those of the same secret side by side.
const SAME_SECRET: [[&str; 2]; 2] =
    [["app_secret_cmd", "app_secret_file"], ["token_cmd", "token_file"]];

/// Keys of a profile that give the same secret.
const SAME_SECRET_OF_PROFILE: [[&str; 3]; 2] =
    [["app_secret", "app_secret_cmd", "app_secret_file"], ["token", "token_cmd", "token_file"]];

/// Flags whose value is run as a program.
pub(super) const COMMANDS: [&str; 2] = ["app_secret_cmd", "token_cmd"];

/// Returns the flags that give the same secret as `id`, itself among them.
pub(super) fn rivals(id: &str) -> Option<[&'static str; 2]> {
    SAME_SECRET.into_iter().find(|same| same.contains(&id))
}

/// Whether the flag `id` gives a secret that a variable of the environment may hold instead.
pub(super) fn has_variable(id: &str) -> bool {
    rivals(id).is_some() || matches!(id, "notify_url_file" | "ping_url_file")
}

/// Whether the environment holds what the flag `id` gives. It beats a flag of a profile, but none
/// that was typed.
pub(super) fn is_in(environment: Environment<'_>, id: &str) -> bool {
    let has = |name| environment(name).is_some_and(|value| !value.trim().is_empty());
    match id {
        "app_secret_cmd" | "app_secret_file" => has_app_secret(environment),
        "token_cmd" | "token_file" => has_token(environment),
        "notify_url_file" => has(NOTIFY_VARIABLE),
        "ping_url_file" => has(PING_VARIABLE),
        _ => false,
    }
}

/// Returns the other keys of a profile that give the same secret as `key`.
pub(super) fn rival_keys(key: &str) -> impl Iterator<Item = &'static str> {
    let same = SAME_SECRET_OF_PROFILE.into_iter().find(|same| same.contains(&key));
    same.into_iter().flatten().filter(move |other| *other != key)
}
