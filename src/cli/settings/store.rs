//! The folder of all runs, from flags and environment.

use std::path::PathBuf;

use super::error::SettingsError;
use crate::args::session::StateArgs;
use crate::config::variables::STATE_VARIABLE;
use crate::session::credentials::Environment;
use crate::store::RunStore;

/// Returns the place where runs are kept, in the folder of [`state_folder`].
pub(crate) fn runs(
    state: StateArgs,
    environment: Environment<'_>,
) -> Result<RunStore, SettingsError> {
    Ok(RunStore::of(&state_folder(state, environment)?))
}

/// Returns the state folder: the one that was named, else the user's.
pub(crate) fn state_folder(
    state: StateArgs,
    environment: Environment<'_>,
) -> Result<PathBuf, SettingsError> {
    let StateArgs { state_dir } = state;
    let variable = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_user = || {
        let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
        let home = || std::env::home_dir().map(|home| home.join(".local/state"));
        state.or_else(home).map(|state| state.join("bk-launch"))
    };
    let state = state_dir.or_else(|| variable(STATE_VARIABLE)).or_else(of_user);
    let state = state.ok_or(SettingsError::NoState)?;
    Ok(std::path::absolute(&state).unwrap_or(state))
}
