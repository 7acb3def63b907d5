//! The variables of the environment that are read.

use crate::config::variables::{
    ESB_VARIABLE, GATEWAY_VARIABLE, NOTIFY_VARIABLE, PING_VARIABLE, STATE_VARIABLE,
};
use crate::session::credentials;

/// The variables that are read.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    [ESB_VARIABLE, GATEWAY_VARIABLE, STATE_VARIABLE]
        .into_iter()
        .chain(credentials::variables())
        .chain([PING_VARIABLE, NOTIFY_VARIABLE])
}

/// Those of them that are set.
pub(crate) fn set_variables() -> Vec<&'static str> {
    variables().filter(|name| std::env::var_os(name).is_some()).collect()
}
